#!/usr/bin/env bash
# XOAUTH2 and OAUTHBEARER: a token from passwordeval is taken; one that is refused has its challenge
# answered, is asked for once more, and not in a loop; a run lasts longer than its tokens; a token of
# more than 12 KB works. mmerge and popdump alike, against mailsink, and Postfix and Dovecot.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

mmerge=$MB_BIN/mmerge
popdump=$MB_BIN/popdump
cd "$T"
printf 'From: a@example.net\nTo: {{ email }}\nSubject: s\n\nbody\n' >letter
{
    echo email
    printf 'u%d@example.net\n' {1..6}
} >people.csv

# Counts its calls; the token it prints is tokens/N for the N-th call, else tokens/last.
mkdir tokens
cat >token <<'SH'
#!/bin/sh
echo >>"$T/asked"
n=$(wc -l <"$T/asked")
cat "$T/tokens/$n" 2>/dev/null || cat "$T/tokens/last"
SH
chmod 755 token

# tokens TEXT…: what is printed, call by call; the last one from then on
tokens()
{
    local n=0 text

    rm -f asked tokens/*
    for text; do
        n=$((n + 1))
        echo "$text" >"tokens/$n"
        echo "$text" >tokens/last
    done
}

asked()
{
    wc -l <asked
}

logins()
{
    grep -c "[~-]> AUTH $mechanism" said
}

# sends EXIT [OPTION…]
sends()
{
    local code=$1

    shift
    rm -f people.csv.mmerge.db* said
    expect_exit "$code" timeout 60 "$mmerge" send --wait 1s --server "smtp://u1@localhost:$SINK_SMTP" \
        --tls-trust "$CA_FILE" --auth "$mechanism" --passwordeval "$T/token" --transcript said \
        "$@" letter people.csv
}

fetches()
{
    local code=$1

    shift
    rm -rf box
    expect_exit "$code" timeout 60 "$popdump" fetch --verbose --server "pop3://u1@localhost:$SINK_POP3" \
        --tls-trust "$CA_FILE" --auth "$mechanism" --passwordeval "$T/token" "$@" box
}

# A challenge is answered by an empty line, or by ^A; lines of the transcript are hidden, so the
# server's word for it counts: 535, and not 501.
refused_in_order()
{
    expect_line "535 5.7.8 login refused" "$1"
    expect_no_line "501 5.5.2" "$1"
}

long=$(head -c 9300 /dev/urandom | base64 -w 0 | tr '+/=' 'abc') # 12,400 octets
longest=$(head -c 33000 /dev/urandom | base64 -w 0 | tr '+/=' 'abc')

start_mailsink "$T/sink" --user u1:fresh --user "u2:$long" --user "u3:$longest"
for mechanism in XOAUTH2 OAUTHBEARER; do
    case_begin "$mechanism: a token that is good is asked for once"
    tokens fresh
    sends 0
    expect_line " ~> AUTH $mechanism <hidden>" said
    expect_equal "asked" 1 "$(asked)"
    expect_equal "logins" 1 "$(logins)"
    tokens fresh
    fetches 0
    expect_equal "asked" 1 "$(asked)"

    case_begin "$mechanism: one that has expired is asked for once more, and then taken"
    tokens stale fresh
    sends 0
    expect_line "6 sent" out
    refused_in_order said
    expect_equal "asked" 2 "$(asked)"
    expect_equal "logins" 2 "$(logins)"
    tokens stale fresh
    fetches 0
    expect_line "once more with another token" err
    expect_equal "asked" 2 "$(asked)"

    case_begin "$mechanism: refused twice is refused, with what the server said, and no loop"
    tokens stale
    sends 77
    expect_line "the login of u1 was refused; the token: {\"status\":" err
    expect_one_line err
    refused_in_order said
    expect_equal "asked" 2 "$(asked)"
    expect_equal "logins" 2 "$(logins)"
    tokens stale
    fetches 77
    expect_line "login refused for u1: [AUTH] login refused; the token: {\"status\":" err
    expect_equal "asked" 2 "$(asked)"
    expect_missing box
    statement M-33

    case_begin "$mechanism: side by side, too"
    tokens stale fresh
    sends 0 --connections 3 --per-connection 1
    expect_equal "asked" 2 "$(asked)"
    tokens stale
    sends 77 --connections 3
    expect_equal "asked" 2 "$(asked)"

    case_begin "$mechanism: a command that fails the second time is told with the refusal"
    tokens stale
    cat >once <<'SH'
#!/bin/sh
echo >>"$T/asked"
[ "$(wc -l <"$T/asked")" = 1 ] && echo stale
SH
    chmod 755 once
    mv token token.kept && mv once token
    sends 77
    expect_line "for a newer token: passwordeval of u1@localhost: the command failed with exit status 1" err
    rm -f asked
    fetches 77
    expect_line "for a newer token: passwordeval of u1@localhost: the command failed with exit status 1" err
    mv token.kept token

    case_begin "$mechanism: tokens of 12 KB and 44 KB"
    for name in u2:long u3:longest; do
        declare -n token_text=${name#*:}
        tokens "$token_text"
        rm -f people.csv.mmerge.db* said
        expect_exit 0 timeout 60 "$mmerge" send --server "smtp://${name%:*}@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" \
            --auth "$mechanism" --passwordeval "$T/token" --transcript said letter people.csv
        rm -rf box
        expect_exit 0 timeout 60 "$popdump" fetch --server "pop3://${name%:*}@localhost:$SINK_POP3" \
            --tls-trust "$CA_FILE" --auth "$mechanism" --passwordeval "$T/token" box
        ! grep -rqF "${token_text:0:100}" said err out box || fail "the token is shown"
    done
    statement M-33 M-32
done

case_begin "a mechanism that is not to be had: nothing is asked for again"
tokens fresh
mechanism=GSSAPI
sends 77
expect_line "GSSAPI is not to be had; offered: PLAIN LOGIN XOAUTH2 OAUTHBEARER" err
expect_equal "asked" 1 "$(asked)"

case_begin "a password is not asked for again"
mechanism=PLAIN
tokens stale
sends 77
expect_equal "asked" 1 "$(asked)"
tokens stale
fetches 77
expect_equal "asked" 1 "$(asked)"
stop_background "$SINK_PID"

case_begin "a run lasts longer than its tokens: what is refused when it connects again is renewed"
mechanism=XOAUTH2
start_mailsink "$T/later" --user u1:fresh --fault 'smtp auth 3 535 5.7.8 expired' --fault 'smtp auth 5 535 5.7.8 expired'
tokens fresh
sends 0 --per-connection 1
expect_line "6 sent" out
expect_equal "asked" 3 "$(asked)"
expect_equal "logins" 8 "$(logins)"
expect_equal "nobody twice" 6 "$(grep -c 'RCPT TO' said)"
stop_background "$SINK_PID"

case_begin "popdump, after a connection that was lost"
start_mailsink "$T/lost" --user u1:fresh --store "$T/lost/store" \
    --fault 'pop3 retr 3 drop' --fault 'pop3 auth 2 -ERR [AUTH] expired'
tokens fresh
sends 0
rm -f asked
fetches 0 --window 1
expect_line "6 new messages archived" out
expect_equal "asked" 2 "$(asked)"
stop_background "$SINK_PID"

# --- Postfix and Dovecot, which ask a server of the provider's what a token is worth ---------------

cat >introspect.py <<'PYTHON'
import http.server, json, sys, urllib.parse

class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        good = urllib.parse.parse_qs(body).get("token") == ["fresh"]
        answer = json.dumps({"active": good, "username": "u1"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
PYTHON

if need_servers "tokens with Postfix and Dovecot"; then
    provider=
    free_port provider
    start_background "$T/provider.log" "$MB_PYTHON" introspect.py "$provider"
    printf 'introspection_url = http://127.0.0.1:%s/\nintrospection_mode = post\n' "$provider" >oauth.conf
    printf 'username_attribute = username\nactive_attribute = active\nactive_value = true\n' >>oauth.conf
    mkdir -p servers
    cp oauth.conf servers/oauth.conf
    # The second block: a refusal costs the next login seconds otherwise.
    DOVECOT_MORE="auth_mechanisms = plain oauthbearer xoauth2
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = $T/servers/oauth.conf
}
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}"
    start_postfix_dovecot "$T/servers"
    SINK_SMTP=$SUBMISSION_PORT
    SINK_POP3=$POP3_PORT
    printf 'Subject: a\n\none\n' >mail
    seed_mail u1 mail
    for mechanism in XOAUTH2 OAUTHBEARER; do
        case_begin "Postfix and Dovecot, $mechanism: stale, then fresh"
        tokens stale fresh
        sends 0
        expect_line "<~* 535 " said
        expect_line "<~  235 " said
        expect_equal "asked" 2 "$(asked)"
        tokens stale fresh
        fetches 0
        expect_equal "asked" 2 "$(asked)"
        case_begin "Postfix and Dovecot, $mechanism: refused"
        tokens stale
        sends 77
        expect_line 'the token: {"status":' err
        expect_equal "asked" 2 "$(asked)"
        tokens stale
        fetches 77
        expect_line 'the token: {"status":' err
        statement M-33
    done
fi
