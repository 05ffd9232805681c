#!/usr/bin/env bash
# Writes, syncs and renames of `popdump fetch --delete` fail, or are the last
# thing the process does, each in a run of its own: a run that failed says so, no message is lost, and
# the next run brings everything together again.
. "$(dirname "$0")/../support/lib.sh"

popdump=$MB_BIN/popdump
mails=24

need_program "failing system calls" strace || exit 0

fill_mailbox()
{
    "$MB_PYTHON" - "$SINK_SMTP" "$mails" <<'PYTHON'
import smtplib, sys
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as smtp:
    for number in range(int(sys.argv[2])):
        smtp.sendmail("a@example.org", ["u1@example.net"],
                      "Date: 1 Mar 2021 10:00:00 +0000\r\nSubject: mail %d\r\n\r\n%s"
                      % (number, "line\r\n" * (number * 37 % 800)))
PYTHON
}

fetch()
{
    "$popdump" fetch --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off \
        --password-file "$T/password" --segment-size 24K --delete "$T/archive"
}

left_on_server()
{
    "$MB_PYTHON" - "$SINK_POP3" <<'PYTHON'
import poplib, sys
server = poplib.POP3("127.0.0.1", int(sys.argv[1]))
server.user("u1")
server.pass_("pw")
print(server.stat()[0])
server.quit()
PYTHON
}

count_archived()
{
    "$popdump" list --json "$T/archive" 2>/dev/null | grep -c '"state"' || true
}

# inject CALL ACTION N: the N-th CALL fails (error=…) or is the last (signal=KILL). Sets INJECTED when
# the run got as far.
inject()
{
    local code=0

    INJECTED=
    # In a subshell, whose words about a killed child go nowhere.
    (
        # Leak checking does not work under ptrace.
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" timeout 60 \
            strace -f -y -qq -o "$T/trace" -e "trace=$1" -e "inject=$1:$2:when=$3" \
            "$popdump" fetch --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off \
            --password-file "$T/password" --segment-size 24K --delete "$T/archive" \
            >"$T/out" 2>"$T/err" || exit $?
    ) 2>/dev/null || code=$?
    if [ "$2" = signal=KILL ]; then
        [ "$code" != 137 ] || INJECTED=1
    elif grep INJECTED "$T/trace" >"$T/injected"; then
        INJECTED=1
        # SQLite tidies up its write-ahead log when it closes: that may fail and nothing is lost.
        ! { [ "$code" = 0 ] && grep -q 'catalog\.db' "$T/injected"; } || return 0
        [ "$code" != 0 ] || fail "$1 number $3, $2: the exit code is 0"
        [ "$code" -lt 128 ] || fail "$1 number $3, $2: exit code $code"
        [ "$(wc -l <"$T/err")" -ge 1 ] || fail "$1 number $3, $2: nothing was said"
    fi
}

# each_call CALL ACTION STEP: the first, then every STEP-th, until the run gets through untouched.
each_call()
{
    local call=$1 action=$2 step=$3 when=1 runs=0

    case_begin "$call, $action, each in turn"
    while :; do
        rm -rf "$T/archive"
        start_mailsink "$T/sink"
        fill_mailbox
        inject "$call" "$action" "$when"
        if [ -z "$INJECTED" ]; then
            stop_background "$SINK_PID"
            break
        fi
        # What was deleted is archived; what is not archived is still there.
        expect_exit 0 fetch
        expect_equal "archived after $call number $when" "$mails" "$(count_archived)"
        expect_equal "left on the server after $call number $when" 0 "$(left_on_server)"
        expect_exit 0 "$popdump" verify "$T/archive"
        stop_background "$SINK_PID"
        when=$((when + step))
        runs=$((runs + 1))
        [ "$runs" -lt 200 ] || break
    done
    [ "$runs" -ge 1 ] || fail "$call was never called"
    echo "  $call: $runs runs"
}

echo pw >"$T/password"
chmod 600 "$T/password"
each_call fdatasync error=EIO 2
each_call fsync error=EIO 3
each_call rename error=ENOSPC 2
each_call ftruncate error=EIO 3
each_call pwrite64 error=ENOSPC 23
statement P-3
each_call fdatasync signal=KILL 5
each_call write signal=KILL 5
each_call rename signal=KILL 3
each_call unlink signal=KILL 2
statement P-1
