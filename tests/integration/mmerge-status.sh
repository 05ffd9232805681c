#!/usr/bin/env bash
# mmerge status: what a ledger tells people, programs and spreadsheets, and that its CSV is input for
# a follow-up, as it stood.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
printf 'From: Shop <shop@example.org>\nTo: {{ email }}\nCc: {{ copy }}\nSubject: Hello {{ row["First name"] }}\n\n{{ note }}\n' >letter
"$MB_PYTHON" - <<'PYTHON'
import csv

rows = [
    ["Ann; \"the\" first", "ann@example.net", "", "two\nlines"],
    ["=1+1", "bob@example.net", "", " blanks around "],
    ["Ève", "eva@example.net", "copy@example.net", "plain"],
    ["+49 30", "ida@example.net", "", "tab\tand, comma"],
    ["=cmd|' /C calc'!A0", "tom@example.net", "", "carriage\rreturn"],
]
with open("people.csv", "w", encoding="utf-16", newline="") as out:
    writer = csv.writer(out, delimiter=";", quoting=csv.QUOTE_ALL)
    writer.writerow(["First name", "email", "copy", "note"])
    writer.writerows(rows)
PYTHON
start_mailsink "$T/sink" --hide CHUNKING --fault <(printf '%s\n' 'smtp rcpt 1 550 5.1.1 no' 'smtp rcpt 2 550 5.1.1 no' \
    'smtp rcpt 4 550 5.1.1 no copies' 'smtp rcpt 6 451 4.7.1 later' 'smtp dot 2 lose')
send=("$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait 0 --window 1 --max-failures 50)
expect_exit 75 "${send[@]}" letter people.csv
ledger=people.csv.mmerge.db

status()
{
    "$MB_BIN/mmerge" status "$@" "$ledger"
}

# rows STATE NUMBER…: --csv gives these records of the list, unchanged.
rows()
{
    local state=$1

    shift
    expect_exit 0 status --csv --state "$state"
    "$MB_PYTHON" - "$T/out" "$@" <<'PYTHON' || fail "$state: not the rows as they stand in the list"
import csv, io, sys

data = open(sys.argv[1], "rb").read()
wanted = [int(number) - 1 for number in sys.argv[2:]]
original = list(csv.reader(open("people.csv", encoding="utf-16", newline=""), delimiter=";"))
# RFC 4180: CRLF ends every record; strict reading.
assert data.endswith(b"\r\n") and data.startswith(b"First name;email;copy;note\r\n")
got = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=";", strict=True))
assert got == [original[0]] + [original[i] for i in wanted], got
PYTHON
}

case_begin "the rows of a state, as a spreadsheet and a follow-up take them"
rows refused 2 3 4
rows sent 4
rows in-doubt 5
rows deferred 6

case_begin "they are input: the follow-up finds every one of them"
status --csv --state refused >again.csv
expect_exit 0 "$MB_BIN/mmerge" check --json letter again.csv
expect_line '"rows":3,"good":3' out
expect_exit 0 "$MB_BIN/mmerge" preview --row 3 letter again.csv
expect_line "Subject: Hello =1+1" out
expect_line " blanks around " out
expect_exit 0 "${send[@]}" letter again.csv
expect_line "campaign letter-again: 4 sent" out

case_begin "counts and entries, for people"
expect_exit 0 status
expect_line "campaign letter-people: 5 rows" out
expect_line "         3  refused" out
expect_line "      4  refused     copy@example.net  550 5.1.1 no copies" out
expect_exit 0 status --state deferred
expect_line "      6  deferred    tom@example.net  451 4.7.1 later" out
expect_no_line "ann@" out

case_begin "a line a recipient, for programs"
expect_exit 0 status --json
"$MB_PYTHON" - "$T/out" <<'PYTHON' || fail "the lines are wrong"
import json, sys, time

rows = {row["address"]: row for row in map(json.loads, open(sys.argv[1]))}
states = {name.split("@")[0]: row["state"] for name, row in rows.items()}
assert states == {"ann": "refused", "bob": "refused", "eva": "sent", "copy": "refused",
                  "ida": "in-doubt", "tom": "deferred"}, states
assert rows["copy@example.net"]["kind"] == "cc" and rows["copy@example.net"]["row"] == 4
assert rows["tom@example.net"]["attempts"] == 1 and rows["tom@example.net"]["reply"] == "451 4.7.1 later"
assert 30 < rows["tom@example.net"]["not_before"] - time.time() < 90
assert abs(rows["eva@example.net"]["updated"] - time.time()) < 30
assert "not_before" not in rows["eva@example.net"]
PYTHON

case_begin "a row that has changed cannot be given as it stood, and that is said"
cp people.csv kept.csv
"$MB_PYTHON" -c '
text = open("people.csv", encoding="utf-16", newline="").read()
open("people.csv", "w", encoding="utf-16", newline="").write(text.replace("bob@", "rob@"))'
expect_exit 65 status --csv --state refused
expect_line "1 rows of the ledger do not stand there any more as they were" err
mv kept.csv people.csv

case_begin "who reads it may go away, and a full disk is an error"
{ status --json 2>err || true; } | true
expect_equal "words on stderr" "" "$(cat err)"
for how in "" --json "--csv --state sent"; do
    expect_exit 74 bash -c "'$MB_BIN/mmerge' status $how $ledger >/dev/full"
done
