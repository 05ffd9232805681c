#!/usr/bin/env bash
# popdump fetch against servers that misbehave: for each the exit code, a clear line, an archive that
# verifies, and how many messages it holds. No server may crash it, hold it for ever, or make it lie.
. "$(dirname "$0")/../support/lib.sh"

server=$MB_SOURCE/tests/support/pop3-hostile.py
tool=$MB_SOURCE/tests/support/archive.py
popdump=$MB_BIN/popdump

echo pw >"$T/password"
chmod 600 "$T/password"

# start_hostile SCENARIO [ARG…]: sets PORT
start_hostile()
{
    rm -f "$T/ready"
    start_background "$T/server.log" "$MB_PYTHON" "$server" "$T/ready" "$@"
    HOSTILE_PID=$STARTED_PID
    wait_for test -s "$T/ready"
    PORT=$(cat "$T/ready")
}

stop_hostile()
{
    stop_background "$HOSTILE_PID"
}

fetch()
{
    timeout 120 "$popdump" fetch --retry 1 --password-file "$T/password" "$@" "$T/archive"
}

# What every end must leave: an archive that verifies, or none at all.
check_archive()
{
    local count=$1

    if [ "$count" = none ]; then
        expect_missing "$T/archive"
        return
    fi
    expect_exit 0 "$popdump" verify "$T/archive"
    expect_equal "messages archived" "$count" "$("$MB_PYTHON" "$tool" count "$T/archive")"
}

# bad_day NAME SCENARIO EXIT ARCHIVED TEXT [OPTION…]: TEXT stands on stderr; an error is one line.
bad_day()
{
    local name=$1 scenario=$2 code=$3 archived=$4 text=$5

    shift 5
    case_begin "$name"
    rm -rf "$T/archive"
    start_hostile "$scenario"
    expect_exit "$code" fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --timeout 60s "$@"
    [ -z "$text" ] || expect_line "$text" "$T/err"
    case $code in
        0 | 10) ;;
        *) expect_one_line "$T/err" ;;
    esac
    if grep -q $'\033' "$T/err" "$T/out"; then
        fail "an escape reached the terminal"
    fi
    check_archive "$archived"
    stop_hostile
}

# ---- the command line ----

# usage_day NAME EXIT TEXT ARGUMENT…: no server is asked, nothing is made
usage_day()
{
    local name=$1 code=$2 text=$3

    shift 3
    case_begin "$name"
    rm -rf "$T/archive"
    expect_exit "$code" timeout 60 "$popdump" fetch "$@"
    expect_line "$text" "$T/err"
    [ "$code" = 64 ] || expect_one_line "$T/err"
    expect_equal "standard output" "" "$(cat "$T/out")"
    check_archive none
}

login=(--password-file "$T/password")
url=pop3s://u1@localhost:1
cp "$T/password" "$T/open-password"
chmod 644 "$T/open-password"
usage_day "no ARCHIVE" 64 "ARCHIVE" --server "$url"
usage_day "two ARCHIVEs" 64 "ARCHIVE" --server "$url" "$T/archive" "$T/archive"
usage_day "no server" 64 "no server" "$T/archive"
usage_day "no user" 64 "no user" --server pop3s://localhost "$T/archive"
usage_day "a password in the URL" 64 "password" --server pop3s://u1:hidden@localhost "$T/archive"
expect_no_line hidden "$T/err"
usage_day "another scheme" 64 "neither pop3:// nor pop3s://" --server http://u1@localhost "$T/archive"
usage_day "an unknown option" 64 "--frobnicate" --frobnicate --server "$url" "$T/archive"
usage_day "an accounts file beside a server" 64 "--accounts" --accounts x --server "$url" "$T/archive"
usage_day "an unknown TLS mode" 64 "maybe" --tls maybe --server "$url" "$T/archive"
usage_day "an unknown deletion" 64 "--delete=foo" --delete=foo --server "$url" "$T/archive"
usage_day "an expunge without deletion" 64 "--expunge" --expunge 5 --server "$url" "$T/archive"
usage_day "a size that is none" 64 "--segment-size" --segment-size many --server "$url" "$T/archive"
usage_day "a size of nothing" 64 "--max-message 0" --max-message 0 --server "$url" "$T/archive"
usage_day "a window of nothing" 64 "--window 0" --window 0 --server "$url" "$T/archive"
usage_day "a limit below zero" 64 "--limit -3" --limit=-3 --server "$url" "$T/archive"
usage_day "an unknown compression" 64 "--compress rar" --compress rar --server "$url" "$T/archive"
usage_day "no password to be had" 78 "password" --server "$url" "$T/archive"
usage_day "a password file that is missing" 78 "$T/nowhere" --password-file "$T/nowhere" \
    --server "$url" "$T/archive"
usage_day "a password file for all to read" 78 "$T/open-password" \
    --password-file "$T/open-password" --server "$url" "$T/archive"
usage_day "a trust file that is missing" 78 "$T/nowhere" "${login[@]}" --tls-trust "$T/nowhere" \
    --server "$url" "$T/archive"

# ---- servers ----

bad_day "a good day" good 0 3 ""
bad_day "a silent greeting" greeting-silent 75 none "no answer within 4 s" --timeout 4s
bad_day "an endless greeting" greeting-endless 76 none "a line without an end"
bad_day "another protocol" greeting-garbage 76 none "not a POP3 reply as a greeting: \"220 mail"
bad_day "+OKAY" greeting-okay 76 none "+OKAY"
bad_day "a greeting in lower case" greeting-lower 76 none "+ok ready"
bad_day "escapes in a greeting" greeting-escape 76 none "\\x1b]0;owned"
bad_day "refused service" greeting-refused 69 none "refuses service: closed for today"
bad_day "an end within the greeting" greeting-end 75 none "waiting for the greeting"
bad_day "endless capabilities" capa-endless 76 none "capabilities"
bad_day "a capability without an end" capa-one-line 76 none "a line without an end"
bad_day "a refused password" login-refused 77 none "login refused for u1: wrong"
bad_day "[AUTH]" login-auth 77 none "login refused for u1"
bad_day "[IN-USE]" login-in-use 75 none "another session"
bad_day "a locked mailbox" login-locked 75 none "maildrop already locked"
bad_day "[SYS/TEMP]" login-temp 75 none "later"
bad_day "[SYS/PERM]" login-perm 69 none "account gone"
bad_day "a challenge that is no base64" sasl-no-base64 76 none "" --auth LOGIN
bad_day "endless challenges" sasl-endless 76 none "" --auth LOGIN
bad_day "no UIDL" uidl-refused 69 none "no UIDL"
bad_day "endless UIDL" uidl-endless 76 none "UIDL without an end"
bad_day "UIDL in one endless line" uidl-one-line 76 none "a line without an end"
bad_day "ids that are paths" uidl-path 0 3 ""
bad_day "ids with ESC and NUL" uidl-escape 0 3 "no usable unique-id"
bad_day "an id of 64 KiB" uidl-long 0 3 "no usable unique-id"
bad_day "an id listed twice" uidl-twice 0 3 ""
bad_day "numbers 0, above the count, above 2^32" uidl-numbers 10 3 "left on the server"
bad_day "LIST with 0, 2^63 and nonsense" list-wrong 0 3 ""
statement P-8
bad_day "no LIST" list-refused 0 3 "LIST refused"
bad_day "endless LIST" list-endless 76 none "LIST without an end"
bad_day "one message refused" retr-refused 10 2 "message 2 (id2): left on the server: -ERR [SYS/TEMP]"
bad_day "an end after +OK" retr-end-after-ok 75 1 "in the middle of message 2"
bad_day "an end in a line" retr-end-in-line 75 1 "in the middle of message 2"
bad_day "an end after CR" retr-end-after-cr 75 1 "in the middle of message 2"
bad_day "an end after CRLF . CR" retr-end-after-dot 75 1 "in the middle of message 2"
bad_day "no reply at all" retr-no-reply 76 1 "HTTP/1.1 200 fine"
bad_day "a status line of 100 KiB" retr-long-status 0 3 ""
bad_day "a forged reply" retr-forged 10 2 "message 2 (id2): left on the server: a line of one dot"
bad_day "a forged reply, one by one" retr-forged 10 2 "message 2 (id2): left on the server" --window 1
bad_day "an empty message" retr-empty 0 3 ""
bad_day "bytes of all kinds" retr-odd 0 3 ""
bad_day "an endless message with a limit" retr-endless 76 0 "has no end" --max-message 1M
bad_day "every byte in a packet" retr-pieces 0 3 ""
bad_day "silence in a message" retr-silent 75 0 "no answer within 4 s" --timeout 4s
bad_day "messages over the limit" list-wrong 10 1 "larger than --max-message" --max-message 24
bad_day "no answer to QUIT" quit-silent 0 3 "no answer within 4 s" --timeout 4s
bad_day "QUIT refused" quit-refused 0 3 "QUIT refused"
bad_day "a server that deletes what was fetched" capa-expire 0 3 "EXPIRE 0"
bad_day "STLS not offered" good 69 none "does not offer STLS" --tls starttls

case_begin "no server"
free_port PORT
rm -rf "$T/archive"
expect_exit 69 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
expect_one_line "$T/err"
expect_line "127.0.0.1:$PORT" "$T/err"
check_archive none

# ---- certificates ----

# tls_day NAME EXIT TEXT CERTIFICATE-DIR [OPTION…]
tls_day()
{
    local name=$1 code=$2 text=$3 dir=$4

    shift 4
    case_begin "$name"
    rm -rf "$T/archive"
    start_hostile good "$dir/cert.pem" "$dir/key.pem" tls
    expect_exit "$code" fetch --server "pop3s://u1@127.0.0.1:$PORT" "$@"
    expect_line "$text" "$T/err"
    expect_one_line "$T/err"
    check_archive none
    expect_no_line "USER" "$T/server.log"
    stop_hostile
}

make_certificate "$T/right"
make_certificate "$T/other" DNS:other.example
pin=$(openssl x509 -in "$T/right/cert.pem" -outform DER | sha256sum | cut -d ' ' -f 1)
tls_day "a certificate for another host" 78 "127.0.0.1" "$T/other" --tls-trust "$T/other/ca.pem"
tls_day "an unknown issuer" 78 "127.0.0.1" "$T/right"
tls_day "another fingerprint" 78 "fingerprint" "$T/right" --tls-fingerprint "${pin//[0-9]/0}"

case_begin "the right fingerprint"
rm -rf "$T/archive"
start_hostile good "$T/right/cert.pem" "$T/right/key.pem" tls
expect_exit 0 fetch --server "pop3s://u1@127.0.0.1:$PORT" --tls-fingerprint "$pin"
check_archive 3
stop_hostile

# stls_day NAME SCENARIO EXIT TEXT
stls_day()
{
    case_begin "$1"
    rm -rf "$T/archive"
    start_hostile "$2" "$T/right/cert.pem" "$T/right/key.pem"
    expect_exit "$3" fetch --server "pop3://u1@127.0.0.1:$PORT" --tls-trust "$T/right/ca.pem"
    expect_line "$4" "$T/err"
    expect_one_line "$T/err"
    check_archive none
    expect_no_line "USER" "$T/server.log"
    stop_hostile
}

stls_day "plaintext after STLS's +OK" stls-surplus 76 "in clear"
stls_day "STLS refused" stls-refused 69 "not today"

case_begin "STLS"
rm -rf "$T/archive"
start_hostile good "$T/right/cert.pem" "$T/right/key.pem"
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls-trust "$T/right/ca.pem"
check_archive 3
stop_hostile
statement P-9

for end in retr-fin retr-close-notify; do
    case_begin "TLS ends in a message: $end"
    rm -rf "$T/archive"
    start_hostile "$end" "$T/right/cert.pem" "$T/right/key.pem" tls
    expect_exit 75 fetch --server "pop3s://u1@127.0.0.1:$PORT" --tls-trust "$T/right/ca.pem"
    expect_line "in the middle of message 2" "$T/err"
    check_archive 1
    stop_hostile
done

# ---- half-way through a mailbox ----

# ten_mails FAULT: a mailsink that holds ten mails
ten_mails()
{
    local number

    rm -rf "$T/sink" "$T/archive"
    mkdir -p "$T/sink/store/new"
    for number in {1..10}; do
        printf 'Subject: %d\r\n\r\nbody of mail %d\r\n.\r\n' "$number" "$number" \
            >"$T/sink/store/new/$number.eml"
    done
    start_mailsink "$T/sink" --store "$T/sink/store" --fault "$1"
}

# sink_day NAME FAULT ARCHIVED: the first run stops there, the second goes on to the end
sink_day()
{
    case_begin "$1, and the next run goes on"
    ten_mails "$2"
    expect_exit 75 fetch --server "pop3s://u1@127.0.0.1:$SINK_POP3S" --tls-trust "$CA_FILE"
    expect_one_line "$T/err"
    check_archive "$3"
    expect_exit 0 fetch --server "pop3s://u1@127.0.0.1:$SINK_POP3S" --tls-trust "$CA_FILE"
    check_archive 10
    expect_exit 0 "$MB_PYTHON" "$tool" compare "$T/archive" "$T/sink/store/new"
    stop_background "$SINK_PID"
}

sink_day "a message is cut" "pop3 retr 5 truncate 20" 4
sink_day "the server goes away" "pop3 retr 8 drop" 7
sink_day "the server goes away after a message" "pop3 retr 3 lose" 2

case_begin "no DELE before all of it is on the disk"
if need_program "no DELE before all of it is on the disk" strace; then
    ten_mails "pop3 noop 1 drop"
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" expect_exit 0 strace -f -y -s 64 -o "$T/trace" \
        -e trace=write,pwrite64,sendto,sendmsg,writev,fsync,fdatasync "$popdump" fetch --delete \
        --password-file "$T/password" --tls off --server "pop3://u1@127.0.0.1:$SINK_POP3" "$T/archive"
    expect_line "10 deleted from the server" "$T/out"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/delete-order.py" "$T/trace"
    statement P-2
    stop_background "$SINK_PID"
fi

# ---- the archive's side ----

if need_program "killed while the archive is made" strace; then
    case_begin "killed while the archive is made: list says what to do, a fetch goes on"
    ten_mails "pop3 noop 1 drop"
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" expect_exit 137 strace -f -qq -o /dev/null -e trace=unlink \
        -e inject=unlink:signal=KILL:when=1 "$popdump" fetch --password-file "$T/password" --tls off \
        --server "pop3://u1@127.0.0.1:$SINK_POP3" "$T/archive"
    [ -s "$T/archive/catalog.db-journal" ] || fail "nothing was left half-written"
    expect_exit 65 "$popdump" list "$T/archive"
    expect_line "is empty: the program that began it was stopped" "$T/err"
    expect_line "popdump rebuild" "$T/err"
    expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off
    check_archive 10
    stop_background "$SINK_PID"
fi

case_begin "another account's archive"
rm -rf "$T/archive"
start_hostile good
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
expect_exit 78 fetch --server "pop3://u2@127.0.0.1:$PORT" --tls off
expect_one_line "$T/err"
check_archive 3

case_begin "a second process finds the lock held"
exec 9>>"$T/archive/lock"
flock 9
expect_exit 75 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
expect_one_line "$T/err"
exec 9>&-
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
expect_line "nothing new" "$T/out"
statement P-12

case_begin "a folder that cannot be made"
expect_exit 73 timeout 60 "$popdump" fetch --password-file "$T/password" --tls off \
    --server "pop3://u1@127.0.0.1:$PORT" "$T/password/archive"
expect_one_line "$T/err"
stop_hostile

if need_root "a full disk"; then
    full_disk()
    {
        mkdir "$T/small"
        mount -t tmpfs -o size=1m tmpfs "$T/small"
        trap 'umount "$T/small"' EXIT
        start_hostile retr-endless
        expect_exit 74 timeout 60 "$popdump" fetch --password-file "$T/password" --tls off \
            --server "pop3://u1@127.0.0.1:$PORT" --delete "$T/small/archive"
        expect_one_line "$T/err"
        expect_no_line "DELE" "$T/server.log"
        expect_exit 0 "$popdump" list "$T/small/archive"
        stop_hostile
    }
    case_run "a full disk" full_disk
fi

# ---- Ctrl-C ----

# interrupted SCENARIO [OPTION…]: a fetch under way; sets STARTED_PID
interrupted()
{
    start_hostile "$1"
    shift
    rm -rf "$T/archive"
    start_background "$T/err" "$popdump" fetch --password-file "$T/password" --tls off "$@" \
        --server "pop3://u1@127.0.0.1:$PORT" "$T/archive"
    wait_for grep -q RETR "$T/server.log"
    kill -INT "$STARTED_PID"
}

case_begin "interrupted once: what is under way is finished"
interrupted retr-slow --window 1
code=0
wait "$STARTED_PID" || code=$?
expect_equal "exit code" 75 "$code"
expect_line "run again to go on" "$T/err"
expect_line "QUIT" "$T/server.log"
check_archive "$(grep -c RETR "$T/server.log")"
expect_equal "messages asked for" 1 "$(grep -c RETR "$T/server.log")"
stop_hostile

case_begin "interrupted twice: stops at once"
interrupted retr-silent
wait_for grep -q stopping "$T/err"
kill -INT "$STARTED_PID"
code=0
wait "$STARTED_PID" || code=$?
expect_equal "exit code" 75 "$code"
expect_no_line "QUIT" "$T/server.log"
check_archive 0
stop_hostile

# ---- deletion ----

# delete_day NAME SCENARIO EXIT TEXT DELETED [OPTION…]: how often the server was asked for DELE
delete_day()
{
    local name=$1 scenario=$2 code=$3 text=$4 deleted=$5

    shift 5
    case_begin "$name"
    rm -rf "$T/archive"
    start_hostile "$scenario"
    expect_exit "$code" fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete "$@"
    cat "$T/out" "$T/err" >"$T/said"
    [ -z "$text" ] || expect_line "$text" "$T/said"
    expect_equal "DELE sent" "$deleted" "$(grep -c ^DELE "$T/server.log" || true)"
}

end_delete_day()
{
    check_archive 3
    stop_hostile
}

delete_day "deletion after proof" good 0 "3 deleted from the server" 3
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete
expect_line "nothing new" "$T/out"
end_delete_day

delete_day "a QUIT every two deletions" good 0 "3 deleted from the server" 3 --expunge 2
expect_equal "QUITs" 2 "$(grep -c ^QUIT "$T/server.log")"
end_delete_day

delete_day "time between logins" capa-delay 0 "3 deleted from the server" 3 --expunge 2
apart=$(sed -n 's/^logins apart: \[\([0-9]*\)\..*/\1/p' "$T/server.log" | tail -n 1)
[ "${apart:-0}" -ge 2 ] || fail "two logins only ${apart:-no} seconds apart"
end_delete_day

case_begin "EXPIRE 0 is told before anything is fetched"
rm -rf "$T/archive"
start_hostile capa-expire-silent
expect_exit 75 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --timeout 4s
expect_line "EXPIRE 0" "$T/err"
expect_equal "messages fetched" 0 "$("$MB_PYTHON" "$tool" count "$T/archive")"
stop_hostile
statement P-11

delete_day "nothing is old enough" good 0 "3 new messages archived" 0 --delete=older=1h
end_delete_day

delete_day "a dry run deletes nothing" good 0 "3 new messages would be fetched" 0 --dry-run
expect_no_line "RETR" "$T/server.log"
check_archive none
stop_hostile

case_begin "a dry run says what would go"
rm -rf "$T/archive"
start_hostile good
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete --dry-run
expect_line "message 2 (id2) would be deleted from the server" "$T/out"
expect_no_line "DELE" "$T/server.log"
end_delete_day

delete_day "DELE refused" dele-refused 10 "refuses to delete" 3
end_delete_day

delete_day "sizes that differ keep a message" list-wrong 10 "not deleted" 0
end_delete_day

delete_day "an id listed twice is never deleted by" uidl-twice 0 "1 deleted from the server" 1
expect_line "DELE 3" "$T/server.log"
end_delete_day

case_begin "an id that was archived once and is listed twice now is no identity"
rm -rf "$T/archive"
start_hostile uidl-once
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
stop_hostile
start_hostile uidl-twice
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete --dry-run
expect_line "message 3 (id3) would be deleted" "$T/out"
expect_no_line "(same)" "$T/out"
stop_hostile

case_begin "nor is one that was listed twice, when one copy is left"
rm -rf "$T/archive"
start_hostile uidl-twice
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off
stop_hostile
start_hostile uidl-once
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete
expect_line "DELE 3" "$T/server.log"
expect_no_line "DELE 1" "$T/server.log"
expect_no_line "not deleted" "$T/err"
check_archive 4
stop_hostile

delete_day "QUIT's answer is lost" quit-lost 75 "connection lost" 3
expect_no_line "deleted from the server" "$T/out"
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete
expect_equal "DELE sent in all" 3 "$(grep -c ^DELE "$T/server.log")"
statement P-4
end_delete_day

delete_day "QUIT refused" quit-refused 75 "QUIT refused" 3
expect_no_line "deleted from the server" "$T/out"
end_delete_day

delete_day "messages that come back are deleted again by the next run" dele-back 0 "" 3
expect_exit 0 fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off --delete
expect_equal "DELE sent in all" 6 "$(grep -c ^DELE "$T/server.log")"
end_delete_day
