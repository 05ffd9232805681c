#!/usr/bin/env bash
# The samples: what a newcomer copies from works, and what it shows arrives.
. "$(dirname "$0")/../support/lib.sh"

case_begin "invoices: the script runs"
expect_exit 0 "$MB_SOURCE/samples/invoices/try.sh" "$T/invoices"
expect_equal "words on stderr" "" "$(cat "$T/err")"
expect_line "4 rows: 4 good (12 recipients, " "$T/out"
expect_line "campaign template-invoices: 6 sent, 6 pending" "$T/out"
expect_line "campaign template-invoices: 12 sent" "$T/out"

case_begin "a folder with files of somebody's is refused, results of before are made anew"
mkdir "$T/mine"
echo mine >"$T/mine/diary"
expect_exit 73 "$MB_SOURCE/samples/invoices/try.sh" "$T/mine"
expect_one_line "$T/err"
expect_line "$T/mine: there are files of yours in it: give another folder" "$T/err"
expect_equal "what is in it" mine "$(cat "$T/mine"/*)"
expect_exit 0 "$MB_SOURCE/samples/invoices/try.sh" "$T/invoices"
expect_line "campaign template-invoices: 12 sent" "$T/out"

case_begin "invoices: the trial leaves the ledger alone, and each row went out once"
expect_equal "recipients of the messages" "1 3 3 3 3" "$("$MB_PYTHON" -c '
import json, sys
print(*[len(json.loads(line)["recipients"]) for line in open(sys.argv[1])])' \
    "$T/invoices/mailsink/envelopes.jsonl")"

case_run "invoices: file, amounts, Cc and Bcc of each row" "$MB_PYTHON" - "$T/invoices/mailsink" \
    "$MB_SOURCE/samples/invoices" <<'PYTHON'
import csv, email, email.policy, glob, json, sys

sink, sample = sys.argv[1:]
rows = {row["number"]: row for row in csv.DictReader(open(sample + "/invoices.csv"), delimiter=";")}
amounts = {"2026-0107": "1.213,80", "2026-0108": "90,42", "2026-0091": "1.234.567,89", "2026-0109": "357,00"}
envelopes = [json.loads(line) for line in open(sink + "/envelopes.jsonl")]
seen = []
for path, envelope in list(zip(sorted(glob.glob(sink + "/new/*.eml")), envelopes))[1:]:
    data = open(path, "rb").read()
    mail = email.message_from_bytes(data, policy=email.policy.default)
    files = {part.get_filename(): part.get_payload(decode=True) for part in mail.iter_attachments()}
    number = next(name for name in files if name.endswith(".pdf"))[:-4]
    row = rows[number]
    seen.append(number)
    assert files[number + ".pdf"] == open(f"{sample}/pdf/{number}.pdf", "rb").read(), number
    assert ("terms.txt" in files) == (row["reminder"] == "yes"), files.keys()
    assert mail["Subject"] == f"Invoice {number} for {row['company']}: {amounts[number]} €", mail["Subject"]
    assert amounts[number] + " €" in mail.get_body().get_content()
    assert mail["Cc"].addresses[0].addr_spec == row["manager_email"], mail["Cc"]
    assert mail["Bcc"] is None and b"invoices@archive" not in data
    assert envelope["sender"] == "bounces@green-street.example"
    assert envelope["recipients"] == [row["email"], row["manager_email"],
                                      "invoices@archive.green-street.example"], envelope
assert sorted(seen) == sorted(rows), seen
PYTHON

case_begin "newsletter: check finds nothing wrong, and says what stands out"
cd "$MB_SOURCE/samples/newsletter"
expect_exit 0 "$MB_BIN/mmerge" check template.txt people.csv
expect_equal "words on stderr" "" "$(cat "$T/err")"
expect_line "most empty values: row 2 (copy_to)" "$T/out"
expect_line "149 B  opening-hours.csv, with 6 messages" "$T/out"
expect_line "letters beyond ASCII: rows " "$T/out"

case_begin "newsletter: the script sends it signed, with one click, and check has no advice"
expect_exit 0 "$MB_SOURCE/samples/newsletter/try.sh" "$T/newsletter"
expect_equal "words on stderr" "" "$(cat "$T/err")"
expect_no_line "large receivers" "$T/out"
expect_line "campaign template-people: 15 sent" "$T/out"
expect_equal "signed, with both fields" "6 6 6" "$(for field in 'DKIM-Signature: v=1' \
    'List-Unsubscribe: <https://green-street.example/leave?who=' \
    'List-Unsubscribe-Post: List-Unsubscribe=One-Click'; do
    grep -lF "$field" "$T"/newsletter/mailsink/new/*.eml | wc -l
done | tr '\n' ' ' | sed 's/ $//')"

case_begin "invitation: the script runs, and each guest gets a calendar"
expect_exit 0 "$MB_SOURCE/samples/invitation/try.sh" "$T/invitation"
expect_line "campaign template-guests: 3 sent" "$T/out"
expect_line "text/calendar" "$T/out"
expect_equal "calendars" 3 "$(grep -l '^Content-Type: text/calendar; charset=utf-8; method=REQUEST' \
    "$T"/invitation/mailsink/new/*.eml | wc -l)"

case_begin "orders: one mail an order, with all of its items, and an item that comes later is told"
expect_exit 0 "$MB_SOURCE/samples/orders/try.sh" "$T/orders"
expect_line "7 rows in 4 groups: 4 good (4 recipients, " "$T/out"
expect_line "campaign template-orders: 4 sent" "$T/out"
expect_one_line "$T/err"
expect_line "have changed or are gone from the CSV (row 3)" "$T/err"
expect_equal "messages" 4 "$(find "$T/orders/mailsink/new" -name '*.eml' | wc -l)"
expect_line "<td>Basil</td>" "$T/orders/mailsink/new/1.eml"
expect_line '<td align=3D"right">7.80</td>' "$T/orders/mailsink/new/1.eml"
