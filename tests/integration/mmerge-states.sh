#!/usr/bin/env bash
# The states of an entry of the ledger, each made to happen against a server: what a reply, or none, makes of a
# recipient, a message, a connection, an account; what a kill and a reboot leave; what is tried again, and what is not.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/mmerge.sh"

cd "$T"
make_letter letter
sed 's/^Subject/Cc: copy-{{ email }}\nSubject/' letter >copied-letter
printf 'name,email\nAnn,ann@x.test\nBob,bob@x.test\nEva,eva@x.test\nIda,ida@x.test\n' >people.csv
echo pw >password
chmod 600 password
ledger=people.csv.mmerge.db

# sink [MAILSINK-ARG…]: another mailsink on the same store; fresh: with an empty store, and no ledger.
sink()
{
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
    server=(--server "smtp://127.0.0.1:$SINK_SMTP" --tls off)
}

fresh()
{
    rm -rf sink/store "$ledger"* said
    sink "$@"
}

send()
{
    "$MB_BIN/mmerge" send "${server[@]}" --max-failures 100 --wait 5 "$@" "${letter:-letter}" people.csv
}

in_state()
{
    "$MB_BIN/mmerge" status --json --state "$1" "$ledger" | sed 's/^{"address":"\([^"@]*\)@.*/\1/' | sort | tr '\n' ' '
}

stored()
{
    "$MB_PYTHON" -c '
import json, sys
names = [name.split("@")[0] for line in open(sys.argv[1]) for name in json.loads(line)["recipients"]]
print("".join(name + " " for name in sorted(names)), end="")
' sink/store/envelopes.jsonl 2>/dev/null || true
}

# are SENT REFUSED DEFERRED IN-DOUBT PENDING: who is in which state, and that the store has whom it must, once.
are()
{
    local state

    for state in sent refused deferred in-doubt pending; do
        expect_equal "$state" "$1" "$(in_state "$state")"
        [ "$state" = in-doubt ] || expect_equal "in the store, of the $state" "$([ "$state" = sent ] && echo "$1")" \
            "$(comm -12 <(tr ' ' '\n' <<<"$1" | sort -u) <(stored | tr ' ' '\n' | sort -u) | sed '/^$/d' | tr '\n' ' ')"
        shift
    done
    expect_equal "twice in the store" "" "$(stored | tr ' ' '\n' | sort | uniq -d)"
}

# Changes the ledger as time, or another machine's start, would.
alter()
{
    "$MB_PYTHON" -c '
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as ledger:
    ledger.execute(sys.argv[2])
' "$ledger" "$1"
}

# killed WORDS: the run is killed as soon as the transcript has WORDS.
killed()
{
    rm -f said
    start_background "$T/killed.log" "$MB_BIN/mmerge" send "${server[@]}" --transcript said letter people.csv
    wait_for grep -qs -e "$1" said
    "$MB_BIN/mmerge" status "$ledger" >while-running
    kill -KILL "$STARTED_PID"
    wait "$STARTED_PID" 2>/dev/null || true
}

four="ann bob eva ida "

case_begin "pending: no outcome, no open claim"
fresh
expect_exit 0 send --limit 1
are "ann " "" "" "" "bob eva ida "

case_begin "invalid and suppressed: decided here, anew in each run"
fresh
cp people.csv kept.csv
printf 'Udo,not an address\n' >>people.csv
echo bob@X.TEST >unwanted
expect_exit 10 send --bad-rows skip --suppress unwanted
expect_equal "suppressed" "bob " "$(in_state suppressed)"
expect_equal "invalid" 1 "$("$MB_BIN/mmerge" status --json --state invalid "$ledger" | wc -l)"
are "ann eva ida " "" "" "" ""
mv kept.csv people.csv
expect_exit 0 send
are "$four" "" "" "" ""

case_begin "claimed: durable before any octet of a message leaves"
if need_program "a claim is durable before MAIL" strace; then
    fresh --hide CHUNKING
    # Under ptrace LeakSanitizer cannot look.
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" expect_exit 0 strace -f -y -qq -s 64 -o calls \
        -e trace=fsync,fdatasync,pwrite64,write,writev,sendto,sendmsg "$MB_BIN/mmerge" send "${server[@]}" --limit 1 \
        letter people.csv
    awk '/pwrite64.*-wal>/ { written = 1; open = 1 } /f(data)?sync.*-wal>/ { open = 0 }
        /MAIL FROM/ { found = 1; if (open || !written) bad = 1 } END { exit bad || !found }' calls ||
        fail "MAIL went before the ledger was synced"
fi

case_begin "killed with a claim open and nothing handed over, same boot: pending"
fresh --hide CHUNKING --fault "smtp mail 2 silence"
killed "MAIL FROM.*" # the second message's, behind the first one's content
wait_for test -s sink/store/envelopes.jsonl
sink
are "ann " "" "" "" "bob eva ida "
expect_exit 0 send
are "$four" "" "" "" ""

case_begin "end handed over, then killed, same boot: in doubt by its mark, the rest pending"
fresh --hide CHUNKING --fault "smtp dot 1 silence"
killed "^ -> \.$"
grep -q claimed while-running || fail "no claim while it runs: $(cat while-running)"
sink
are "" "" "" "ann " "bob eva ida "
expect_exit 75 send
are "bob eva ida " "" "" "ann " ""

case_begin "the owner died, another boot: all its open claims are in doubt"
fresh --hide CHUNKING --fault "smtp mail 1 silence"
killed "MAIL FROM"
sink
alter "UPDATE run SET boot = 'before'"
expect_exit 75 send
are "" "" "" "$four" ""

case_begin "MAIL deferred, MAIL refused, DATA deferred, DATA refused: all the recipients of that message"
letter=copied-letter
fresh --fault "smtp mail 1 451 4.3.0 later; smtp mail 2 550 5.7.1 no" --hide CHUNKING
expect_exit 75 send
are "copy-eva copy-ida eva ida " "bob copy-bob " "ann copy-ann " "" ""
fresh --fault "smtp data 1 451 4.3.0 later; smtp data 2 554 5.7.1 no" --hide CHUNKING
expect_exit 75 send
are "copy-eva copy-ida eva ida " "bob copy-bob " "ann copy-ann " "" ""

case_begin "RCPT refused: that entry, whatever the final reply says"
for hide in CHUNKING NOTHING; do
    hidden=(--hide CHUNKING)
    [ "$hide" = CHUNKING ] || hidden=()
    fresh --fault "smtp rcpt 2 550 5.1.1 who; smtp rcpt 3 451 4.2.2 full; smtp dot 3 452 4.3.1 disk; smtp rcpt 6 550 5.1.1 who" \
        "${hidden[@]}"
    expect_exit 75 send
    are "ann copy-bob copy-ida ida " "copy-ann copy-eva " "bob eva " "" ""
    for reply in 'ann@x.test","state":"sent","reply":"250 2.0.0' 'copy-ann@x.test","state":"refused","reply":"550 5.1.1' \
        'bob@x.test","state":"deferred","reply":"451 4.2.2' 'eva@x.test","state":"deferred","reply":"452 4.3.1'; do
        "$MB_BIN/mmerge" status --json "$ledger" | sed 's/"row":[0-9]*,//' >entries
        "$MB_PYTHON" -c '
import json, sys
want = dict(zip(("address", "state", "reply"), sys.argv[2].replace("\"", "").replace(",state:", ",").replace(",reply:", ",").split(",")))
found = [e for e in map(json.loads, open(sys.argv[1])) if e.get("address") == want["address"]]
assert len(found) == 1 and found[0]["state"] == want["state"] and found[0]["reply"].startswith(want["reply"]), (want, found)
' entries "$reply" || fail "its own reply is not kept: $reply"
    done
done
letter=letter
statement M-23

case_begin "final reply: accepted, deferred, refused"
fresh --fault "smtp dot 2 452 4.3.1 disk full; smtp dot 3 554 5.7.1 spam"
expect_exit 75 send
are "ann ida " "eva " "bob " "" ""

# A row a stage: where, the reply, what the first message became, how much later to come back.
account_row()
{
    local stage=$1 reply=$2 seconds=$3 options=() before after said

    fresh --fault "smtp $stage 1 $reply" --hide CHUNKING
    [ "$stage" != auth ] && [ "$stage" != greeting ] ||
        options=(--server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" --password-file password)
    [ ${#options[@]} != 0 ] || options=("${server[@]}")
    before=$(date +%s)
    expect_exit 75 "$MB_BIN/mmerge" send "${options[@]}" --wait 30 --window 1 letter people.csv
    after=$(date +%s)
    [ $((after - before)) -lt 15 ] || fail "$stage: it waited"
    expect_line "the server takes no more from this account for now: $reply: come back after" "$T/err"
    said=$(date -d "$(sed -n 's/.*come back after //p' "$T/err" | head -n 1)" +%s)
    if [ "$said" -lt $((before + seconds)) ] || [ "$said" -gt $((after + seconds + 60)) ]; then
        fail "$stage: come back in $((said - before)) s instead of $seconds"
    fi
    are "" "" "" "" "$four"
    # It counts against no row: one try a run is enough to send them all.
    sink
    expect_exit 0 send --retry 1
    are "$four" "" "" "" ""
}

case_begin "account-wide: released, and it stops at once and says when to come back, at whichever stage"
account_row auth "454 4.7.0 Too many login attempts, please try again later." 3600
account_row greeting "421 4.7.28 Gmail has detected an unusual rate of email" 3600
account_row mail "452 4.4.5 Messages per second limit exceeded" 60
account_row rcpt "450 4.7.1 Error: too many recipients from 192.0.2.1" 60
account_row data "454 Throttling failure: Maximum sending rate exceeded." 600
account_row dot "550 5.4.5 Daily user sending limit exceeded." 86400
account_row dot "550 Too many messages. Try again in 92 seconds." 92

case_begin "account-wide in a window of BDAT: those behind it have their own replies"
fresh --fault "smtp dot 2 550 5.4.5 Daily user sending limit exceeded."
expect_exit 75 send
are "ann eva ida " "" "" "" "bob "

case_begin "no reply, end not handed over: released, and the attempt is not counted"
fresh --hide CHUNKING --fault "smtp data 1 drop; smtp data 2 drop; smtp data 3 drop"
expect_exit 0 send --retry 1 --wait 30 --transcript said
are "$four" "" "" "" ""
expect_equal "connections" 4 "$(grep -c '^=== Connected' said)"

case_begin "no reply, end handed over: in doubt, and not sent by itself"
fresh --hide CHUNKING --fault "smtp dot 2 drop"
expect_exit 75 send
are "ann eva ida " "" "" "bob " ""
expect_exit 75 send
are "ann eva ida " "" "" "bob " ""

case_begin "421 to one command: its message deferred, everything queued behind it released, and sent on another connection"
fresh --fault "smtp mail 2 421 4.7.0 enough for this session"
expect_exit 75 send --transcript said
are "ann eva ida " "" "bob " "" ""
expect_equal "connections" 2 "$(grep -c '^=== Connected' said)"

case_begin "a late reply, seen by the owner of what is handed over, settles it"
fresh --fault 'smtp rcpt 2 say 421 4.3.2 closing soon\r\n'
expect_exit 75 send --transcript said
are "ann eva ida " "" "bob " "" ""
expect_equal "connections" 1 "$(grep -c '^=== Connected' said)"

case_begin "deferred: asked again when it is due, alone, with the same message"
letter=copied-letter
fresh --fault "smtp rcpt 2 451 4.7.1 greylisted"
expect_exit 75 send --limit 1 --wait 1
are "ann " "" "copy-ann " "" "bob copy-bob copy-eva copy-ida eva ida "
expect_exit 75 send --limit 1 --wait 1 # it is not due, and --limit lets the next row go
are "ann bob copy-bob " "" "copy-ann " "" "copy-eva copy-ida eva ida "
alter "UPDATE entry SET not_before = 1 WHERE not_before > 0"
sleep 1.1 # were there a new Date, it would be another one
expect_exit 0 send
are "ann bob copy-ann copy-bob copy-eva copy-ida eva ida " "" "" "" ""
first=$(grep -l '^To: Ann' sink/store/new/*.eml | sed -n 1p)
again=$(grep -l '^To: Ann' sink/store/new/*.eml | sed -n 2p)
expect_equal "Message-ID" "$(grep -i '^Message-ID:' "$first")" "$(grep -i '^Message-ID:' "$again")"
expect_same <(sed '/^Date: /d' "$first") <(sed '/^Date: /d' "$again")
letter=letter

case_begin "deferred: after --retry tries of a run it stays so, at once, whatever --wait says"
fresh --fault "smtp rcpt * 451 4.7.1 greylisted"
begin=$SECONDS
expect_exit 75 send --retry 1 --wait 1h
[ $((SECONDS - begin)) -lt 10 ] || fail "it waited"
are "" "" "$four" "" ""
expect_exit 75 send --retry 1 --wait 1s # not due yet
"$MB_PYTHON" -c '
import sqlite3, sys, time
for attempts, wait in sqlite3.connect(sys.argv[1]).execute("SELECT attempts, not_before - updated FROM entry"):
    assert attempts == 1 and 48 <= wait <= 73, (attempts, wait)
' "$ledger" || fail "the pause is not a minute, a fifth more or less"

case_begin "refused for good: never asked again"
fresh --fault "smtp rcpt 2 550 5.1.1 who"
expect_exit 10 send
expect_exit 10 send --transcript said
! grep -qs "RCPT" said || fail "somebody was asked again"
are "ann eva ida " "bob " "" "" ""
statement M-25

case_begin "--max-failures: a number, and a percentage once 50 were tried"
fresh --hide CHUNKING --fault "smtp rcpt * 550 5.1.1 who"
expect_exit 75 "$MB_BIN/mmerge" send "${server[@]}" --window 1 --max-failures 3 letter people.csv
are "" "ann bob eva " "" "" "ida "
cp people.csv kept.csv
awk 'BEGIN { print "name,email"; for (i = 1; i <= 100; i++) printf "P%d,p%d@x.test\n", i, i }' >people.csv
fresh --hide CHUNKING --fault "smtp rcpt * 550 5.1.1 who"
expect_exit 75 "$MB_BIN/mmerge" send "${server[@]}" --window 1 --max-failures 20% letter people.csv
expect_equal "refused" 50 "$(in_state refused | wc -w)"
expect_line "50 of 50 recipients were refused for good" "$T/err"
fresh --hide CHUNKING --fault "$(seq -f 'smtp rcpt %g0 550 5.1.1 who' 1 10)"
expect_exit 10 "$MB_BIN/mmerge" send "${server[@]}" --window 1 --max-failures 10% letter people.csv
expect_equal "refused" 10 "$(in_state refused | wc -w)"
mv kept.csv people.csv

case_begin "killed where each message has a recipient refused: what was answered is in doubt for nobody"
cp people.csv kept.csv
awk 'BEGIN { print "name,email"; for (i = 1; i <= 40; i++) printf "P%d,p%d@x.test\n", i, i }' >people.csv
fresh --hide CHUNKING --fault "$(seq -f 'smtp rcpt %g 550 5.1.1 who' 2 2 80; echo 'smtp dot 30 silence')"
start_background "$T/run.log" "$MB_BIN/mmerge" send "${server[@]}" --max-failures 100% --window 1 copied-letter \
    people.csv
twenty_nine()
{
    [ "$(stored | wc -w)" -ge 29 ] && [ "$(in_state refused | wc -w)" -ge 29 ]
}
wait_for twenty_nine
kill -KILL "$STARTED_PID"
wait "$STARTED_PID" 2>/dev/null || true
expect_equal "sent" 29 "$(in_state sent | wc -w)"
doubtful="$(in_state in-doubt)"
[ -z "${doubtful%copy-p30 p30 }" ] || fail "in doubt: $doubtful"
mv kept.csv people.csv
statement M-27

case_begin "a connection too many: the others go on, and it is said"
fresh --delay 20 --fault "smtp greeting 2 432 4.3.2 Concurrent connections limit exceeded"
expect_exit 0 send --connections 2 --window 1
are "$four" "" "" "" ""
expect_line "1 of 2 connections were given up: the server takes no more from this account" "$T/err"

case_begin "in doubt: a name with # before it is no comment where it is in doubt by that name"
fresh --fault "smtp dot 1 lose"
cp people.csv kept.csv
echo '#1,#ann@x.test' >>people.csv
expect_exit 75 send
in_state in-doubt >doubtful
expect_line "#ann" doubtful
printf '#1001\n#ann@x.test\n' >arrived
expect_exit 0 "$MB_BIN/mmerge" resolve --sent arrived "$ledger"
expect_equal "sent" "#ann " "$(in_state sent)"
expect_line "1 recipients settled" "$T/out"
mv kept.csv people.csv

case_begin "in doubt: resolved as sent, resolved as unsent, or sent again by word"
fresh --fault "smtp dot 1 lose"
expect_exit 75 send
doubt=$(in_state in-doubt)
expect_equal "in doubt" "$four" "$doubt"
echo ann@x.test >arrived
printf 'b\0o\0b\0@\0x\0.\0t\0e\0s\0t\0\n\0' >missing
expect_exit 65 "$MB_BIN/mmerge" resolve --sent arrived --unsent missing "$ledger"
expect_line "missing: is no text: it holds a NUL" "$T/err"
expect_equal "in doubt" "$four" "$(in_state in-doubt)"
printf '\xef\xbb\xbfbob@x.test\r\n# eva too\r\n#ida@x.test\r\neva@x.test' >missing
expect_exit 0 "$MB_BIN/mmerge" resolve --sent arrived --unsent missing "$ledger"
expect_equal "words on stderr" "" "$(cat "$T/err")"
expect_equal "sent" "ann " "$(in_state sent)"
expect_equal "pending" "bob eva " "$(in_state pending)"
expect_exit 75 send
are "ann bob eva " "" "" "ida " ""
expect_exit 0 send --in-doubt resend
are "$four" "" "" "" ""
