#!/usr/bin/env bash
# popdump fetch when one session is not enough: a connection that is cut goes on in the same run,
# a busy server is waited for, one that lists a part only is drained, deletions come in portions, and
# a mailbox whose unique-ids change is neither fetched again nor deleted from.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"
. "$MB_SOURCE/tests/support/pop3-box.sh"

popdump=$MB_BIN/popdump
tool=$MB_SOURCE/tests/support/archive.py
echo pw >"$T/password"
chmod 600 "$T/password"

# begin_box JSON: a fresh server, and no archive
begin_box()
{
    rm -rf "$T/archive"
    start_box "$1"
}

# fetch EXIT [OPTION…]
fetch()
{
    local code=$1

    shift
    expect_exit "$code" timeout 120 "$popdump" fetch --password-file "$T/password" --tls off "$@" \
        --server "pop3://u1@127.0.0.1:$PORT" "$T/archive"
    cat "$T/out" "$T/err" >"$T/said"
}

# archived N: so many messages, all of them proven
archived()
{
    expect_exit 0 "$popdump" verify "$T/archive"
    expect_equal "messages archived" "$1" "$("$MB_PYTHON" "$tool" count "$T/archive")"
}

# ---- a connection that is lost ----

case_begin "a run whose connection is cut goes on at the next message"
begin_box '{"count": 12, "cut": 5}'
fetch 0 --window 1
expect_line "12 new messages archived" "$T/out"
expect_line "again in 1 s (try 2 of 5)" "$T/err"
archived 12
# Each cut costs the message it cut, and no other is asked for twice.
expect_equal "RETRs" 14 "$(said RETR)"
expect_equal "logins" 3 "$(said PASS)"
stop_box

case_begin "with a window, what was asked ahead of a cut is asked again"
begin_box '{"count": 40, "cut": 11}'
fetch 0 --window 8
archived 40
expect_equal "double members" "" "$("$popdump" list --json "$T/archive" |
    sed 's/.*"uidl":"\([^"]*\)".*/\1/' | sort | uniq -d)"
stop_box

# ---- a server that does not stuff ----

# All of one size: shifted by one, each would pass for the next, and the last one be deleted unread.
case_begin "a forged reply in a message shifts no other, and with --delete loses none"
begin_box '{"count": 20, "same": true, "forge": [5]}'
fetch 10 --delete
expect_line "19 new messages archived" "$T/out"
expect_line "message 5 (id5): left on the server: a line of one dot in it" "$T/err"
fetch 10 --delete
expect_line "nothing new, 1 left on the server" "$T/out"
archived 19
for number in {1..20}; do
    [ "$number" = 5 ] || expect_line "mail $(printf %04d "$number")" <(
        "$popdump" list --json "$T/archive" | grep "\"uidl\":\"id$number\"")
done
expect_equal "DELEs" 19 "$(said DELE)"
stop_box

case_begin "sizes that LIST states too large cost a session, and no message"
begin_box '{"count": 30, "larger": [3, 4, 9]}'
fetch 0
expect_line "30 new messages archived" "$T/out"
expect_line "message 3 came with" "$T/err"
archived 30
expect_equal "logins" 2 "$(said PASS)"
expect_equal "STATs" 3 "$(said STAT)"
stop_box

case_begin "the tries that bring nothing are bounded, and --retry says how many"
begin_box '{"cut": 1}'
fetch 75 --retry 3
expect_line "try 3 of 3" "$T/err"
expect_equal "logins" 3 "$(said PASS)"
fetch 75 --retry 1
expect_equal "logins" 4 "$(said PASS)"
archived 0
stop_box

case_begin "tries that bring something do not count"
begin_box '{"count": 7, "cut": 2}'
fetch 0 --retry 2 --window 1
archived 7
expect_equal "logins" 7 "$(said PASS)"
stop_box

case_begin "--limit counts over the sessions of a run"
begin_box '{"count": 20, "cut": 4}'
fetch 0 --limit 6 --window 1
archived 6
stop_box

case_begin "a server that does not come back is an end"
begin_box '{"count": 20, "cut": 4, "pause": 0.1}'
: >"$T/gone.log"
{
    wait_for grep -q "again in" "$T/gone.log"
    stop_background "$BOX_PID"
} &
killer=$!
code=0
timeout 60 "$popdump" fetch --password-file "$T/password" --tls off --window 1 --retry 2 \
    --server "pop3://u1@127.0.0.1:$PORT" "$T/archive" >"$T/out" 2>"$T/gone.log" || code=$?
wait "$killer" || true
expect_equal "exit code" 69 "$code"
archived 3

# ---- not now ----

case_begin "a mailbox in use is waited for"
begin_box '{"login": ["-ERR maildrop is locked", "-ERR [SYS/TEMP] later"]}'
fetch 0
expect_line "locked; again in 3 s (try 2 of 5)" "$T/err"
expect_line "later; again in 6 s (try 3 of 5)" "$T/err"
archived 20
stop_box

case_begin "but no longer than --wait"
begin_box '{"login": ["-ERR [IN-USE] another session"]}'
fetch 75 --wait 2s
expect_equal "logins" 1 "$(said PASS)"
stop_box

case_begin "a wrong password is tried once"
begin_box '{"login": ["-ERR [AUTH] wrong"]}'
fetch 77
expect_equal "logins" 1 "$(said PASS)"
stop_box

case_begin "LOGIN-DELAY stands between two logins"
begin_box '{"count": 4, "cut": 3, "capa": ["LOGIN-DELAY 3"]}'
fetch 0 --window 1
archived 4
apart=$(awk '/PASS/ { if (before) print int($1 - before); before = $1 }' "$T/server.log")
[ "${apart:-0}" -ge 3 ] || fail "two logins only ${apart:-no} seconds apart"
stop_box

case_begin "a LOGIN-DELAY longer than --wait ends the run"
begin_box '{"count": 4, "cut": 3, "capa": ["LOGIN-DELAY 900"]}'
fetch 75 --window 1
archived 2
stop_box
statement P-11

# ---- a part of the mailbox ----

case_begin "a server that lists a part only is drained"
begin_box '{"count": 230, "part": 60}'
fetch 0
expect_line "230 new messages archived" "$T/out"
archived 230
# 60, 60, 60, 50; then a listing of 0
expect_equal "logins" 5 "$(said PASS)"
expect_no_line "gone at once" "$T/said"
expect_equal "TOPs" 0 "$(said TOP)"
stop_box

case_begin "and emptied, when that is asked for"
begin_box '{"count": 130, "part": 60}'
fetch 0 --delete
expect_line "130 deleted from the server" "$T/out"
expect_equal "DELEs" 130 "$(said DELE)"
archived 130
stop_box

case_begin "a short or a known listing is all there is"
begin_box '{"count": 49}'
fetch 0
expect_equal "logins" 1 "$(said PASS)"
wish '{"count": 120}'
fetch 0
archived 120
expect_equal "logins" 2 "$(said PASS)"
stop_box

case_begin "a look that finds the same is told by sums and the last id, without a listing"
begin_box '{"count": 120}'
fetch 0
archived 120
expect_equal "logins" 2 "$(said PASS)"
expect_equal "LISTs" 1 "$(said LIST)"
expect_equal "STATs" 1 "$(said STAT)"
expect_equal "listed, by the journal" "120 120" "$(sed -n 's/.*"listed":\([0-9]*\).*/\1/p' "$T/archive/journal/"*.jsonl | xargs)"
stop_box

case_begin "a part that sums up to the part before is another part"
begin_box '{"count": 120, "part": 60, "same": true}'
fetch 0
archived 120
stop_box

case_begin "a server that tells no single id is asked for its listing"
begin_box '{"count": 120, "uidl-of": false}'
fetch 0
archived 120
expect_equal "LISTs" 2 "$(said LIST)"
stop_box

# An empty listing is not a mailbox from which all is gone: what is known of it stays.
case_begin "a look that is cut records nothing as gone, and looks again by the listing"
begin_box '{"count": 120, "uidl-of": "cut"}'
fetch 0
archived 120
expect_equal "logins" 3 "$(said PASS)"
expect_equal "LISTs" 2 "$(said LIST)"
expect_no_line '"kind":"gone"' <(cat "$T"/archive/journal/*.jsonl)
wish '{"count": 300, "part": 60, "uidl-of": "cut", "remove": ['"$(seq -s, 1 120)"']}'
rm -r "$T/archive"
before=$(said "UIDL ")
fetch 0
archived 180
expect_equal "single UIDLs" $((before + 1)) "$(said "UIDL ")"
stop_box

case_begin "a look that is refused is no failure"
begin_box '{"count": 60, "login": ["+OK", "-ERR [SYS/TEMP] too many logins"]}'
fetch 0
expect_line "whether the server has more" "$T/err"
archived 60
stop_box

case_begin "a server that always has more is left after --looks"
begin_box '{"count": 50, "lie": true}'
fetch 0 --looks 3
archived 200
expect_equal "logins" 4 "$(said PASS)"
stop_box

# ---- deletion ----

case_begin "a QUIT whose answer is lost is settled by the next listing of the run"
begin_box '{"count": 6, "lose-quit": true}'
fetch 0 --delete
expect_line "6 deleted from the server" "$T/out"
expect_no_line "not confirmed" "$T/out"
expect_equal "DELEs" 6 "$(said DELE)"
archived 6
expect_equal "deleted" 6 "$("$popdump" list "$T/archive" 2>"$T/err" | grep -c ' deleted ')"
stop_box
statement P-4

case_begin "--expunge N: a clean QUIT every N deletions"
begin_box '{"count": 10}'
fetch 0 --delete --expunge 4
expect_equal "QUITs" 3 "$(said QUIT)"
expect_equal "most DELEs before a QUIT" 4 "$(awk '/DELE/ { n++; if (n > most) most = n }
    /QUIT/ { n = 0 } END { print most }' "$T/server.log")"
archived 10
stop_box

case_begin "a message that stands at another size is not deleted"
begin_box '{"count": 5}'
fetch 0
wish '{"count": 5, "larger": [2]}'
fetch 10 --delete
expect_equal "DELEs" 4 "$(said DELE)"
stop_box

case_begin "older= counts from the first listing, fetched or not"
begin_box '{"count": 4}'
fetch 0 --limit 1
sleep_until=$(($(date +%s) + 3))
wait_for eval "[ \$(date +%s) -ge $sleep_until ]"
wish '{"count": 5}'
fetch 0 --delete=older=2s
# Message 5 is new; 2, 3 and 4 were listed before.
expect_equal "DELEs" 4 "$(said DELE)"
archived 5
stop_box

case_begin "older= of an archive that lost its journal counts from the next listing"
begin_box '{"count": 4}'
fetch 0
rm -r "$T"/archive/journal/* "$T"/archive/catalog.db*
expect_exit 0 "$popdump" rebuild "$T/archive"
fetch 0 --delete=older=2s
sleep_until=$(($(date +%s) + 3))
expect_equal "DELEs" 0 "$(said DELE)"
wait_for eval "[ \$(date +%s) -ge $sleep_until ]"
fetch 0 --delete=older=2s
expect_equal "DELEs" 4 "$(said DELE)"
stop_box

# ---- unique-ids that change ----

case_begin "most ids change: held, healed by TOP, nothing fetched again, nothing deleted"
begin_box '{"count": 20}'
fetch 0
wish '{"count": 24, "ids": "new"}'
before=$(said RETR)
fetch 10 --delete --dry-run
expect_line "20 of 20 messages that were on the server are gone at once" "$T/err"
expect_no_line "would be deleted" "$T/out"
fetch 10 --delete
expect_line "20 of 20 messages that were on the server are gone at once" "$T/err"
expect_line "20 of them have new unique-ids" "$T/err"
expect_line "4 new messages archived" "$T/out"
expect_equal "RETRs" $((before + 4)) "$(said RETR)"
tops=$(said TOP)
if [ "$tops" -lt 20 ] || [ "$tops" -gt 24 ]; then
    fail "$tops TOPs"
fi
expect_equal "DELEs" 0 "$(said DELE)"
archived 24

case_begin "the next run deletes what it fetched itself, and no healed match"
fetch 0 --delete
expect_no_line "gone at once" "$T/err"
expect_equal "DELEs" 4 "$(said DELE)"
expect_equal "TOPs" "$tops" "$(said TOP)"

case_begin "a rebuilt catalog knows the new names"
"$popdump" list --json "$T/archive" >"$T/before"
rm "$T"/archive/catalog.db*
expect_exit 0 "$popdump" rebuild "$T/archive"
"$popdump" list --json "$T/archive" >"$T/after"
expect_same "$T/before" "$T/after"
before=$(said RETR)
fetch 0 --delete
expect_equal "RETRs" "$before" "$(said RETR)"
expect_equal "DELEs" 4 "$(said DELE)"
archived 24
stop_box
statement P-17

case_begin "another header is another message, also at the same size"
begin_box '{"count": 10}'
fetch 0
wish '{"count": 10, "ids": "new", "alter": [3, 4]}'
fetch 0 --json
cp "$T/out" "$T/events"
expect_line "8 of them have new unique-ids" "$T/err"
expect_line '{"event":"held","expected":10,"missing":10}' "$T/events"
expect_equal "healed" 8 "$(grep -c '"event":"healed"' "$T/events")"
expect_equal "archived" 2 "$(grep -c '"event":"archived"' "$T/events")"
expect_line '"healed":8,' "$T/events"
archived 12
stop_box

case_begin "without TOP the whole message is compared"
begin_box '{"count": 10, "top": false}'
fetch 0
wish '{"count": 10, "ids": "new", "top": false, "alter": [3]}'
fetch 0
expect_line "9 of them have new unique-ids" "$T/err"
archived 11
stop_box

case_begin "a run that is cut while it heals heals on"
begin_box '{"count": 20}'
fetch 0
wish '{"count": 20, "ids": "new", "cut-top": 15}'
fetch 75 --retry 1 --window 1
before=$(said RETR)
wish '{"count": 20, "ids": "new"}'
fetch 10 --window 1 --delete
expect_equal "RETRs" "$before" "$(said RETR)"
expect_equal "DELEs" 0 "$(said DELE)"
archived 20
stop_box

# All of one size: asked for twice, they would pass for each other.
case_begin "an archive that was lost while it was held asks for each message once"
begin_box '{"count": 20, "same": true}'
fetch 0
wish '{"count": 20, "same": true, "ids": "new", "cut-top": 15}'
fetch 75 --retry 1 --window 1
rm "$T"/archive/open/* "$T"/archive/catalog.db*
expect_exit 0 "$popdump" rebuild "$T/archive"
wish '{"count": 20, "same": true, "ids": "new"}'
before=$(said RETR)
fetch 0 --window 4
expect_equal "RETRs" $((before + 20)) "$(said RETR)"
archived 20
for number in {1..20}; do
    expect_line "mail $(printf %04d "$number")" <(
        "$popdump" list --json "$T/archive" | grep "\"uidl\":\"new$number\"")
done
stop_box

case_begin "an id that is listed twice is nobody's new name"
begin_box '{"count": 10}'
fetch 0
wish '{"count": 10, "ids": "new", "one-id": [3, 4]}'
fetch 0
expect_line "8 of them have new unique-ids" "$T/err"
archived 12
stop_box

case_begin "copies are known again one by one"
begin_box '{"count": 10, "twins": [2, 5, 6]}'
fetch 0
wish '{"count": 10, "twins": [2, 5, 6], "ids": "new"}'
fetch 0 --json
expect_equal "known again" 10 "$(sed -n 's/.*"event":"healed".*"sequence":\([0-9]*\).*/\1/p' "$T/out" | sort -u | wc -l)"
archived 10
stop_box

case_begin "a TOP without an end is given up"
begin_box '{"count": 10}'
fetch 0
wish '{"count": 10, "ids": "new", "endless-top": 100000}'
fetch 76 --delete
expect_line "TOP 1 has no end: far longer than the server listed" "$T/err"
expect_equal "DELEs" 0 "$(said DELE)"
wish '{"count": 10, "ids": "new", "endless-top": 50000}'
fetch 10 --delete
archived 20
stop_box

case_begin "another mailbox behind the same login: told, and nothing is deleted"
begin_box '{"count": 10}'
fetch 0
wish '{"count": 1010, "remove": ['"$(seq -s, 1 1000)"']}'
fetch 10 --delete
expect_line "10 of 10 messages" "$T/err"
expect_equal "DELEs" 0 "$(said DELE)"
archived 20
stop_box

case_begin "half of them gone is somebody's own doing"
begin_box '{"count": 10}'
fetch 0
wish '{"count": 10, "remove": [1, 2, 3, 4, 5]}'
fetch 0 --delete
expect_no_line "gone at once" "$T/err"
expect_equal "DELEs" 5 "$(said DELE)"
stop_box

case_begin "a server that lists nothing twice is no alarm"
begin_box '{"count": 80, "part": 20}'
for _ in 1 2; do
    fetch 0
done
# From now on it is known for that, also after a listing of nothing.
fetch 0
expect_no_line "gone at once" "$T/said"
wish '{"count": 0, "part": 20}'
fetch 0
wish '{"count": 80, "part": 20}'
fetch 0 --delete
expect_no_line "gone at once" "$T/said"
archived 80
stop_box

# ---- time-outs ----

# timed NAME SECONDS TEXT COMMAND…: exit 75 or 69, within SECONDS
timed()
{
    local name=$1 most=$2 text=$3 code=0 begin=$SECONDS

    shift 3
    case_begin "time-out: $name"
    rm -rf "$T/archive"
    timeout 60 "$popdump" fetch --retry 1 --timeout 2s --password-file "$T/password" "$@" \
        "$T/archive" >"$T/out" 2>"$T/err" || code=$?
    [ "$code" = 75 ] || [ "$code" = 69 ] || fail "exit code $code"
    expect_line "$text" "$T/err"
    expect_one_line "$T/err"
    [ $((SECONDS - begin)) -le "$most" ] || fail "took $((SECONDS - begin)) seconds"
}

# Nobody takes the connections: the queue is full, and the kernel answers no more of them.
cat >"$T/full.py" <<'PYTHON'
import os, socket, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
held = []
for _ in range(4):
    one = socket.socket()
    one.setblocking(False)
    one.connect_ex(listener.getsockname())
    held.append(one)
time.sleep(0.2)
with open(sys.argv[1] + ".new", "w") as out:
    out.write("%d\n" % listener.getsockname()[1])
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(120)
PYTHON
rm -f "$T/ready"
start_background "$T/full.log" "$MB_PYTHON" "$T/full.py" "$T/ready"
BOX_PID=$STARTED_PID
wait_for test -s "$T/ready"
timed "the connection" 8 "127.0.0.1:$(cat "$T/ready")" --tls off \
    --server "pop3://u1@127.0.0.1:$(cat "$T/ready")"
stop_box

start_server pop3-hostile.py greeting-silent
timed "the TLS handshake" 8 "127.0.0.1:$PORT" --server "pop3s://u1@127.0.0.1:$PORT"
timed "the greeting" 8 "no answer within 2 s" --tls off --server "pop3://u1@127.0.0.1:$PORT"
stop_box
start_server pop3-hostile.py retr-silent
timed "a reply" 8 "no answer within 2 s" --tls off --server "pop3://u1@127.0.0.1:$PORT"
stop_box
start_server pop3-hostile.py retr-drip
timed "an octet now and then" 12 "too slow" --tls off --server "pop3://u1@127.0.0.1:$PORT"
archived 0
stop_box
statement P-10

# ---- Dovecot ----

mails=600
eval "$(declare -f mb_write_dovecot | sed '1s/mb_write_dovecot/write_plain_dovecot/')"

# Dovecot makes its unique-ids as $uidl_format says.
mb_write_dovecot()
{
    write_plain_dovecot "$1"
    echo "pop3_uidl_format = $uidl_format" >>"$1/dovecot/conf"
}

seed_box()
{
    mkdir -p "$T/seed"
    for number in $(seq "$mails"); do
        printf 'From: s%d@example.org\nSubject: mail %04d\n\n%*s\n' $((number % 9)) "$number" \
            $((number % 700 + 1)) x >"$T/seed/$(printf %04d "$number")"
    done
    seed_mail u1 "$T"/seed/*
}

# fetch_box EXIT PORT [OPTION…]
fetch_box()
{
    local code=$1 port=$2

    shift 2
    expect_exit "$code" timeout 300 "$popdump" fetch --password-file "$T/password" "$@" \
        --server "pop3s://u1@localhost:$port" --tls-trust "$CA_FILE" "$T/archive"
}

dovecot_days()
{
    rm -rf "$T/archive" "$T/ready"
    uidl_format=%08Xu%08Xv
    start_dovecot_only "$T/dovecot"
    seed_box
    # The listing comes through each time, and about a fifth of the mail.
    start_background "$T/proxy.log" "$MB_PYTHON" "$MB_SOURCE/tests/support/cut-proxy.py" \
        "$T/ready" "$POP3S_PORT" 90000
    wait_for test -s "$T/ready"
    fetch_box 0 "$(cat "$T/ready")" --window 16
    expect_line "$mails new messages archived" "$T/out"
    [ "$(wc -l <"$T/proxy.log")" -ge 4 ] || fail "only $(wc -l <"$T/proxy.log") connections"
    archived "$mails"
    expect_equal "unique-ids archived" "$mails" "$("$popdump" list --json "$T/archive" |
        sed 's/.*"uidl":"\([^"]*\)".*/\1/' | sort -u | wc -l)"
    stop_servers

    uidl_format=%g
    start_dovecot_only "$T/dovecot"
    fetch_box 10 "$POP3S_PORT" --delete
    expect_line "$mails of $mails messages that were on the server are gone at once" "$T/err"
    expect_line "$mails of them have new unique-ids" "$T/err"
    expect_no_line "new message" "$T/out"
    fetch_box 0 "$POP3S_PORT" --delete
    expect_no_line "gone at once" "$T/err"
    archived "$mails"
    expect_equal "mails in the box" "$mails" "$(mail_count u1)"
    stop_servers
}

if need_servers "Dovecot behind a line that breaks, and with other ids"; then
    case_run "Dovecot behind a line that breaks, and with other ids" dovecot_days
fi
