#!/usr/bin/env bash
# mmerge check: what it finds in a list, for people and for programs; and that its verdict is kept, so
# that a run which goes on renders nothing twice.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
mkdir files
for name in ann bob eva ida; do
    echo "for $name" >"files/$name.txt"
done
printf '%01000d' 7 >files/big.bin
cat >letter <<'TEMPLATE'
From: Shop <shop@example.org>
To: {{ name }} <{{ email }}>
Cc: {{ copy }}
Subject: Hello {{ name }}
Attachment: files/big.bin
Attachment: files/{{ file }}

{{ text }}
TEMPLATE
cat >people.csv <<'CSV'
name,email,copy,file,text
Ann,ann@example.net,boss@example.net,ann.txt,short
Bob,bob@example.net,,bob.txt,a line of thirty-two charäcters!

Ève,eva@example.net,,eva.txt,
Ida,ida@example.net,"boss@example.net, two@example.net",ida.txt,"two
lines"
CSV

json()
{
    "$MB_PYTHON" -c '
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
summary = rows.pop()
assert summary["event"] == "summary" and all(row["event"] == "row" for row in rows)
strangest = {one["what"]: one for one in summary.get("strangest", [])}
assert eval(sys.argv[2]), (sys.argv[2], rows, summary)' "$T/out" "$1" || fail "the report is wrong"
}

case_begin "a good list: what stands out"
expect_exit 0 "$MB_BIN/mmerge" check letter people.csv
expect_equal "words on stderr" "" "$(cat "$T/err")"
expect_line "4 rows: 4 good (7 recipients, " "$T/out"
expect_line ", 1 blank rows passed over" "$T/out"
expect_line "most recipients: row 6 (3)" "$T/out"
expect_line "longest value: row 6, copy (33 characters)" "$T/out"
expect_line "widest line of text: row 3 (32 characters)" "$T/out"
expect_line "most empty values: row 5 (copy and 1 more)" "$T/out"
expect_line "letters beyond ASCII: rows 3, 5" "$T/out"
expect_line "attachments: 5 files, 3.9 KiB over all messages" "$T/out"
expect_line "1000 B  big.bin, with 4 messages" "$T/out"
expect_line "8 B  ann.txt, with 1 message" "$T/out"

case_begin "the same for programs"
expect_exit 0 "$MB_BIN/mmerge" check --json letter people.csv
json 'summary["rows"] == 4 == summary["good"] and summary["recipients"] == 7 and not summary["stop"]'
json 'summary["blank_rows"] == 1 and summary["non_ascii"] == 2 and summary["needs_smtputf8"] == 0'
json 'strangest["widest"] == {"what": "widest", "row": 3, "value": 32}'
json 'strangest["empty"] == {"what": "empty", "row": 5, "value": 2, "column": "copy"}'
json 'strangest["longest"]["column"] == "copy" and strangest["recipients"]["value"] == 3'
json 'strangest["smallest"]["row"] == 2 and strangest["largest"]["value"] == max(row["bytes"] for row in rows)'
json 'summary["attachments"][0] == {"name": "big.bin", "bytes": 1000, "messages": 4}'
json 'summary["attached_bytes"] == 4000 + 4 * 8 and [row["row"] for row in rows] == [2, 3, 5, 6]'

case_begin "rows that would fail, duplicates, suppressed"
cp people.csv bad.csv
cat >>bad.csv <<'CSV'
Udo,udo,,ann.txt,no address
Uta,uta@example.net,,none.txt,no file
Ann again,ann@EXAMPLE.net,,ann.txt,twice
CSV
printf 'eva@example.net\ntwo@example.net\n' >never
expect_exit 65 "$MB_BIN/mmerge" check --suppress never letter bad.csv
expect_line "bad.csv: row 7: To: udo: not an address: no @" "$T/err"
expect_line "bad.csv: row 8: Attachment: files/none.txt: cannot read" "$T/err"
expect_line "bad.csv: row 9: has the same To as row 2 (--duplicates skip or send to go on)" "$T/err"
expect_equal "errors" 3 "$(wc -l <"$T/err")"
expect_line "7 rows: 3 good (5 recipients, " "$T/out"
expect_line "), 2 bad, 1 with a To that was there before, 1 suppressed" "$T/out"
expect_line "the same To as a row before: row 9" "$T/out"
expect_line "suppressed: row 5" "$T/out"
expect_line "suppressed among the recipients of other rows: 1" "$T/out"
expect_exit 65 "$MB_BIN/mmerge" check --json --suppress never letter bad.csv
expect_equal "words on stderr" "" "$(cat "$T/err")"
json 'summary["stop"] and summary["bad"] == 2 and summary["duplicates"] == 1 == summary["suppressed"]'
json '[row["verdict"] for row in rows] == ["good", "good", "suppressed", "good"] + 3 * ["invalid"]'
json 'rows[-1]["duplicate_of"] == 2 and "no @" in rows[4]["reason"]'

case_begin "duplicates that are meant"
grep -Ev '^(Udo|Uta)' bad.csv >twice.csv
expect_exit 0 "$MB_BIN/mmerge" check --duplicates send letter twice.csv
expect_line "5 rows: 5 good (8 recipients, " "$T/out"
expect_line "the same To as a row before: row 7" "$T/out"
expect_equal "words on stderr" "" "$(cat "$T/err")"

case_begin "a suppression list as editors write it: byte order mark, CRLF, names, comments"
printf '\xef\xbb\xbfann@example.net\r\n\r\n# Eva <eva@example.net>\r\nBob <bob@example.net>\r\n#ida@example.net' >never
{ head -1 people.csv; printf '%s,%s@example.net,,ann.txt,x\n' A ann B bob E eva I '#ida' J ida; } >five.csv
expect_exit 0 "$MB_BIN/mmerge" check --json --suppress never letter five.csv
json '[row["verdict"] for row in rows] == ["suppressed", "suppressed", "good", "suppressed", "good"]'
printf 'ann@example.net\n\0\nbob@example.net\n' >never
expect_exit 65 "$MB_BIN/mmerge" check --suppress never letter five.csv
expect_line "never: is no text: it holds a NUL" "$T/err"

case_begin "many rows of a kind are counted, the first ten named"
{ echo name,email,copy,file,text; seq 12 | sed 's/.*/Ü&,u&@example.net,,ann.txt,x/'; } >many.csv
expect_exit 0 "$MB_BIN/mmerge" check letter many.csv
expect_line "letters beyond ASCII: rows 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more" "$T/out"

case_begin "a verdict is kept: a run that goes on renders nothing again, and needs nothing of what is done"
start_mailsink "$T/sink" --store "$T/sink/store"
send=("$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off letter people.csv)
expect_exit 0 "${send[@]}" --limit 2
rm files/ann.txt files/bob.txt
expect_exit 0 "${send[@]}"
expect_equal "sent" 7 "$("$MB_BIN/mmerge" status --json --state sent people.csv.mmerge.db | wc -l)"
rm files/eva.txt files/ida.txt
expect_exit 0 "${send[@]}"
expect_line "nothing was left to send" "$T/out"

case_begin "what has changed is examined again"
sed -i 's/short/long/' people.csv
expect_exit 65 "${send[@]}"
expect_line "row 2: Attachment: files/ann.txt: cannot read" "$T/err"
expect_equal "messages that arrived" 4 "$(find sink/store/new -name '*.eml' | wc -l)"

case_begin "a full standard output is an error"
expect_exit 74 bash -c '"$0" check letter many.csv >/dev/full' "$MB_BIN/mmerge"
