#!/usr/bin/env bash
# mmerge.1 is right: every option is in it and exists, its examples can be pasted, its exit codes
# happen, and it names every key of the JSON lines.
. "$(dirname "$0")/../support/lib.sh"

manual=$MB_SOURCE/tools/mmerge/mmerge.1
cd "$T"
need_program "the manual" mandoc || exit 0

case_begin "the manual names the options that --help shows, and no others"
for command in preview check send status resolve bounces; do
    "$MB_BIN/mmerge" "$command" --help | sed -En 's/^ +(-[a-z], )?--([a-z-]+).*/\2/p'
done | grep -vx -e help -e version | sort -u >helped
sed -En 's/.*Fl -([a-z][a-z-]+).*/\1/p' "$manual" | sort -u >named
sed -En 's/^\.It Fl ([a-z] , Fl )?-([a-z-]+).*/\2/p' "$manual" | sort -u >described
expect_equal "not described" "" "$(comm -23 helped described | xargs)"
expect_equal "described, and not there" "" "$(comm -13 helped described | xargs)"
expect_equal "named, and not there" "" "$(comm -13 helped named | xargs)"

# --- the template of the manual ------------------------------------------------------------------

# literal N: the N-th literal display, as a reader sees it.
literal()
{
    awk -v want="$1" '/^\.Bd -literal/ { n++; shown = n == want; next } /^\.Ed/ { shown = 0 } shown' "$manual" |
        sed 's/\\e/\\/g; s/^\\&//'
}

case_begin "the template that is shown can be rendered"
literal 1 >letter.txt
expect_line "From: Green Shop" letter.txt
mkdir invoices
echo 1 >invoices/7.pdf
echo '<p>Dear {{ name }}</p>' >body.html
printf 'name,email,manager,month,number\nAnn,ann@example.net,boss@example.net,May,7\nBob,bob@example.net,,May,7\n' >people.csv
expect_exit 0 "$MB_BIN/mmerge" preview letter.txt people.csv
expect_line "Subject: Ann, your May harvest" out

# --- its examples --------------------------------------------------------------------------------

start_mailsink "$T/sink" --store "$T/sink/store" --user ann:secret --hide CHUNKING \
    --fault <(printf 'smtp rcpt 4 550 5.1.1 no such user\nsmtp dot 3 lose\n')
mkdir bin
ln -s "$MB_BIN/mmerge" bin/mmerge
printf '#!/bin/sh\n[ "$*" = "show mail" ] && echo secret\n' >bin/pass
printf '#!/bin/sh\ncat >mailed\n' >bin/mail
chmod 755 bin/pass bin/mail

# example N CODE: the commands of a literal display, pasted; for the user's host stands mailsink.
example()
{
    local code=0

    literal "$1" | sed "s|ann@mail\.example\.org|ann@localhost:$SINK_SMTP --tls-trust $CA_FILE --window 1|" >commands
    [ -s commands ] || fail "there is no example $1"
    PATH=$T/bin:$PATH bash -e commands >out 2>err || code=$?
    [ "$code" = "$2" ] || { cat out err >&2; fail "example $1 ended with $code"; }
}

case_begin "the first examples: preview, check, a trial, and the campaign"
# The trial is messages 1 and 2; of the campaign the second recipient is refused, the end of the
# message to the boss is lost.
example 3 75
expect_line "2 rows: 2 good (3 recipients, " out
expect_line "this run: 2 sent" out
expect_equal "pasted" 4 "$(grep -c '^mmerge' commands)"

case_begin "the examples about those who were refused, and in doubt"
"$MB_BIN/mmerge" status --json people.csv.mmerge.db >entries
refused=$(grep -c '"state":"refused"' entries)
doubtful=$(grep -c '"state":"in-doubt"' entries)
[ "$refused" -gt 0 ] && [ "$doubtful" -gt 0 ] || fail "$(cat entries)"
example 4 0
expect_line "name,email,manager,month,number" again.csv
sed -n 's/^{"address":"\([^"]*\)","state":"in-doubt".*/\1/p' entries >arrived.txt
example 5 0
expect_line "$doubtful recipients settled, 0 still in doubt" out

case_begin "the example about those whose mail came back"
mkdir reports
id=$(grep -rhi '^message-id:' "$T/sink/store" | sed 's/.*: //' | while read -r id; do
    "$MB_PYTHON" "$MB_SOURCE/tests/support/bounce.py" --id "$id" --original bob@example.net >reports/report
    "$MB_BIN/mmerge" bounces -q people.csv.mmerge.db reports | grep -q bob && echo "$id"
done)
[ -n "$id" ] || fail "no message was Bob's"
cp people.csv next.csv
example 6 0
expect_equal "the list" bob@example.net "$(cat suppress.txt)"
expect_line "Bob,bob@example.net" bounced.csv
expect_line "1 suppressed" out

case_begin "the example with a rate and a mail"
example 7 0
expect_line "campaign letter-people: " mailed

case_begin "the template with rows in groups, and the example that sends it"
literal 2 >order.txt
mkdir care
touch care/fig.txt care/pear.txt care/nut.txt
printf 'name,email,item,price\nAnn,ann@example.net,fig,1\nBob,bob@example.net,nut,2.5\nAnn,ann@example.net,pear,3\n' >orders.csv
example 8 0
expect_line "Subject: Ann, your order of 2 items" out
expect_line 'filename=pear.txt' out
expect_line "3 rows in 2 groups: 2 good (2 recipients, " out
expect_line "campaign order-orders: 2 sent" out
expect_equal "literal displays that no case has tried" "" "$(literal 9)"

# --- exit codes ----------------------------------------------------------------------------------

case_begin "each exit code of the manual happens, and no other"
codes=
exits()
{
    expect_exit "$@"
    codes="$codes $1"
}
send=(send --server "smtp://localhost:$SINK_SMTP" --tls-trust "$CA_FILE")
cat >short <<'TEMPLATE'
From: a@example.org
To: {{ email }}
Subject: s

{{ name }}
TEMPLATE
cp people.csv list.csv
exits 0 "$MB_BIN/mmerge" "${send[@]}" --redirect-to me@example.org short list.csv
exits 64 "$MB_BIN/mmerge" send short list.csv
exits 65 "$MB_BIN/mmerge" check list.csv short
exits 66 "$MB_BIN/mmerge" check short none.csv
exits 69 "$MB_BIN/mmerge" send --server smtp://127.0.0.1:9 short list.csv
exits 73 "$MB_BIN/mmerge" "${send[@]}" --transcript no/where short list.csv
exits 74 bash -c '"$0" check short list.csv >/dev/full' "$MB_BIN/mmerge"
exits 77 "$MB_BIN/mmerge" send --server "smtp://ann@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" --passwordeval 'echo no' short list.csv
exits 78 "$MB_BIN/mmerge" send --server "smtp://localhost:$SINK_SMTP" --tls-trust none.pem short list.csv
stop_background "$SINK_PID"
start_mailsink "$T/sink" --fault <(printf 'smtp rcpt 1 550 no\nsmtp rcpt 3 451 later\nsmtp mail 5 garbage\n')
send=(send --server "smtp://localhost:$SINK_SMTP" --tls-trust "$CA_FILE" --wait 0 --window 1)
exits 10 "$MB_BIN/mmerge" "${send[@]}" short list.csv
cp list.csv next.csv
exits 75 "$MB_BIN/mmerge" "${send[@]}" short next.csv
cp list.csv last.csv
exits 76 "$MB_BIN/mmerge" "${send[@]}" short last.csv
expect_equal "codes" "$(sed -n '/^\.Sh EXIT STATUS/,/^\.El/p' "$manual" | sed -n 's/^\.It //p' | tr -d , | xargs)" \
    "$(tr ' ' '\n' <<<"$codes" | sort -n | xargs)"

# --- JSON ----------------------------------------------------------------------------------------

case_begin "the manual names every key and every event of the JSON lines"
{ cat list.csv; printf 'Bob,bob@example.net,,,\nNo,no,,,\n'; } >odd.csv
{
    "$MB_BIN/mmerge" check --json --attach letter.txt short odd.csv || true
    "$MB_BIN/mmerge" check --json --group-by email short list.csv
    "$MB_BIN/mmerge" status --json list.csv.mmerge.db
    "$MB_BIN/mmerge" status --json next.csv.mmerge.db
    "$MB_PYTHON" "$MB_SOURCE/tests/support/bounce.py" --original no@example.net |
        "$MB_BIN/mmerge" bounces --json people.csv.mmerge.db -
    "$MB_BIN/mmerge" "${send[@]}" --json --redirect-to me@example.org short list.csv
    "$MB_BIN/mmerge" "${send[@]}" --json short list.csv || true
} >lines
sed -n '/^\.Ss JSON lines/,/^\.Ss Signals/p' "$manual" >described
"$MB_PYTHON" - lines described <<'PYTHON' || fail "manual and JSON differ"
import json, re, sys

keys = set()
def take(value):
    if isinstance(value, dict):
        keys.update(value)
        for one in value.values():
            take(one)
    elif isinstance(value, list):
        for one in value:
            take(one)
for line in open(sys.argv[1]):
    record = json.loads(line)
    take(record)
    keys.add(record.get("event", "address"))
words = set(re.findall(r"[a-z0-9_-]+", open(sys.argv[2]).read()))
assert len(keys) > 45, sorted(keys)
missing = keys - words
assert not missing, missing
# And the other way round: what stands as a key is one.
named = set(re.findall(r"[a-z0-9_-]{3,}", " ".join(re.findall(r"^\.It Cm (.*)", open(sys.argv[2]).read(), re.M))))
assert not named - keys, named - keys
PYTHON
