#!/usr/bin/env bash
# mmerge as a newcomer meets it in a terminal: what is shown while it runs, Ctrl-C, the closed
# window, and whether what it says about a mistake is enough to mend it. Commands that it prints are
# pasted, not written by this test.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
ln -s "$MB_BIN/mmerge" "$T/mmerge"
cat >letter <<'TEMPLATE'
From: Shop <shop@example.org>
To: {{ name }} <{{ email }}>
Subject: Hello {{ name }}

Dear {{ name }}.
TEMPLATE
{ echo name,email; seq 60 | sed 's/.*/P&,p&@example.net/'; } >people.csv
echo pw >password
echo wrong >wrong
chmod 600 password wrong

# fresh [ARG…]: mailsink anew, no ledger, login and trust as a user would write them.
fresh()
{
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    rm -rf sink/store ./*.mmerge.db* said
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
    at=localhost:$SINK_SMTP
    login=(--server "smtp://u1@$at" --tls-trust "$CA_FILE" --password-file password)
}

terminal()
{
    "$MB_PYTHON" "$MB_SOURCE/tests/support/terminal.py" "$@"
}

# paste MARK FILE: runs the command that stands behind MARK in FILE, as it stands.
paste_command()
{
    local command

    command=$(sed -n "s/^ *$1 *//p" "$2" | head -n 1)
    [ -n "$command" ] || fail "no command behind '$1'"
    bash -c "${command//FILE/names}" >"$T/out" 2>"$T/err"
}

in_store()
{
    find sink/store/new -name '*.eml' 2>/dev/null | wc -l
}

count()
{
    ./mmerge status --json --state "$1" people.csv.mmerge.db | wc -l
}

each_once()
{
    expect_equal "recipients that arrived" 60 "$("$MB_PYTHON" -c '
import json, sys
got = [json.loads(line)["recipients"][0] for line in open(sys.argv[1])]
print(len(got) if len(set(got)) == len(got) else "twice")' sink/store/envelopes.jsonl)"
}

# --- while it runs -------------------------------------------------------------------------------

case_begin "progress with rate and time left; Ctrl-C finishes what is in flight; the command that is shown goes on"
fresh --delay 40 --hide CHUNKING
code=0
terminal shown --when "s left" '^C' -- ./mmerge send "${login[@]}" --window 1 letter people.csv || code=$?
expect_equal "exit code" 75 "$code"
grep -Eq '[0-9]+ of 60 recipients, [0-9]+%, [0-9.]+/s, [0-9]+s left' shown || fail "no progress: $(cat shown)"
expect_line "finishing what is in flight; once more to stop at once" shown
expect_line "stopped: interrupted" shown
expect_equal "in doubt" 0 "$(count in-doubt)"
[ "$(count pending)" -gt 0 ] || fail "nothing was left to do"
# Slowness was for the eye.
kill -TERM "$SINK_PID"
port=$SINK_SMTP
wait "$SINK_PID" || true
SINK_PID=
start_background "$T/sink/log" "$MB_BIN/mailsink" --smtp "127.0.0.1:$port" --cert sink/cert.pem --key sink/key.pem \
    --user u1:pw --store sink/store --ready-file sink/ready2
SINK_PID=$STARTED_PID
wait_for test -s sink/ready2
paste_command "to go on:" shown || fail "it ended with $?: $(cat err)"
each_once
expect_no_line "left" err
rm sink/ready2

case_begin "Ctrl-C twice stops at once; what was under way is in doubt at most"
fresh --delay 1000 --hide CHUNKING
code=0
terminal shown --when "MAIL FROM" '^C' --when "once more" '^C' -- ./mmerge send \
    --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --transcript - letter people.csv || code=$?
expect_equal "exit code" 75 "$code"
expect_no_line "250 2.0.0 kept" shown
expect_line "stopped: interrupted" shown
expect_line "to go on: ./mmerge send" shown

case_begin "the terminal is closed: what is in flight is finished, and nothing is in doubt"
fresh --delay 40 --hide CHUNKING
terminal shown --when "s left" HANGUP -- bash -c 'exec ./mmerge send "$@" >report' - \
    "${login[@]}" --window 1 letter people.csv || true
expect_line "stopped: interrupted" report
expect_equal "in doubt" 0 "$(count in-doubt)"
[ "$(count pending)" -gt 0 ] || fail "it did not stop"
expect_equal "in the store and in the ledger" "$(in_store)" "$(count sent)"

case_begin "a closing terminal's signal counts once, however often it comes"
fresh --delay 400 --hide CHUNKING
start_background report ./mmerge send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --transcript said letter people.csv
wait_for grep -qs "MAIL FROM" said
kill -HUP "$STARTED_PID"
wait_for grep -q "once more to stop at once" report
kill -HUP "$STARTED_PID"
code=0
wait "$STARTED_PID" || code=$?
expect_equal "exit code" 75 "$code"
expect_line "stopped: interrupted" report
expect_equal "in doubt" 0 "$(count in-doubt)"
[ "$(count sent)" -gt 0 ] || fail "what was in flight was not finished"

case_begin "nohup: the terminal may close"
fresh --delay 10 --hide CHUNKING
terminal shown --when "gone" HANGUP -- bash -c "
    nohup ./mmerge send --server smtp://127.0.0.1:$SINK_SMTP --tls off letter people.csv >nohup.log 2>&1 &
    sleep 0.3; echo gone; wait" || true
wait_for grep -qs "campaign letter-people: 60 sent" nohup.log
each_once

case_begin "who reads the report may go away"
fresh
{ ./mmerge send "${login[@]}" letter people.csv 2>&1 && echo "$?" >code || echo "$?" >code; } | true
wait_for test -s code
expect_equal "sent" 60 "$(count sent)"
expect_equal "exit code" 74 "$(cat code)"

case_begin "check, too, shows how far it is"
# Half a second at least, on a fast machine too: before that no rate is told.
{ echo name,email; seq 150000 | sed 's/.*/Person &,p&@example.net/'; } >many.csv
terminal shown -- ./mmerge check letter many.csv
grep -Eq '^.{0,9}[0-9]+ of 1[3-6][0-9]{4} rows, [0-9]+%, [0-9]+/s, [0-9]+s left' shown || fail "no progress: $(head -c 400 shown)"
expect_line "150000 rows: 150000 good" shown

case_begin "--quiet shows nothing on a terminal but the report"
fresh --delay 10 --hide CHUNKING
terminal shown -- ./mmerge send --quiet "${login[@]}" letter people.csv
expect_no_line "of 60 recipients" shown
expect_line "campaign letter-people: 60 sent" shown

case_begin "while all that is left is deferred, it says when it tries again"
fresh --fault <(echo 'smtp rcpt 3 451 4.7.1 greylisted')
code=0
terminal shown --when "the deferred are tried again in" '^C' -- ./mmerge send "${login[@]}" letter people.csv || code=$?
expect_equal "exit code" 75 "$code"
expect_line "1  451 4.7.1 greylisted" shown
expect_line "campaign letter-people: 59 sent, 1 deferred" shown

# --- mistakes, and what is said about them -------------------------------------------------------

# mistake NAME CODE "WORDS…" ARGUMENT…: one line, which holds each of WORDS (separated by |).
mistake()
{
    local code=$2 words=$3 word

    case_begin "mistake: $1"
    shift 3
    expect_exit "$code" ./mmerge "$@"
    while IFS= read -r word; do
        expect_line "$word" err
    done < <(tr '|' '\n' <<<"$words")
    [ "$(grep -vc "^Try '" err)" = 1 ] || fail "not one line: $(cat err)"
}

fresh
mistake "a wrong password" 77 "login of u1 was refused: 535|the first line of wrong" \
    send "${login[@]:0:4}" --password-file wrong letter people.csv
mistake "a wrong password from a command" 77 "the password is what this prints: echo no" \
    send "${login[@]:0:4}" --passwordeval 'echo no' letter people.csv
mistake "no password" 78 "no password: give --passwordeval or --password-file" send "${login[@]:0:4}" letter people.csv
mistake "a password file that does not exist" 78 "nowhere: cannot read|No such file" \
    send "${login[@]:0:4}" --password-file nowhere letter people.csv
sed 's/{{ name }}\./{{ nmae }}./' letter >typo
mistake "an unknown column" 65 'typo:5:9: unknown name "nmae": did you mean "name"?' check typo people.csv
statement M-18
mistake "a missing CSV" 66 "poeple.csv: cannot read: No such file" check letter poeple.csv
mistake "a missing template" 66 "leter: cannot read: No such file" check leter people.csv
mistake "a misspelt option" 64 "--pasword-file: did you mean --password-file?|mmerge send --help" \
    send "${login[@]:0:4}" --pasword-file password letter people.csv
mistake "a misspelt command" 64 "chekc: no such command: did you mean check?|mmerge --help" chekc letter people.csv
mistake "template and CSV confused" 65 "people.csv letter: the template comes first, then the CSV" check people.csv letter
mistake "no server" 64 "no server: say --server smtp://" send letter people.csv
mistake "nobody listens" 69 "cannot connect|Connection refused" send --server "smtp://127.0.0.1:9" letter people.csv
mistake "a state that is none" 64 "it is one of sent, refused, deferred" status --state snt people.csv.mmerge.db
mistake "a CSV in the ledger's place" 65 "the ledger is people.csv.mmerge.db" \
    status people.csv
mistake "a CSV in the ledger's place, to resolve" 65 "the ledger is people.csv.mmerge.db" resolve --sent password people.csv
expect_missing people.csv.marks
mistake "nothing to resolve with" 64 "say --sent FILE, --unsent FILE or both" resolve people.csv.mmerge.db
mistake "a certificate that nobody vouches for" 78 "certificate is not to be trusted|--tls-trust|--tls-fingerprint" \
    send --server "smtp://u1@$at" --password-file password letter people.csv
print=$(grep -o -- '--tls-fingerprint [0-9a-f]*' err)
case_begin "the fingerprint that was shown, pasted"
expect_exit 0 bash -c "./mmerge send --server smtp://u1@$at --password-file password $print letter people.csv"
each_once
cp letter other
mistake "another template on the same ledger" 65 "'letter-people', not to 'other-people'|--ledger|--campaign" \
    send "${login[@]}" --ledger people.csv.mmerge.db other people.csv
{ cat people.csv; printf 'Twice,p3@example.net\n'; } >twice.csv
mistake "a duplicate" 65 "twice.csv: row 62: has the same To as row 4|--duplicates skip or send|nothing was sent" \
    send "${login[@]}" letter twice.csv
{ cat people.csv; printf 'No address,nobody\nNone\n'; } >bad.csv
mistake "bad rows" 65 "bad.csv: row 62: To: nobody: not an address|and 1 more: \`mmerge check\` lists them|nothing was sent" \
    send "${login[@]}" letter bad.csv

# --- in doubt, and on ----------------------------------------------------------------------------

case_begin "in doubt: the commands that are shown settle it, and the run goes on"
fresh --hide CHUNKING --fault <(printf 'smtp rcpt 2 550 5.1.1 no such user\nsmtp rcpt 3 550 5.1.1 no such user\nsmtp dot 5 lose\nsmtp dot 9 drop\n')
expect_exit 75 ./mmerge send "${login[@]}" --limit 20 --window 1 letter people.csv
cp out shown
expect_line "2  550 5.1.1 no such user" shown
paste_command "who was refused:" shown
expect_equal "refused" 2 "$(grep -c '  refused  ' out)"
paste_command "who they are:" shown
grep -o 'p[0-9]*@example.net' out >doubtful
expect_equal "in doubt" 2 "$(wc -l <doubtful)"
# What the server knows: of these it has taken the first and not the second.
"$MB_PYTHON" -c '
import json, sys
print(*[json.loads(line)["recipients"][0] for line in open(sys.argv[1])], sep="\n")' sink/store/envelopes.jsonl >arrived
grep -xFf arrived doubtful >names
paste_command "those in FILE arrived:" shown
expect_line "1 recipients settled, 1 still in doubt" out
grep -vxFf arrived doubtful >names
paste_command "those in FILE did not:" shown
expect_line "1 recipients settled, 0 still in doubt" out
echo nobody@example.net >names
paste_command "those in FILE did not:" shown
expect_line "nobody@example.net: not in doubt" err
expect_exit 10 ./mmerge send "${login[@]}" letter people.csv
expect_line "campaign letter-people: 58 sent, 2 refused" out
expect_equal "arrived" 58 "$(in_store)"
