#!/usr/bin/env bash
# mmerge bounces: what came back marks whom it is about and nobody else, from whatever it is read;
# who is marked is mailed by no later run; and on Postfix the circle closes.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

cd "$T"
ledger=people.csv.mmerge.db

report()
{
    "$MB_PYTHON" "$MB_SOURCE/tests/support/bounce.py" "$@"
}

bounces()
{
    "$MB_BIN/mmerge" bounces "$ledger" "$@"
}

# state_is STATE NAME…: of name@example.net.
state_is()
{
    local want=$1 name

    shift
    for name in "$@"; do
        expect_equal "$name" "$want" "$("$MB_BIN/mmerge" status --json "$ledger" |
            sed -n "s/^{\"address\":\"$name@[^\"]*\",\"state\":\"\([a-z-]*\)\".*/\1/p" | sed 1q)"
    done
}

# --- a campaign that was sent --------------------------------------------------------------------

cat >letter <<'LETTER'
From: News <news@example.org>
To: {{ email }}
Cc: {{ copy }}
Subject: Hello

Hello {{ email }}
LETTER
cat >people.csv <<'CSV'
email,copy
ann@example.net,
bob@example.net,
cleo@example.net,
dan@example.net,
eve@example.net,
fay@example.net,hal@example.net
gus@example.net,hal@example.net
ida@example.net,
CSV
# The end of Ida's message is lost.
start_mailsink "$T/sink" --store "$T/sink/store" --hide CHUNKING --fault <(echo smtp dot 8 lose)
send=("$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --window 1 --wait 0)
expect_exit 75 "${send[@]}" letter people.csv
state_is in-doubt ida
state_is sent ann bob hal
"$MB_PYTHON" - sink/store/new >ids <<'PYTHON'
import email, os, sys

for name in os.listdir(sys.argv[1]):
    mail = email.message_from_binary_file(open(os.path.join(sys.argv[1], name), "rb"))
    print(mail["To"].split("@")[0], mail["Message-ID"])
PYTHON
mkdir kept
cp -- "$ledger"* kept

id_of()
{
    sed -n "s/^$1 //p" ids
}

# The ledger as it was after the campaign.
fresh()
{
    rm -f -- "$ledger"*
    cp kept/* .
}

# about NAME [ARG…]: a report about the message to NAME, that names NAME.
about()
{
    local name=$1

    shift
    report --id "$(id_of "$name")" --original "$name@example.net" "$@"
}

# --- what is marked ------------------------------------------------------------------------------

mkdir -p maildir/{cur,new,tmp}
about ann >maildir/new/1.a
about bob --status 5.2.2 --text '552 5.2.2 mailbox full' >maildir/new/2.a
about cleo --kind complaint >maildir/new/3.a
about dan --action delivered --status 2.0.0 --text '' >maildir/new/4.a
about eve --action delayed --status 4.4.1 --text '' >maildir/new/5.a
about fay --action relayed --status 2.0.0 --text '' >maildir/new/6.a
about hal --id "$(id_of gus)" >maildir/new/7.a
about ida >maildir/new/8.a
report --kind plain --to "news@example.org" >maildir/new/9.a
for file in maildir/new/*; do
    echo "From MAILER-DAEMON Mon Nov 23 16:34:50 2026"
    cat "$file"
    echo
done >inbox.mbox
tar czf inbox.tar.gz maildir
printf 'ann@example.net\ncleo@example.net\nhal@example.net\nida@example.net\n' >wanted

# marked_by MAIL…: what the mails above make of the ledger.
marked_by()
{
    fresh
    expect_exit 0 bounces "$@"
    expect_same wanted out
    expect_line "9 mails read, 8 reports: marked 4 bounced (3 for good, 1 for now), 1 complained, 1 delivered, 2 under way; 4 to suppress" err
    expect_one_line err
    state_is bounced ann bob ida
    state_is complained cleo
    state_is delivered dan
    state_is sent eve fay gus
}

case_begin "reports in a Maildir"
marked_by maildir
case_begin "in an mbox, a tar, files, by standard input"
marked_by inbox.mbox
marked_by inbox.tar.gz
marked_by maildir/new/{1,2,3,4,5,6,7,8,9}.a
fresh
expect_exit 0 bounces - <inbox.mbox
expect_same wanted out

case_begin "read again they change nothing, and the list is all that is known"
"$MB_BIN/mmerge" status "$ledger" >before
expect_exit 0 bounces inbox.mbox
expect_same wanted out
expect_line "marked 0 bounced (0 for good, 0 for now), 0 complained, 0 delivered, 6 known already, 2 under way; 4 to suppress" err
report --kind plain >none
expect_exit 0 bounces none
expect_same wanted out
"$MB_BIN/mmerge" status "$ledger" >after
expect_same before after

case_begin "in JSON"
fresh
expect_exit 0 bounces --json maildir
"$MB_PYTHON" - out <<'PYTHON' || fail "$(cat out)"
import json, sys

lines = [json.loads(line) for line in open(sys.argv[1])]
marked = {line["address"].split("@")[0]: line for line in lines if line["event"] == "marked"}
assert set(marked) == {"ann", "bob", "cleo", "dan", "hal", "ida"}, marked
assert marked["ann"]["hard"] and not marked["bob"]["hard"] and marked["cleo"]["hard"]
assert marked["ann"]["row"] == 2 and marked["ann"]["mail"] == "maildir/new/1.a", marked["ann"]
assert marked["ann"]["reply"] == "5.1.1 550 5.1.1 user unknown", marked["ann"]
assert [line["address"] for line in lines if line["event"] == "suppress"] == [
    name + "@example.net" for name in ("ann", "cleo", "hal", "ida")]
last = lines[-1]
assert last["event"] == "summary" and last["hard"] == 3 and last["soft"] == 1 and last["exit"] == 0
assert last["mails"] == 9 and last["reports"] == 8 and last["suppress"] == 4, last
PYTHON

case_begin "an address that bounced in two rows is listed once"
fresh
about hal --id "$(id_of fay)" >mail
expect_exit 0 bounces mail maildir/new/7.a
expect_line "marked 2 bounced" err
expect_equal "the list" hal@example.net "$(cat out)"

case_begin "states that status knows"
fresh
expect_exit 0 bounces maildir
expect_exit 0 "$MB_BIN/mmerge" status "$ledger"
expect_line "         4  bounced" out
expect_line "         1  complained" out
expect_line "5.2.2 552 5.2.2 mailbox full" out
expect_exit 0 "$MB_BIN/mmerge" status --csv --state bounced "$ledger"
expect_equal "rows" "ann bob gus ida" "$(sed '1d; s/@.*//' out | xargs)"

# --- never again ---------------------------------------------------------------------------------

mails()
{
    find sink/store/new -type f | wc -l
}

case_begin "no way mails again who is marked"
before=$(mails)
cp people.csv first.csv
nobody_again()
{
    expect_exit "$@"
    expect_line "nothing was left to send" out
    expect_equal "mails" "$before" "$(mails)"
    state_is bounced ann bob ida
    state_is complained cleo
    state_is delivered dan
}
nobody_again 0 "${send[@]}" letter people.csv
expect_line "4 sent, 1 delivered, 4 bounced, 1 complained" out
nobody_again 0 "${send[@]}" --in-doubt resend letter people.csv
(head -n 1 first.csv && tail -n +2 first.csv | tac) >people.csv
nobody_again 0 "${send[@]}" letter people.csv
nobody_again 0 "${send[@]}" --key email letter people.csv
printf '%s@example.net\n' ann bob cleo dan ida >names
expect_exit 0 "$MB_BIN/mmerge" resolve --unsent names "$ledger"
expect_line "0 recipients settled" out
nobody_again 0 "${send[@]}" --key email letter people.csv
sed 's/,$/,copy@example.net/' first.csv >people.csv
expect_exit 65 "${send[@]}" --key email letter people.csv
nobody_again 0 "${send[@]}" --key email --accept-changes letter people.csv
# They go, and come back written otherwise.
grep -e email -e gus first.csv >people.csv
nobody_again 0 "${send[@]}" --key email --accept-changes letter people.csv
sed 's/@example.net/@EXAMPLE.net/' first.csv >people.csv
nobody_again 10 "${send[@]}" --bad-rows skip --accept-changes letter people.csv
cp first.csv people.csv

case_begin "the list keeps the next campaign from them"
fresh
bounces -q maildir >suppress.txt
cp people.csv next.csv
expect_exit 0 "${send[@]}" --suppress suppress.txt letter next.csv
expect_line "5 sent, 5 suppressed" out

# --- what is not believed ------------------------------------------------------------------------

# unbelieved REASON COMMAND…: the mail that COMMAND writes marks nobody.
unbelieved()
{
    local reason=$1

    shift
    fresh
    "$MB_BIN/mmerge" status "$ledger" >before
    "$@" >mail
    expect_exit 0 bounces mail
    expect_equal "the list" "" "$(cat out)"
    expect_line "$reason" err
    expect_equal "escapes" "" "$(tr -d '[:print:]\n' <err)"
    "$MB_BIN/mmerge" status "$ledger" >after
    expect_same before after
}

case_begin "a report without a Message-ID, or with one that was made up"
unbelieved "it does not say which message it is about" about ann --id ''
unbelieved "it is not about a message of this campaign" about ann --id '<0123456789abcdef0123456789abcdef@example.org>'
unbelieved "it is not about a message of this campaign" about ann --id "<$(id_of ann | tr -d '<' | cut -c 1-10)@example.org>"
unbelieved "it is not about a message of this campaign" about ann --id "<x$(id_of ann | tr -d '<')"
unbelieved "it is not about a message of this campaign" about ann --kind complaint --id '<1@example.org>'
unbelieved "it is not about a message of this campaign" about ann --kind qmail --id '<1@example.org>'

case_begin "one that names somebody whom the message did not go to"
unbelieved "that message did not go to this address" report --id "$(id_of bob)" --original ann@example.net
unbelieved "that message did not go to this address" report --id "$(id_of bob)" --original ann@example.net --final bob@example.net
unbelieved "that message did not go to this address" report --id "$(id_of gus)" --final ann@example.net
unbelieved "that message did not go to this address" report --kind complaint --id "$(id_of gus)"

case_begin "a report within the message that came back"
fresh
about bob --nested "$(id_of ann):ann@example.net" >mail
expect_exit 0 bounces mail
expect_equal "the list" bob@example.net "$(cat out)"
state_is sent ann

case_begin "10,000 others hide one, and they are not all shown"
unbelieved "and 9990 more that are not marked" about ann --recipients 10000
fresh
about ann --recipients 9000 >mail
expect_exit 0 bounces mail
expect_equal "the list" ann@example.net "$(cat out)"
expect_equal "lines" 12 "$(wc -l <err)"

case_begin "a terminal is not told what to do"
unbelieved "not marked" report --original "$(printf 'a\033[31m@example.net')" --id "$(printf '<\033[2J>')"
fresh
about ann --text "$(printf '550 5.1.1 \033]0;x\007unknown')" >mail
expect_exit 0 bounces --json mail
expect_line '\\x1b]0;x\\x07unknown' out
expect_exit 0 "$MB_BIN/mmerge" status "$ledger"
expect_line '\x1b]0;x\x07unknown' out

case_begin "forwarded, to the only recipient"
fresh
report --id "$(id_of ann)" --final ann@elsewhere.example >mail
expect_exit 0 bounces mail
expect_equal "the list" ann@example.net "$(cat out)"

# --- VERP ----------------------------------------------------------------------------------------

case_begin "a VERP address is a proof, one that was made up is none"
key=$(id_of ann | tr -d '<' | cut -c 1-10)
other=$(id_of bob | tr -d '<' | cut -c 1-10)
fresh
about ann --id '' --to "news+$key-ann=example.net@example.org" >mail
expect_exit 0 bounces mail
expect_equal "the list" ann@example.net "$(cat out)"
unbelieved "it is not about a message of this campaign" about ann --id '' --to "news+0123456789-ann=example.net@example.org"
unbelieved "that message did not go to this address" about ann --id '' --to "news+$other-ann=example.net@example.org"
unbelieved "that message did not go to this address" about ann --id '' --to "news+$other-bob=example.net@example.org"
unbelieved "that message did not go to this address" about ann --id '' --to "news+$key-bob=example.net@example.org"
unbelieved "it does not say which message it is about" about ann --id '' --to "news+${key:0:9}-ann=example.net@example.org"

# --- bad input -----------------------------------------------------------------------------------

case_begin "a mail in an mbox that is broken, a tar that is cut: the rest is read"
fresh
{
    printf 'From a@b Mon Nov 23 16:34:50 2026\n'
    about ann
    printf '\nFrom a@b Mon Nov 23 16:34:50 2026\nX: y\nContent-Type: multipart/report; boundary="\n\n--\n'
    head -c 3000 /dev/urandom | tr -d '\n'
    printf '\n\nFrom a@b Mon Nov 23 16:34:50 2026\n'
    about ida
} >broken.mbox
expect_exit 0 bounces broken.mbox
expect_equal "the list" "ann@example.net ida@example.net" "$(xargs <out)"
fresh
head -c 10000 /dev/urandom >noise
tar cf whole.tar maildir/new/1.a noise
head -c 8000 whole.tar >cut.tar
expect_exit 65 bounces cut.tar maildir/new/8.a
expect_line "ann@example.net" out
expect_line "ida@example.net" out
expect_line "cut.tar" err

case_begin "what is no mail, not there, no ledger: said, with its exit code, and the rest is read"
fresh
expect_exit 65 bounces noise maildir/new/1.a
expect_equal "the list" ann@example.net "$(cat out)"
expect_line "noise: is no mail" err
fresh
expect_exit 66 bounces missing maildir/new/1.a
expect_equal "the list" ann@example.net "$(cat out)"
expect_line "missing" err
expect_exit 65 "$MB_BIN/mmerge" bounces letter maildir
expect_one_line err
expect_missing letter.marks
expect_exit 66 "$MB_BIN/mmerge" bounces none.db maildir
expect_exit 65 "$MB_BIN/mmerge" bounces people.csv maildir
expect_line "the ledger is people.csv.mmerge.db" err
expect_exit 64 "$MB_BIN/mmerge" bounces "$ledger"
expect_exit 64 bounces --quiet --verbose maildir
: >empty
expect_exit 0 bounces empty
mkdir -p new-maildir/{cur,new,tmp}
expect_exit 0 bounces new-maildir
fresh
expect_exit 74 bash -c "'$MB_BIN/mmerge' bounces '$ledger' maildir >/dev/full"
state_is bounced ann
{ bounces maildir 2>err || true; } | true

case_begin "a ledger that is in use is waited for by nobody"
fresh
mkfifo pipe
start_background "$T/holder.log" "$MB_BIN/mmerge" bounces "$ledger" pipe
holder=$STARTED_PID
exec 7>pipe
printf 'From a@b Mon Nov 23 16:34:50 2026\n' >&7
about ann >&7
printf '\nFrom a@b Mon Nov 23 16:34:50 2026\n' >&7
locked()
{
    expect_code=0
    bounces empty >out 2>err || expect_code=$?
    [ "$expect_code" = 75 ]
}
wait_for locked
expect_line "$ledger" err

case_begin "killed, nothing is lost: it is read again"
# shellcheck disable=SC2004,SC2034 # an associative array of lib.sh
MB_STOP_SIGNAL[$holder]=KILL
stop_background "$holder"
exec 7>&-
expect_exit 0 bounces maildir
expect_same wanted out

case_begin "Ctrl-C keeps what was marked"
fresh
start_background "$T/stopped.log" "$MB_BIN/mmerge" bounces "$ledger" maildir/new/1.a pipe
holder=$STARTED_PID
exec 7>pipe
wait_for locked
kill -INT "$holder"
wait_for mb_process_gone "$holder"
stop_background "$holder"
exec 7>&-
expect_equal "exit code" 75 "$STOPPED_CODE"
expect_line "what was marked is kept" stopped.log
state_is bounced ann

# --- size ----------------------------------------------------------------------------------------

# Of the address space sanitizers take, nothing can be said.
most=40
! grep -q '^MAILBATCH_SANITIZE:.*=.' "$MB_BUILD/CMakeCache.txt" 2>/dev/null || most=2000

# stays_small MAIL…: its largest resident set, in MiB.
stays_small()
{
    local used

    used=$("$MB_PYTHON" - "$MB_BIN/mmerge" bounces "$ledger" "$@" <<'PYTHON'
import resource, subprocess, sys

code = subprocess.run(sys.argv[1:], stderr=open("err", "wb"), stdout=open("out", "wb")).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PYTHON
    )
    echo "  exit code and MiB: $used"
    [ "${used% *}" = 0 ] || fail "exit code ${used% *}: $(cat err)"
    [ "${used#* }" -lt "$most" ] || fail "${used#* } MiB"
}

case_begin "a report of 100 MB: in its words, in what came back"
fresh
about ann --preamble 100000000 >large
stays_small large
expect_equal "the list" ann@example.net "$(cat out)"
fresh
about ann --body 100000000 >large
stays_small large
expect_equal "the list" ann@example.net "$(cat out)"
case_begin "many reports"
fresh
for ((i = 0; i < ${MB_REPORTS:-200}; i++)); do
    cat inbox.mbox
done >large
stays_small large
expect_same wanted out
rm large

# --- Postfix -------------------------------------------------------------------------------------

# fetch NAME: the box "rest" into an archive.
fetch()
{
    expect_exit 0 "$MB_BIN/popdump" fetch --quiet --server "pop3s://rest@localhost:$POP3S_PORT" \
        --tls-trust "$CA_FILE" --password-file password "$1"
}

# list NAME FIRST LAST: rows for example.com; every tenth is not known there.
list()
{
    echo email,copy
    seq -f 'p%03g@example.com,' "$2" "$3"
} >"$1.csv"

on_postfix()
{
    local send=("$MB_BIN/mmerge" send -q --server "smtp://u1@localhost:$SUBMISSION_PORT"
        --tls-trust "$CA_FILE" --password-file password)

    list crowd 1 500
    expect_exit 0 "${send[@]}" letter crowd.csv
    wait_for mail_arrived known 450
    wait_for mail_arrived rest 50
    fetch archive
    seq -f 'p%03g@example.com' 3 10 500 >unknown
    expect_exit 0 "$MB_BIN/mmerge" bounces crowd.csv.mmerge.db archive
    expect_same unknown out
    expect_line "50 mails read, 50 reports: marked 50 bounced (50 for good, 0 for now), 0 complained, 0 delivered; 50 to suppress" err
    cp out suppress.txt
    "$MB_BIN/mmerge" status --json crowd.csv.mmerge.db >entries
    expect_equal "sent" 450 "$(grep -c '"state":"sent"' entries)"
    sed -n 's/^{"address":"\([^"]*\)","state":"bounced".*/\1/p' entries >bounced
    expect_same unknown bounced

    list later 1 500
    expect_exit 0 "${send[@]}" --suppress suppress.txt letter later.csv
    wait_for mail_arrived known 900
    expect_equal "sent" 450 "$("$MB_BIN/mmerge" status --json later.csv.mmerge.db | grep -c '"state":"sent"')"
    expect_equal "suppressed" 50 "$("$MB_BIN/mmerge" status --json later.csv.mmerge.db | grep -c '"state":"suppressed"')"
    expect_equal "reports" 50 "$(mail_count rest)"
}

# With VERP and reports of success too; and once more without a Message-ID to go by.
with_verp()
{
    local send=("$MB_BIN/mmerge" send -q --server "smtp://u1@localhost:$SUBMISSION_PORT"
        --tls-trust "$CA_FILE" --password-file password)
    local how

    list some 1 40
    expect_exit 0 "${send[@]}" --verp --dsn failure,success letter some.csv
    wait_for mail_arrived rest 90
    fetch archive
    mkdir plain
    expect_exit 0 "$MB_BIN/popdump" extract --to plain archive
    find plain -type f -exec sed -i '/^Message-I[Dd]:/d' {} +
    cp some.csv.mmerge.db sent.db
    for how in plain archive; do
        rm some.csv.mmerge.db*
        cp sent.db some.csv.mmerge.db
        expect_exit 0 "$MB_BIN/mmerge" bounces some.csv.mmerge.db "$how"
        expect_line "marked 4 bounced (4 for good, 0 for now), 0 complained, 36 delivered, 50 not marked; 4 to suppress" err
        expect_equal "the list" "p003 p013 p023 p033" "$(sed 's/@.*//' out | xargs)"
    done
}

printf 'pw\n' >password
chmod 600 password
if need_servers "the circle on postfix"; then
    case_begin "postfix: exactly those who are unknown become bounced, and the next campaign passes them over"
    seq -f 'p%03g' 1 500 | grep -v '3$' >known
    start_postfix_dovecot "$T/servers" known
    on_postfix
    case_begin "postfix: VERP and reports of success"
    with_verp
    stop_servers
fi
