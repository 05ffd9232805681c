#!/usr/bin/env bash
# Bad days of `mmerge send`: what the user got wrong, and what a server may do. Each has its exit code, one clear line, and a
# ledger that says what the server's store says.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/mmerge.sh"

cd "$T"
make_letter letter
printf 'name,email\nAnn,ann@example.net\nBob,bob@example.net\nEva,eva@example.net\nIda,ida@example.net\n' >people.csv
echo pw >password
chmod 600 password
echo wrong >wrong-password
chmod 600 wrong-password
echo pw >open-password
chmod 644 open-password
make_certificate "$T/cert"
make_certificate "$T/other-cert" DNS:other.example
closed_port=
free_port closed_port

# fresh [MAILSINK-ARG…]: a mailsink of its own with an empty store, no ledger.
fresh()
{
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    rm -rf sink people.csv.mmerge.db*
    mkdir sink
    cp "$T/cert/"*.pem sink
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
    server=(--server "smtp://127.0.0.1:$SINK_SMTP" --tls off)
}

send()
{
    "$MB_BIN/mmerge" send "$@" letter people.csv
}

addresses()
{
    "$MB_BIN/mmerge" status --json --state "$1" people.csv.mmerge.db |
        sed 's/^{"address":"\([^"@]*\)@.*/\1/' | sort | tr '\n' ' '
}

stored()
{
    sed 's/.*"recipients":\["\([^"@]*\)@.*/\1/' "$T/sink/store/envelopes.jsonl" 2>/dev/null |
        sort | tr '\n' ' '
}

# row NAME EXIT LINE ARG…: fails as a whole, with one line that holds LINE, and leaves no ledger.
row()
{
    case_begin "$1"
    rm -f people.csv.mmerge.db*
    expect_exit "$2" send "${@:4}"
    expect_line "$3" "$T/err"
    expect_one_line "$T/err"
    [ -n "${keeps_ledger:-}" ] || expect_missing people.csv.mmerge.db
}

# usage_row NAME LINE ARG…: a wrong command line, one line and a hint.
usage_row()
{
    case_begin "$1"
    expect_exit 64 send "${@:3}"
    expect_line "$2" "$T/err"
    expect_missing people.csv.mmerge.db
}

# fault NAME SCRIPT EXIT SENT REFUSED DEFERRED DOUBT PENDING [ARG…]: four rows meet SCRIPT.
# The ledger says who is in which state; who counts as sent is in the store, and nobody is there twice.
fault()
{
    local name=$1 script=$2 code=$3 sent=$4 refused=$5 deferred=$6 doubt=$7 pending=$8

    shift 8
    case_begin "$name"
    fresh --fault "$script" "${sink[@]}"
    expect_exit "$code" send "${server[@]}" --wait 1 --max-failures 100 "$@"
    expect_equal sent "$sent" "$(addresses sent)"
    expect_equal refused "$refused" "$(addresses refused)"
    expect_equal deferred "$deferred" "$(addresses deferred)"
    expect_equal "in doubt" "$doubt" "$(addresses in-doubt)"
    expect_equal pending "$pending" "$(addresses pending)"
    expect_equal "sent, but not in the store" "" "$(comm -23 <(tr ' ' '\n' <<<"$sent" | sort) <(stored | tr ' ' '\n' | sort))"
    expect_equal "in the store twice" "" "$(stored | tr ' ' '\n' | sort | uniq -d)"
}

# --- the command line ----------------------------------------------------------------------------

usage_row "no server" "no server: say --server"
usage_row "an unknown scheme" "neither smtp:// nor smtps://" --server http://localhost
usage_row "a password in the URL" "password" --server smtp://ann:secret@localhost
expect_no_line secret "$T/err"
usage_row "a rate that is none" "5/week: not a rate" --server smtp://localhost --rate 5/week
usage_row "no connection" "--connections 0" --server smtp://localhost --connections 0
usage_row "a state for in-doubt" "--in-doubt later" --server smtp://localhost --in-doubt later
usage_row "a trial with a ledger" "keeps no ledger" --server smtp://localhost --redirect-to a@b.test --ledger x.db
usage_row "a redirection that is no address" "--redirect-to" --server smtp://localhost --redirect-to 'a@b.test> x'
usage_row "two sources of a password" "say one of them" --server smtp://a@localhost --passwordeval x --password-file y
usage_row "an unknown option" "nclude" --server smtp://localhost --include x

# --- before the first message --------------------------------------------------------------------

fresh --hide CHUNKING
keeps_ledger=1 # the list was examined and taken in; only sending it is left to do
row "nobody listens" 69 "127.0.0.1:$closed_port" --server "smtp://127.0.0.1:$closed_port" --tls off
row "a host that does not exist" 69 "nowhere.invalid" --server smtp://nowhere.invalid
row "a certificate nobody vouches for" 78 "localhost:$SINK_SMTPS" --server "smtps://localhost:$SINK_SMTPS"
row "STARTTLS with a certificate nobody vouches for" 78 "localhost:$SINK_SMTP" --server "smtp://localhost:$SINK_SMTP"
row "another certificate than the one named" 78 "fingerprint" --server "smtps://localhost:$SINK_SMTPS" \
    --tls-fingerprint "$(printf '%064d' 7)"
row "the login is refused" 77 "535" --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" \
    --password-file wrong-password
row "an unknown mechanism" 77 "NO-SUCH" --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" \
    --password-file password --auth NO-SUCH
keeps_ledger=
row "a trust file that is missing" 78 "missing.pem" --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust missing.pem
row "a password file that others may read" 78 "open-password" --server "smtp://u1@localhost:$SINK_SMTP" \
    --tls-trust "$CA_FILE" --password-file open-password
row "no password for the user" 78 "password" --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE"
row "a suppression file that is missing" 66 "missing.txt" "${server[@]}" --suppress missing.txt
row "a transcript that cannot be made" 73 "no/such/transcript" "${server[@]}" --transcript no/such/transcript
row "a key column that is missing" 65 "nr" "${server[@]}" --key nr
expect_equal "nothing of all this was sent" "" "$(stored)"

case_begin "the wrong host's certificate"
stop_background "$SINK_PID"
cp "$T/other-cert/"*.pem sink
start_mailsink "$T/sink" --store "$T/sink/store"
expect_exit 78 send --server "smtps://localhost:$SINK_SMTPS" --tls-trust "$CA_FILE"
expect_line "localhost:$SINK_SMTPS" "$T/err"
expect_one_line "$T/err"
expect_equal "nothing was sent" "" "$(stored)"

case_begin "STARTTLS is required and not offered"
fresh --hide STARTTLS
expect_exit 69 send --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" --password-file password --transcript said
expect_line "STARTTLS" "$T/err"
expect_one_line "$T/err"
expect_no_line "-> AUTH" said
expect_equal "nothing was sent" "" "$(stored)"
statement M-20

case_begin "AUTH is not offered"
fresh --hide AUTH
expect_exit 69 send --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" --password-file password
expect_line "AUTH" "$T/err"
expect_one_line "$T/err"

case_begin "TLS and a login, and no secret in the transcript"
fresh
expect_exit 0 send --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" --passwordeval "cat password" --transcript said
expect_equal "stored" "ann bob eva ida " "$(stored)"
expect_line "<hidden>" said
expect_line " ~> MAIL FROM:" said
expect_no_line "$(printf '\0u1\0pw' | base64)" said
statement M-32

case_begin "a fingerprint is enough trust"
fresh
print=$(openssl x509 -in "$T/cert/cert.pem" -noout -fingerprint -sha256 | sed 's/.*=//')
expect_exit 0 send --server "smtps://localhost:$SINK_SMTPS" --tls-fingerprint "$print"
expect_equal "stored" "ann bob eva ida " "$(stored)"

# --- mistakes in the list ------------------------------------------------------------------------

case_begin "a bad row stops it all, with one line, and leaves no ledger"
fresh
printf 'Udo,not an address\n' >>people.csv
expect_exit 65 send "${server[@]}"
expect_line "row 6" "$T/err"
expect_one_line "$T/err"
expect_missing people.csv.mmerge.db
expect_equal "nothing was sent" "" "$(stored)"

case_begin "a bad row is skipped by word, and listed"
expect_exit 10 send "${server[@]}" --bad-rows skip
expect_equal "stored" "ann bob eva ida " "$(stored)"
expect_equal "invalid" 1 "$("$MB_BIN/mmerge" status --json --state invalid people.csv.mmerge.db | wc -l)"
sed -i '$d' people.csv

case_begin "a duplicate stops it all"
fresh
cp people.csv kept.csv
printf 'Ann again,ann@EXAMPLE.net\n' >>people.csv
expect_exit 65 send "${server[@]}"
expect_line "row 6" "$T/err"
expect_one_line "$T/err"
expect_missing people.csv.mmerge.db
expect_exit 0 send "${server[@]}" --duplicates send
expect_equal "stored" "ann ann bob eva ida " "$(stored)"
mv kept.csv people.csv

case_begin "a row that was sent and has changed stops it; --accept-changes goes on, and mails it not again"
fresh
expect_exit 0 send "${server[@]}"
cp people.csv kept.csv
sed -i 's/^Ann,/Anne,/' people.csv
printf 'Udo,udo@example.net\n' >>people.csv
expect_exit 65 send "${server[@]}" --key email
expect_one_line "$T/err"
expect_exit 65 send "${server[@]}"
expect_exit 0 send "${server[@]}" --accept-changes
expect_equal "stored" "ann bob eva ida udo " "$(stored)"
mv kept.csv people.csv

case_begin "another campaign's ledger"
fresh
expect_exit 0 send "${server[@]}" --ledger people.csv.mmerge.db --campaign spring
expect_exit 65 send "${server[@]}" --ledger people.csv.mmerge.db --campaign summer
expect_line spring "$T/err"
expect_one_line "$T/err"
expect_equal "stored" "ann bob eva ida " "$(stored)"

# --- the server's bad days -----------------------------------------------------------------------

all="ann bob eva ida "
sink=(--hide CHUNKING)
fault "a recipient refused for good" "smtp rcpt 2 550 5.1.1 no such user" 10 "ann eva ida " "bob " "" "" ""
expect_line "550 5.1.1 no such user" "$T/out"
fault "a recipient deferred" "smtp rcpt 2 451 4.7.1 greylisted" 75 "ann eva ida " "" "bob " "" ""
expect_line "to go on: $MB_BIN/mmerge send" "$T/out"
fault "MAIL refused for good" "smtp mail 1 550 5.7.1 not you" 10 "bob eva ida " "ann " "" "" ""
fault "MAIL deferred" "smtp mail 4 451 4.3.0 later" 75 "ann bob eva " "" "ida " "" ""
fault "DATA refused for good" "smtp data 2 554 5.5.0 no" 10 "ann eva ida " "bob " "" "" ""
fault "the content deferred" "smtp dot 3 452 4.3.1 disk full" 75 "ann bob ida " "" "eva " "" ""
fault "the content refused for good" "smtp dot 1 554 5.7.1 spam" 10 "bob eva ida " "ann " "" "" ""
fault "421 to MAIL: again on another connection" "smtp mail 3 421 4.7.0 enough for this session" 75 \
    "ann bob ida " "" "eva " "" ""
statement M-24
fault "dropped at MAIL: again, and all arrive" "smtp mail 3 drop" 0 "$all" "" "" "" ""
fault "dropped at DATA: again, and all arrive" "smtp data 2 drop" 0 "$all" "" "" "" ""
fault "dropped at the content: again, and all arrive" "smtp content 2 drop" 75 "ann eva ida " "" "" "bob " ""
expect_equal "not in the store" "ann eva ida " "$(stored)"
fault "lost after the end: in doubt, and not sent again" "smtp dot 2 lose" 75 "ann eva ida " "" "" "bob " ""
expect_equal "but in the store" "$all" "$(stored)"
expect_line "in doubt" "$T/out"
expect_exit 75 send "${server[@]}"
expect_equal "in the store once" "$all" "$(stored)"
echo bob@example.net >arrived
expect_exit 0 "$MB_BIN/mmerge" resolve --sent arrived people.csv.mmerge.db
expect_exit 0 send "${server[@]}"
expect_equal "in the store once" "$all" "$(stored)"
fault "dropped at the end: in doubt; resent by word" "smtp dot 2 drop" 75 "ann eva ida " "" "" "bob " ""
expect_exit 0 send "${server[@]}" --in-doubt resend
expect_equal "now in the store" "$all" "$(stored)"
fault "garbage instead of a reply" "smtp rcpt 2 garbage" 76 "ann " "" "" "" "bob eva ida "
expect_line "not an SMTP reply" "$T/err"
fault "the day's quota: all the rest stays pending" "smtp dot 2 550 5.4.5 Daily user sending limit exceeded" 75 \
    "ann " "" "" "" "bob eva ida " --window 1
expect_line "come back after" "$T/err"
fault "every MAIL dropped: it gives up, nothing is lost" "smtp mail * drop" 75 "" "" "" "" "$all"
fault "every connection closed at the greeting" "smtp greeting * 421 too busy" 75 "" "" "" "" "$all"
expect_line "421 too busy" "$T/err"
sink=(--hide CHUNKING --delay 50)
fault "most are refused: it stops" "smtp rcpt * 550 5.7.1 no" 75 "" "ann bob " "" "" "eva ida " --window 1 --max-failures 2
sink=(--hide "PIPELINING,CHUNKING")
fault "without PIPELINING: one recipient refused" "smtp rcpt 2 550 no" 10 "ann eva ida " "bob " "" "" ""
fault "without PIPELINING: dropped in the middle" "smtp rcpt 3 drop" 0 "$all" "" "" "" ""
sink=()
fault "CHUNKING: one recipient refused, replies stay in step" "smtp rcpt 2 550 no" 10 "ann eva ida " "bob " "" "" ""
fault "CHUNKING: lost at the second: the window behind it is in doubt" "smtp dot 2 lose" 75 \
    "ann " "" "" "bob eva ida " ""
statement M-23

# --- the user's own ------------------------------------------------------------------------------

case_begin "--limit takes the next rows, a run at a time"
fresh
expect_exit 0 send "${server[@]}" --limit 3
expect_equal "stored" "ann bob eva " "$(stored)"
expect_exit 0 send "${server[@]}" --limit 3
expect_equal "stored" "$all" "$(stored)"

case_begin "--rate counts messages, not their recipients"
fresh
sed 's/^Subject/Cc: copy@example.net\nSubject/' letter >copied-letter
for ((run = 0; run < 2; run++)); do
    expect_exit 0 timeout 20 "$MB_BIN/mmerge" send "${server[@]}" --rate 2/hour --limit 1 copied-letter people.csv
done
expect_equal "stored" "ann bob " "$(stored)"

case_begin "--limit counts who was sent to, not what was released by a lost connection"
fresh --hide CHUNKING --fault <(echo 'smtp mail 2 drop')
expect_exit 0 send "${server[@]}" --limit 3 --window 1
expect_equal "stored" "ann bob eva " "$(stored)"

case_begin "--redirect-to leaves the ledger alone"
fresh
expect_exit 0 send "${server[@]}" --redirect-to me@example.org --limit 2
expect_equal "stored" "me me " "$(stored)"
expect_missing people.csv.mmerge.db
grep -q '^To: Ann <ann@example.net>' sink/store/new/*1.eml || fail "the header is not that of the real recipient"

case_begin "what preview wrote is what went out, but for Date and Message-ID"
fresh
printf '<p>Dear {{ name }}, gr\303\274\303\237 dich.\n.\n</p>' >body.html
sed 's/^Subject/Html: body.html\nAttachment: body.html\nSubject/' letter >rich-letter
expect_exit 0 "$MB_BIN/mmerge" preview --all --out previews rich-letter people.csv
expect_exit 0 "$MB_BIN/mmerge" send "${server[@]}" rich-letter people.csv
for number in 1 2 3 4; do
    for file in previews/00000$((number + 1)).eml sink/store/new/*"$number.eml"; do
        sed '/^Date: /d;/^Message-ID: /d' "$file" >"$(basename "$(dirname "$file")").plain"
    done
    expect_same previews.plain new.plain
done
statement M-19

case_begin "--json is JSON, and says what happened"
fresh
expect_exit 0 send "${server[@]}" --json
"$MB_PYTHON" -c '
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert lines[-1]["event"] == "summary" and lines[-1]["sent"] == 4 and lines[-1]["exit"] == 0, lines
' "$T/out" || fail "the report is wrong"

case_begin "--rate holds, across runs"
fresh
expect_exit 0 send "${server[@]}" --rate 3/second --limit 2
begin=$(date +%s%N)
expect_exit 0 send "${server[@]}" --rate 1/second
[ $(($(date +%s%N) - begin)) -ge 1000000000 ] || fail "two messages within a second"
expect_equal "stored" "$all" "$(stored)"

case_begin "what was deferred is tried again in the same run, once it is due"
fresh --fault "smtp rcpt 2 451 4.7.1 greylisted"
expect_exit 75 send "${server[@]}" --wait 1
expect_equal "deferred" "bob " "$(addresses deferred)"
"$MB_PYTHON" -c '
import sqlite3, sys, time
ledger = sqlite3.connect(sys.argv[1])
ledger.execute("UPDATE entry SET not_before = ? WHERE not_before > 0", (int(time.time()) + 2,))
ledger.commit()
' people.csv.mmerge.db
expect_exit 0 send "${server[@]}" --wait 10
expect_equal "stored" "$all" "$(stored)"
statement M-25

case_begin "--per-connection and --connections"
fresh
expect_exit 0 send "${server[@]}" --per-connection 1 --transcript said
expect_equal "stored" "$all" "$(stored)"
expect_equal "connections" 4 "$(grep -c '^=== Connected' said)"
fresh
expect_exit 0 send "${server[@]}" --connections 3
expect_equal "stored" "$all" "$(stored)"

case_begin "delivery reports are asked for"
fresh
expect_exit 0 send "${server[@]}" --dsn failure,delay --transcript said
expect_line "NOTIFY=FAILURE,DELAY ORCPT=rfc822;ann@example.net" said
expect_line "ENVID=" said

case_begin "two runs at once: the second keeps out"
fresh --delay 300
start_background "$T/first.log" "$MB_BIN/mmerge" send "${server[@]}" --window 1 letter people.csv
first=$STARTED_PID
wait_for test -s sink/store/envelopes.jsonl
expect_exit 75 send "${server[@]}"
expect_one_line "$T/err"
wait "$first" || fail "the first run ended with $?"
expect_equal "stored" "$all" "$(stored)"

case_begin "an interrupted run finishes what is in flight, and the next goes on"
fresh --delay 300 --hide CHUNKING
start_background "$T/first.log" "$MB_BIN/mmerge" send "${server[@]}" --window 1 letter people.csv
first=$STARTED_PID
wait_for test -s sink/store/envelopes.jsonl
kill -INT "$first"
code=0
wait "$first" || code=$?
expect_equal "exit code" 75 "$code"
expect_line "to go on: $MB_BIN/mmerge send" "$T/first.log"
expect_equal "in doubt" "" "$(addresses in-doubt)"
[ "$(addresses pending)" != "" ] || fail "nothing was left"
expect_exit 0 send "${server[@]}"
expect_equal "stored" "$all" "$(stored)"

case_begin "interrupted twice it stops at once; what was under way is in doubt at most"
rm -f said
fresh --delay 1000 --hide CHUNKING
start_background "$T/first.log" "$MB_BIN/mmerge" send "${server[@]}" --transcript said letter people.csv
first=$STARTED_PID
wait_for grep -qs "MAIL FROM" said
kill -INT "$first"
wait_for grep -q "stop at once" "$T/first.log"
kill -INT "$first"
code=0
wait "$first" || code=$?
expect_equal "exit code" 75 "$code"
stop_background "$SINK_PID"
start_mailsink "$T/sink" --store "$T/sink/store"
server=(--server "smtp://127.0.0.1:$SINK_SMTP" --tls off)
code=0
send "${server[@]}" >"$T/out" 2>"$T/err" || code=$?
[ "$code" = 0 ] || [ "$code" = 75 ] || fail "exit code $code"
expect_equal "sent or in doubt" 4 $(($(addresses sent | wc -w) + $(addresses in-doubt | wc -w)))
[ "$(addresses in-doubt | wc -w)" -le 1 ] || fail "more than one in doubt"
expect_equal "in the store twice" "" "$(stored | tr ' ' '\n' | sort | uniq -d)"
