#!/usr/bin/env bash
# The window and the pace of `mmerge send`, against servers that are worse than mailsink: no dead-lock through small TCP
# windows, no run held for ever by one who sips or drips, pipelining only where it is offered, TLS sessions resumed, a
# rate that holds at the server's clock.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/mmerge.sh"

cd "$T"
make_letter letter
people()
{
    awk -v n="$1" 'BEGIN { print "name,email"; for (i = 1; i <= n; i++) printf "P%d,p%d@example.net\n", i, i }' >people.csv
}

# hostile MODE: a server of tests/support/smtp-hostile.py. Sets SERVER_PID and server.
hostile()
{
    rm -f port arrived people.csv.mmerge.db*
    start_background "$T/hostile.log" "$MB_PYTHON" "$MB_SOURCE/tests/support/smtp-hostile.py" "$1" port arrived
    SERVER_PID=$STARTED_PID
    wait_for test -s port
    server=(--server "smtp://127.0.0.1:$(cat port)" --tls off)
}

# fresh [MAILSINK-ARG…]: a mailsink of its own with an empty store, no ledger.
fresh()
{
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    rm -rf sink people.csv.mmerge.db* said
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
    server=(--server "smtp://127.0.0.1:$SINK_SMTP" --tls off)
}

send()
{
    timeout 60 "$MB_BIN/mmerge" send "${server[@]}" "$@" letter people.csv
}

count_state()
{
    "$MB_BIN/mmerge" status --json --state "$1" people.csv.mmerge.db | wc -l
}

stored_mails()
{
    wc -l <"$T/sink/store/envelopes.jsonl"
}

# --- the window ----------------------------------------------------------------------------------

# Far more is to be written than sockets hold (7 MB), and far more to be read (9 MB).
case_begin "a server that reads nothing while its long replies do not fit: no dead-lock"
people 8
head -c 700000 /dev/urandom >part.bin
awk 'BEGIN { printf "Cc: c1@example.net"; for (i = 2; i <= 9; i++) printf ", c%d@example.net", i; print "" }' >cc
{ grep '^From' letter; cat cc; echo 'Attachment: part.bin'; sed 1d letter; } >wide-letter
hostile tight
timeout 150 "$MB_BIN/mmerge" send "${server[@]}" --window 64 --per-connection 0 wide-letter people.csv >"$T/out" 2>"$T/err" ||
    fail "exit code $?: $(tail -n 1 "$T/err")"
expect_equal "sent" $((8 * 10)) "$(count_state sent)"
expect_equal "messages at the server" 8 "$(wc -l <arrived)"
stop_background "$SERVER_PID"

case_begin "without PIPELINING every command waits for its reply, and before READY in any case"
people 4
fresh --hide PIPELINING,CHUNKING
expect_exit 0 send --transcript said
# Two lines of ours may stand together only around content.
awk '/^ -> / { if (last && !/<[0-9]+ octets>|^ -> \.$/) bad++; last = 1; next } /^<(-|\*\*)/ { last = 0 } END { exit bad > 0 }' said ||
    fail "it said more than one thing at a time"
expect_equal "stored" 4 "$(stored_mails)"
fresh
expect_exit 0 send --transcript said
awk '/^ -> (MAIL|RSET)/ && last { found = 1 } { last = / octets>$/ } END { exit !found }' said || fail "no window where it is offered"
sed '/^ -> MAIL/,$d' said | awk '/^ -> / { if (last) bad++; last = 1; next } /^<-/ { last = 0 } END { exit bad > 0 }' ||
    fail "it did not wait for EHLO's reply"
statement M-22

case_begin "TLS sessions are resumed on a new connection, and begun anew where they cannot be"
for door in "smtps://localhost:$SINK_SMTPS" "smtp://localhost:$SINK_SMTP"; do
    rm -f people.csv.mmerge.db* said
    expect_exit 0 "$MB_BIN/mmerge" send --server "$door" --tls-trust "$CA_FILE" --per-connection 1 --transcript said letter people.csv
    expect_equal "connections" 4 "$(grep -c '^=== Connected' said)"
    expect_equal "handshakes from the beginning" 1 "$(grep -c '^=== TLS started' said)"
    expect_equal "resumed" 3 "$(grep -c '^=== TLS resumed' said)"
done
openssl_session=$T/session.pem
openssl s_client -connect "localhost:$SINK_SMTPS" -CAfile "$CA_FILE" -sess_out "$openssl_session" -ign_eof <<<QUIT >/dev/null 2>&1
openssl s_client -connect "localhost:$SINK_SMTPS" -CAfile "$CA_FILE" -sess_in "$openssl_session" -ign_eof <<<QUIT 2>/dev/null >"$T/again"
expect_line "Reused, TLS" "$T/again" # the server resumes for others too: it is not our word alone

# --- time ----------------------------------------------------------------------------------------

case_begin "a server that reads an octet a second is given up; who was cut off is pending"
people 2
head -c 12000000 /dev/zero >big.bin
sed 's/^Subject/Attachment: big.bin\nSubject/' letter >big-letter
hostile sip
begin=$SECONDS
expect_exit 75 timeout 60 "$MB_BIN/mmerge" send "${server[@]}" --timeout 3s --wait 1 big-letter people.csv
[ $((SECONDS - begin)) -lt 40 ] || fail "it took $((SECONDS - begin)) s"
expect_line "127.0.0.1:" "$T/err"
expect_equal "pending" 2 "$(count_state pending)"
stop_background "$SERVER_PID"

case_begin "a reply that drips is no reply, however little silence there is"
fresh --hide CHUNKING --fault "smtp rcpt 1 drip 300"
begin=$SECONDS
expect_exit 0 send --timeout 2s --wait 10
expect_line "no whole reply within 2 s" "$T/err"
[ $((SECONDS - begin)) -lt 20 ] || fail "it took $((SECONDS - begin)) s"
expect_equal "stored" 2 "$(stored_mails)"

case_begin "a server that is always gone: growing pauses, and an end"
fresh --hide CHUNKING --fault "smtp mail * 421 4.3.2 enough"
people 50
begin=$SECONDS
expect_exit 75 send --wait 4 --transcript said
expect_equal "connections within 4 s" 3 "$(grep -c '^=== Connected' said)"
expect_equal "deferred" 3 "$(count_state deferred)"
expect_equal "pending" 47 "$(count_state pending)"
[ $((SECONDS - begin)) -lt 15 ] || fail "it took $((SECONDS - begin)) s"

case_begin "--timeout is a time"
for time in 0 0s x 25h -1; do
    expect_exit 64 send --timeout "$time"
done

# --- pace and size -------------------------------------------------------------------------------

# At the server's clock: any six MAILs of five connections lie a second apart, and the second run's with the first's.
case_begin "a rate holds over any window, at any concurrency, across runs"
people 30
hostile clock
expect_exit 0 send --rate 5/second --connections 5 --limit 12
expect_exit 0 send --rate 5/second --connections 5
expect_equal "sent" 30 "$(count_state sent)"
grep -E '^[0-9]+$' arrived >stamps
expect_equal "times" 30 "$(wc -l <stamps)"
# What lies between the moment it is counted and the server's clock is the machine's: 100 ms.
"$MB_PYTHON" -c '
import sys
times = sorted(int(line) for line in open(sys.argv[1]))
least = min(times[i + 5] - times[i] for i in range(len(times) - 5))
print("least time between a message and the fifth after it: %d us" % least, file=sys.stderr)
sys.exit(least < 900000)
' stamps || fail "more than five within a second"
stop_background "$SERVER_PID"

case_begin "a message over the server's SIZE fails that row alone, before MAIL"
people 3
printf 'name,email,note\nP1,p1@example.net,short\nP2,p2@example.net,%s\nP3,p3@example.net,short\n' "$(printf '%04000d' 7)" >people.csv
sed 's/^Dear/{{ note }} Dear/' letter >note-letter
fresh --max-size 3000
expect_exit 10 "$MB_BIN/mmerge" send "${server[@]}" --transcript said note-letter people.csv
expect_line "more than the 3000 that the server takes" "$T/out"
expect_no_line "p2@example.net" said
expect_equal "refused" 1 "$(count_state refused)"
expect_equal "stored" 2 "$(stored_mails)"
statement M-28
