#!/usr/bin/env bash
# --group-by: all rows with one value in a column are one message, wherever they stand in the list. A group is in the
# ledger what a row is without it: sent once, known again, named when it changes; and nobody is left out for standing
# in another row than the first. `mmerge-groups.sh full` takes 1,000,000 rows in 300,000 groups (a minute).
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/mmerge.sh
. "$(dirname "$0")/../support/mmerge.sh"

rows=60000 groups=18000 kill_groups=400
[ "${1:-}" != full ] || rows=1000000 groups=300000
cd "$T"
make_certificate "$T/cert"

# fresh [MAILSINK-ARG…]: an empty store, no ledger, the letter and a list whose groups are torn apart.
fresh()
{
    fresh_sink "$@"
    cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ name }}: {% for r in rows %}{{ r.item }}{{ "" if loop.last else ", " }}{% endfor %}

{{ rows|length }} of {{ name }}
LETTER
    list Ann,ann,fig Bob,bob,nut Ann,ann,pear Eva,eva,fig Eva,eva,fig
}

# list NAME,LOCAL-PART,ITEM …: the CSV.
list()
{
    local row

    echo name,email,item >people.csv
    for row in "$@"; do
        IFS=, read -r name local item <<<"$row"
        echo "$name,$local@example.net,$item" >>people.csv
    done
}

send_only()
{
    "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait 0 --retry 1 "$@" letter people.csv
}

send()
{
    send_only --group-by email "$@"
}

check()
{
    "$MB_BIN/mmerge" check --group-by email "$@" letter people.csv
}

preview()
{
    "$MB_BIN/mmerge" preview --group-by email "$@" letter people.csv
}

# Subjects of what arrived, in order of arrival.
subjects()
{
    sed -n 's/^Subject: //p' "$T"/sink/store/new/*.eml | tr -d '\r' | paste -sd '|'
}

all_once()
{
    expect_equal "who has mail" "${1:-ann bob eva}" "$(mailed)"
}

# --- one message a group -------------------------------------------------------------------------

case_begin "rows of one person are one message, in the order of first rows, wherever they stand"
fresh
expect_exit 0 send
all_once
expect_equal "subjects" "Ann: fig, pear|Bob: nut|Eva: fig, fig" "$(subjects)"
expect_line "2 of Ann" sink/store/new/1.eml
expect_exit 0 send
expect_exit 0 send --group-by=email --key email
all_once

case_begin "many rows, shuffled: each group has all of its rows, in the list's order"
fresh
cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: {{ email }}
Subject: {{ email }}

{% for r in rows %}{{ r.item }} {% endfor %}
LETTER
"$MB_PYTHON" - people.csv <<'PYTHON'
import random, sys
random.seed(5)
rows = [(n % 50, n) for n in range(700)] + [(n, 700 + n) for n in range(50, 120)]
random.shuffle(rows)
with open(sys.argv[1], "w") as out:
    out.write("name,email,item\r\n")
    for person, item in rows:
        out.write('"N\n%d",p%d@example.net,"i%d"\r\n%s' % (person, person, item, "\r\n" * (item % 7 == 0)))
PYTHON
expect_exit 0 send --connections 3
expect_equal "groups" 120 "$(find sink/store/new -name '*.eml' | wc -l)"
"$MB_PYTHON" - people.csv sink/store/new <<'PYTHON' || fail "groups and messages differ"
import csv, email, glob, sys
want = {}
for row in csv.DictReader(open(sys.argv[1], newline="")):
    if row["email"]:
        want.setdefault(row["email"], []).append(row["item"])
got = {}
for path in glob.glob(sys.argv[2] + "/*.eml"):
    mail = email.message_from_file(open(path))
    assert mail["Subject"] not in got
    got[mail["Subject"]] = mail.get_payload().split()
assert got == want, (got, want)
PYTHON

case_begin "preview: the first, the group of any row, all, and files by first rows"
fresh
expect_exit 0 preview
expect_line "Subject: Ann: fig, pear" "$T/out"
for at in "2 Ann: fig, pear" "3 Bob: nut" "4 Ann: fig, pear" "6 Eva: fig, fig"; do
    expect_exit 0 preview --row "${at%% *}"
    expect_line "Subject: ${at#* }" "$T/out"
done
expect_exit 65 preview --row 7
expect_exit 0 preview --all
expect_equal "messages" 3 "$(grep -c '^Subject: ' "$T/out")"
expect_exit 0 preview --out shown
expect_equal "files" "000002.eml 000003.eml 000005.eml" "$(cd shown && echo ./* | sed 's|\./||g')"

case_begin "what preview wrote is what goes out"
expect_exit 0 send
for n in 1 2 3; do
    expect_equal "$n" "$(sed '/^Date: \|^Message-ID: /d' shown/00000$((n + 1 + n / 3)).eml)" \
        "$(sed '/^Received: \|^Return-Path: \|^Date: \|^Message-ID: /d' "sink/store/new/$n.eml")"
done

case_begin "values of rows in a header, attachments, HTML and Markdown"
fresh
echo a >fig.txt
echo b >pear.txt
cat >letter <<'LETTER'
From: news@example.org
To: {{ email }}
Cc: {% for r in rows %}{{ r.name }} <{{ r.item }}@example.com>, {% endfor %}
Subject: s
Attachments: {% for r in rows %}{{ r.item }}.txt, {% endfor %}
Content-Type: text/markdown

| name | item |
|------|------|
{% for r in rows %}
| {{ r.name }} | {{ r.item }} |
{% endfor %}
LETTER
list 'A & <b>|*c*,ann,fig' 'Smith "x",ann,pear'
expect_exit 0 send
expect_equal "recipients" "ann fig pear" "$(mailed)"
expect_line '<td>A &amp; &lt;b&gt;|*c*</td>' sink/store/new/1.eml
expect_line '<td>pear</td>' sink/store/new/1.eml
expect_equal "attachments" "fig.txt pear.txt" "$(sed -n 's/.*filename="*\([a-z.]*\).*/\1/p' sink/store/new/1.eml | xargs)"

case_begin "check counts rows and groups, and says what stands out in rows"
fresh
list Ann,ann,fig Bob,bob,nut Ann,ann,ananas Eva,eva,fig Eva,eva,
expect_exit 0 check
expect_line "5 rows in 3 groups: 3 good (3 recipients, " "$T/out"
expect_line "largest group: row 2 (2 rows)" "$T/out"
expect_line "most empty values: row 6 (item)" "$T/out"
expect_no_line "of its first row only" "$T/out"
expect_exit 0 check --json
expect_line '{"event":"row","row":2,"verdict":"good","rows":2,"recipients":1,' "$T/out"
expect_line '"rows":5,"groups":3,"good":3,' "$T/out"
echo '{{ item }}' >>letter
expect_exit 0 check
expect_line "of its first row only, though others differ, outside a loop: row 2, item (2 groups)" "$T/out"
expect_exit 0 check --json
expect_line '{"what":"passed_over","row":2,"value":2,"column":"item"}' "$T/out"

# --- mistakes ------------------------------------------------------------------------------------

# refused CODE WORDS [ARGUMENT…]: check, with the letter and list that stand there
refused()
{
    expect_exit "$1" "$MB_BIN/mmerge" check "${@:3}" letter people.csv
    expect_line "$2" "$T/err"
    expect_one_line "$T/err"
}

# body TEXT: the letter's body
body()
{
    sed -i '/^$/q' letter
    echo "$1" >>letter
}

case_begin "what does not fit is told before anything is rendered"
fresh
refused 65 'letter:3:34: unknown name "rows": it needs --group-by'
expect_exit 64 check --key name
expect_line "--group-by email, --key name: the value of a group is its key: drop --key" "$T/err"
refused 65 'people.csv: --group-by emial: there is no such column: did you mean "email"?' --group-by emial
refused 65 'people.csv: --group-by: "rows" is what the template calls the rows of a group' --group-by email --set rows=1
body '{% for r in rows %}{{ r.itme }}{% endfor %}'
refused 65 'letter:5:25: unknown name "itme": did you mean "item"?' --group-by email
body '{% for r in rows %}{{ r }}{% endfor %}'
refused 65 'letter:5:23: a row is no text: name a column of it, as in r.name' --group-by email
body '{% for r in rows %}{% endfor %}{{ r.item }}'
refused 65 'letter:5:35: unknown name "r"' --group-by email
body '{% for r in rows %}{% for s in rows %}{% endfor %}{% endfor %}'
refused 65 'letter:5:32: a loop over `rows` stands in another one' --group-by email
sed -i 's/^Subject: .*/Subject: {{ rows }}/' letter
body x
printf 'email,rows\nann@example.net,four\n' >people.csv
sed -i 's/{{ name }}//' letter
expect_exit 0 "$MB_BIN/mmerge" preview letter people.csv
expect_line "Subject: four" "$T/out"
refused 65 'people.csv: --group-by: "rows" is what the template calls' --group-by email

# bad WORDS…: the list's bad groups; the one good group, Eva's, goes out with --bad-rows skip
bad()
{
    local words

    expect_exit 65 check
    for words in "$@"; do
        expect_line "$words" "$T/err"
    done
    expect_equal "bad" $# "$(wc -l <"$T/err")"
    expect_exit 65 send
    expect_equal "who has mail" "" "$(mailed)"
    expect_exit 10 send --bad-rows skip
    all_once eva
    expect_equal "invalid" $# "$("$MB_BIN/mmerge" status --json --state invalid people.csv.mmerge.db | wc -l)"
}

case_begin "rows of one group for different people: both rows are named, and it is not sent"
fresh
printf 'name,email,to\nAnn,a,ann@example.net\nEva,e,eva@example.net\nAnn,a,bob@example.net\nEve,e,eva@EXAMPLE.net\n' >people.csv
sed -i 's/{{ email }}/{{ to }}/; s/{{ r.item }}/{{ r.name }}/' letter
bad 'people.csv: row 2: the group "a" has different recipients in row 2 and row 4: To: ann@example.net and To: bob@example.net'
expect_equal "subject" "Eva: Eva, Eve" "$(subjects)"

case_begin "the same for a copy that one row lacks, and a To that is empty in one"
fresh
printf 'name,email,to,cc\nAnn,a,ann@example.net,x@example.net\nEva,e,eva@example.net,\nAnn,a,ann@example.net,\nBob,b,bob@example.net,\nBob,b,,\n' >people.csv
sed -i 's/{{ email }}/{{ to }}/; s/{{ r.item }}/{{ r.name }}/; s/^Subject/Cc: {{ cc }}\nSubject/' letter
bad 'row 2: the group "a" has different recipients in row 2 and row 4: Cc: x@example.net, To: ann@example.net and To: ann@example.net' \
    'row 5: the group "b" has different recipients in row 5 and row 6: To: '

case_begin "copies that a loop takes from all rows leave nobody out"
fresh
printf 'name,email,cc\nAnn,ann@example.net,x@example.net\nAnn,ann@example.net,y@example.net\n' >people.csv
sed -i 's/{{ r.item }}//; s/^Subject/Cc: {% for r in rows %}{{ r.cc }},{% endfor %}\nSubject/' letter
expect_exit 0 send
all_once "ann x y"

case_begin "a row that is bad makes its group bad, wherever it stands; one that names no group is bad itself"
fresh
printf 'email,name,item\nann@example.net,Ann,fig\neva@example.net,Eva,fig\nann@example.net,Ann\nbob@example.net,B\xffb,nut\nbob@example.net,Bob,nut\n,Cid,fig\n,Cid,fig\ndan\xff@example.net,Dan,x\n' >people.csv
bad "people.csv: row 4: 2 values where the header names 3 columns" \
    "people.csv: row 5: octet 0xFF at offset " \
    'people.csv: row 7: the key "email" is empty' \
    'people.csv: row 8: the key "email" is empty' \
    "people.csv: row 9: octet 0xFF at offset "

case_begin "two groups with the same To are duplicates, rows of a group are not"
fresh
sed -i 's/{{ email }}/{{ name }}@example.net/' letter
list ann,1,fig ann,2,nut ann,1,pear eva,3,fig
expect_exit 65 send
expect_line "row 3: has the same To as row 2" "$T/err"
expect_exit 10 send --duplicates skip
all_once "ann eva"
fresh
sed -i 's/{{ email }}/{{ name }}@example.net/' letter
list ann,1,fig ann,2,nut ann,1,pear eva,3,fig
expect_exit 0 send --duplicates send
all_once "ann ann eva"

# --- edits ---------------------------------------------------------------------------------------

# changed CASE ROW…: the list after Ann's group was sent stops the run and Ann's first row is named;
# --accept-changes mails the others only.
changed()
{
    case_begin "$1"
    fresh
    expect_exit 0 send --limit 1
    all_once ann
    list "${@:2}"
    expect_exit 65 send
    expect_line "1 rows that were handled already have changed or are gone from the CSV (" "$T/err"
    expect_line "${named:-(row 2)}: put them back" "$T/err"
    all_once ann
    expect_exit 0 send --accept-changes
    expect_exit 0 send
    all_once
}

changed "a row comes to a group that was sent" Ann,ann,fig Bob,bob,nut Ann,ann,pear Eva,eva,fig Ann,ann,new
changed "a row goes from it" Ann,ann,fig Bob,bob,nut Eva,eva,fig
changed "a row of it is edited" Ann,ann,fig Bob,bob,nut Ann,ann,PEAR Eva,eva,fig
changed "its rows change places" Ann,ann,pear Bob,bob,nut Ann,ann,fig Eva,eva,fig
named="(ann@example.net)" changed "it is gone" Bob,bob,nut Eva,eva,fig

case_begin "a group that was sent becomes bad: that is a change, too, and it stays done"
fresh
expect_exit 0 send --limit 1
for row in 'Ann,ann@example.net' 'Ann,ann@example.net,a,b'; do
    list Ann,ann,fig Bob,bob,nut Ann,ann,pear Eva,eva,fig
    echo "$row" >>people.csv
    expect_exit 65 send --bad-rows skip
    expect_line "have changed or are gone from the CSV (row 2): put them back" "$T/err"
    all_once ann
done
expect_exit 0 send --bad-rows skip --accept-changes
all_once
expect_equal sent "ann bob eva" "$(in_state sent)"
list Ann,ann,fig Bob,bob,nut Ann,ann,pear Eva,eva,fig
expect_exit 65 send
expect_exit 0 send --accept-changes
all_once

case_begin "a group that was not sent takes what comes, and others may stand anywhere"
fresh
expect_exit 0 send --limit 1
list Eva,eva,fig Cid,cid,new Ann,ann,fig Bob,bob,nut Bob,bob,more Ann,ann,pear
expect_exit 0 send
all_once "ann bob cid eva"
expect_equal "subjects" "Ann: fig, pear|Eva: fig|Cid: new|Bob: nut, more" "$(subjects)"

case_begin "a deferred group takes what comes, and is tried again when it is due"
fresh --fault <(echo 'smtp dot 1 451 later')
expect_exit 75 send
list Ann,ann,fig Bob,bob,nut Ann,ann,pear Eva,eva,fig Eva,eva,fig Ann,ann,more
expect_exit 75 send
expect_equal deferred ann "$(in_state deferred)"
"$MB_PYTHON" - <<'PYTHON'
import sqlite3
with sqlite3.connect("people.csv.mmerge.db") as ledger:
    ledger.execute("UPDATE entry SET not_before = 1 WHERE not_before > 1")
PYTHON
expect_exit 0 send
all_once
expect_equal "subjects" "Bob: nut|Eva: fig, fig|Ann: fig, pear, more" "$(subjects)"

case_begin "--group-by goes: who was sent a group is not mailed row by row"
fresh
expect_exit 0 send --limit 1
sed -i '/^Subject/s/:.*/: s/; s/^{{ rows.*/x/' letter
for how in '' '--key email --bad-rows skip' '--key name --bad-rows skip' '--key item --bad-rows skip'; do
    # shellcheck disable=SC2086 # several words
    expect_exit 65 send_only --duplicates skip $how
    expect_line "1 rows that were handled already have changed or are gone from the CSV" "$T/err"
    expect_line "; before, they were taken with --group-by email: put them back" "$T/err"
    all_once ann
done
expect_exit 10 send_only --duplicates skip --accept-changes
all_once
expect_exit 10 send_only --duplicates skip
all_once

case_begin "--group-by comes: who was sent a row is not sent its group"
fresh
sed -i '/^Subject/s/:.*/: s/; s/^{{ rows.*/x/' letter
expect_exit 0 send_only --duplicates send --limit 1
all_once ann
expect_exit 65 send
expect_line "; before, they were taken without --group-by: put them back" "$T/err"
all_once ann
expect_exit 0 send --accept-changes
expect_exit 0 send
all_once

case_begin "another column: groups of the same rows are known, others stop it"
fresh
expect_exit 0 send --limit 1
expect_exit 0 send --group-by name --limit 1
all_once "ann bob"
fresh
list Ann,ann,fig Anne,ann,nut Eva,eva,fig
expect_exit 0 send --limit 1
expect_exit 65 send_only --group-by name --duplicates skip
all_once ann
expect_exit 10 send_only --group-by name --duplicates skip --accept-changes
all_once "ann eva"

case_begin "groups of one row are those rows, with --group-by and without"
fresh
list Ann,ann,fig Bob,bob,nut Eva,eva,fig
sed -i '/^Subject/s/:.*/: s/; s/^{{ rows.*/x/' letter
expect_exit 0 send --limit 1
expect_exit 0 send_only --limit 1
expect_exit 0 send
all_once

# --- what else a row can do ----------------------------------------------------------------------

case_begin "--limit counts groups; a trial sends them to one address and leaves the ledger alone"
fresh
expect_exit 0 send --redirect-to me@example.org --limit 2
all_once "me me"
expect_missing people.csv.mmerge.db
expect_exit 0 send --limit 2
all_once "ann bob me me"

case_begin "suppressed, signed, with an envelope sender of its own"
fresh
openssl genpkey -algorithm ed25519 -out key.pem
chmod 600 key.pem
echo bob@example.net >never
expect_exit 0 send --suppress never --verp --dkim example.org:s:key.pem
all_once "ann eva"
expect_equal "signed" 2 "$(cat sink/store/new/*.eml | grep -c '^DKIM-Signature:')"
expect_equal "senders" "ann=example.net eva=example.net" \
    "$(grep -o '"sender":"news+[^@]*' sink/store/envelopes.jsonl | sed 's/.*-//' | xargs)"

case_begin "a bounce marks the group that it is about"
id=$(sed -n 's/^Message-ID: //p' sink/store/new/2.eml | tr -d '\r')
"$MB_PYTHON" "$MB_SOURCE/tests/support/bounce.py" --id "$id" --original eva@example.net >report
expect_exit 0 "$MB_BIN/mmerge" bounces people.csv.mmerge.db report
expect_equal bounced eva "$(in_state bounced)"
expect_exit 0 send --suppress never --verp --dkim example.org:s:key.pem
all_once "ann eva"

case_begin "in doubt: settled by the group's value"
fresh --fault <(echo 'smtp dot 1 lose') --hide CHUNKING
expect_exit 75 send_only --group-by name --limit 1
expect_equal in-doubt ann "$(in_state in-doubt)"
echo Ann >unsent
expect_exit 0 "$MB_BIN/mmerge" resolve --unsent unsent people.csv.mmerge.db
expect_exit 0 send_only --group-by name
expect_equal sent "ann bob eva" "$(in_state sent)"

case_begin "status --csv gives all rows of the groups in a state, as long as they stand there"
fresh --fault <(echo 'smtp rcpt 1 550 no')
expect_exit 10 send
expect_exit 0 "$MB_BIN/mmerge" status people.csv.mmerge.db
expect_line "campaign letter-people: 3 groups" "$T/out"
expect_exit 0 "$MB_BIN/mmerge" status --csv --state refused people.csv.mmerge.db
expect_equal rows "name,email,item Ann,ann@example.net,fig Ann,ann@example.net,pear" "$(tr -d '\r' <"$T/out" | xargs)"
list Eva,eva,fig Ann,ann,fig Bob,bob,nut Eva,eva,fig Ann,ann,pear
expect_exit 0 "$MB_BIN/mmerge" status --csv --state sent people.csv.mmerge.db
expect_equal rows "name,email,item Eva,eva@example.net,fig Eva,eva@example.net,fig Bob,bob@example.net,nut" \
    "$(tr -d '\r' <"$T/out" | xargs)"
list Eva,eva,fig Ann,ann,fig Bob,bob,nut Eva,eva,fig
expect_exit 65 "$MB_BIN/mmerge" status --csv --state refused people.csv.mmerge.db
expect_line "people.csv: 1 rows" "$T/err"

case_begin "a list that changes while it is sent: no group is torn apart"
fresh --delay 5
"$MB_PYTHON" - people.csv <<'PYTHON'
import sys
with open(sys.argv[1], "w") as out:
    out.write("name,email,item\n")
    for n in range(1200):
        out.write("N%d,p%d@example.net,%s\n" % (n % 600, n % 600, "x" * 500))
PYTHON
cp people.csv longer.csv
echo 'N599,p599@example.net,new' >>longer.csv
started()
{
    [ "$(mailed | wc -w)" -ge 5 ]
}
start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --window 1 \
    --group-by email letter people.csv
wait_for started
{ echo 'name,email,item' && echo 'New,new@example.net,' && sed 1d longer.csv; } >changed.csv
cat changed.csv >people.csv
code=0
wait "$STARTED_PID" || code=$?
expect_equal "exit code" 65 "$code"
expect_line "changed since the run began" "$T/run.log"
expect_exit 0 send
mailed | tr ' ' '\n' >recipients
expect_equal "who has mail" 601 "$(wc -l <recipients)"
expect_equal "mailed twice" "" "$(uniq -d recipients)"

# --- killed --------------------------------------------------------------------------------------

# shuffled ROWS GROUPS FILE
shuffled()
{
    "$MB_PYTHON" - "$@" <<'PYTHON'
import random, sys
n, groups, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
rows = list(range(n))
random.Random(7).shuffle(rows)
with open(path, "w") as out:
    out.write("name,email,item\n")
    for i in rows:
        person = i * groups // n
        out.write("Name %d,p%d@example.net,item %d of the list\n" % (person, person, i))
PYTHON
}

# The envelope's recipients, a line each, sorted.
arrivals()
{
    mailed | tr ' ' '\n'
}

arrived_at_least()
{
    [ "$(wc -l <sink/store/envelopes.jsonl)" -ge "$1" ] || mb_process_gone "$STARTED_PID"
}

case_begin "killed while it sends, and started again: each group exactly once, or in doubt"
fresh --delay 5
shuffled $((kill_groups * 3)) "$kill_groups" people.csv
for kill in 1 2 3; do
    before=$(arrivals | grep -c . || true)
    start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off \
        --connections 2 --window 2 --group-by email letter people.csv
    wait_for arrived_at_least $((before + 20 + RANDOM % 60))
    kill -KILL "$STARTED_PID" 2>/dev/null || true
    code=0
    wait "$STARTED_PID" 2>/dev/null || code=$?
    expect_equal "exit code of kill $kill" 137 "$code"
done
code=0
send --connections 2 >"$T/out" 2>"$T/err" || code=$?
arrivals >arrived
{ in_state sent; in_state in-doubt; } | tr ' ' '\n' | sort >accounted
expect_equal "sent or in doubt" "$kill_groups" "$(grep -c . accounted)"
expect_equal "mailed twice" "" "$(uniq -d arrived)"
expect_equal "sent, but not arrived" "" "$(comm -23 <(in_state sent | tr ' ' '\n' | sort) arrived)"
[ "$code" = 0 ] || [ "$(in_state in-doubt | wc -w)" -gt 0 ] || fail "exit code $code"
expect_equal "whole groups" "$kill_groups" "$(grep -h '^3 of Name' sink/store/new/*.eml | tr -d '\r' | sort -u | wc -l)"

# --- large ---------------------------------------------------------------------------------------

# bounded WHAT KIB: a sanitizer's own memory is not ours.
bounded()
{
    echo "  $1: $2 KiB" >&2
    [ -n "$sanitized" ] || [ "$2" -lt 65536 ] || fail "$1: $2 KiB"
}
sanitized=$(grep -a -m1 -o -F __asan_init "$MB_BIN/mmerge" || true)
size=0

case_begin "$rows rows in $groups groups, shuffled, in bounded memory"
fresh
shuffled "$rows" "$groups" people.csv
peak size 0 "$MB_BIN/mmerge" check --quiet --group-by email letter people.csv
expect_line "$rows rows in $groups groups: $groups good" "$T/out"
bounded check "$size"
peak size 0 "$MB_BIN/mmerge" send --quiet --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --limit 1000 \
    --group-by email letter people.csv
expect_line "1000 sent" "$T/out"
bounded send "$size"
peak size 0 "$MB_BIN/mmerge" send --quiet --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --limit 1000 \
    --group-by email letter people.csv
expect_line "2000 sent" "$T/out"
bounded "going on" "$size"
expect_equal "messages" 2000 "$(find sink/store/new -name '*.eml' | wc -l)"

case_begin "one group of 100,000 rows is one message"
fresh
sed -i '/^Subject/s/:.*/: s/' letter
body '{% for r in rows %}{{ loop.index }} of {{ rows|length }}: {{ r.item }}
{% endfor %}'
shuffled 100000 1 people.csv
peak size 0 "$MB_BIN/mmerge" check --quiet --group-by email letter people.csv
expect_line "100000 rows in 1 groups: 1 good" "$T/out"
bounded check "$size"
expect_exit 0 send
expect_equal "last line" "100000 of 100000:" "$(grep -o '^100000 of 100000:' sink/store/new/1.eml)"

case_begin "many groups that are large: few of them are in memory at a time"
fresh
sed -i '/^Subject/s/:.*/: s/' letter
awk 'BEGIN {
    wide = "x"; while (length(wide) < 32000) wide = wide wide
    print "name,email,item"
    for (i = 0; i < 2400; i++) printf "N%d,p%d@example.net,%s\n", i % 96, i % 96, wide
}' >people.csv
peak size 0 "$MB_BIN/mmerge" send --quiet --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --group-by email \
    letter people.csv
expect_line "96 sent" "$T/out"
bounded send "$size"

case_begin "one that is larger than can be kept is a bad group, in bounded memory"
awk 'BEGIN {
    wide = "x"; while (length(wide) < 10000) wide = wide wide
    print "name,email,item"
    for (i = 1; i <= 9000; i++) printf "Ann,ann@example.net,%s\n", wide
    print "Bob,bob@example.net,nut"
}' >people.csv
peak size 65 "$MB_BIN/mmerge" check --quiet --group-by email letter people.csv
expect_line "its group is too large: up to here it takes 64.0 MiB" "$T/err"
expect_line "9001 rows in 2 groups: 1 good" "$T/out"
[ -n "$sanitized" ] || [ "$size" -lt 131072 ] || fail "$size KiB"
