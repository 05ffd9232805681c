#!/usr/bin/env bash
# Calendar: an invitation as a third form of the body, and attached; what a value cannot do to it.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
mkdir files
cat >files/invite.ics <<'ICS'
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//x//EN
METHOD:{{ method }}
BEGIN:VEVENT
UID:{{ name }}@example.org
SUMMARY:{{ text }}
END:VEVENT
END:VCALENDAR
ICS
cat >letter <<'LETTER'
From: a@example.org
To: {{ name }}@example.net
Subject: Come
Calendar: files/invite.ics
Attachment: {{ file }}

Dear {{ name }}, {{ text }}
LETTER
printf 'BEGIN:VCALENDAR\r\nMETHOD:CANCEL\r\nX-ALL:\xc3\xbc\r\nEND:VCALENDAR\r\n' >files/cancel.ics
printf 'BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n' >files/plain.ics
{
    echo name,method,text,file
    echo ann,REQUEST,plain,files/cancel.ics
    echo "bob,request,\"$(printf 'ü%.0s' {1..90})\",files/plain.ics"
} >people.csv

case_begin "text, calendar: method of the file, folded, in UTF-8; attached ones keep theirs"
expect_exit 0 "$MB_BIN/mmerge" preview --all --out previews letter people.csv
"$MB_PYTHON" - <<'PYTHON' || fail "not that structure"
import email, email.policy

def read(name):
    mail = email.message_from_bytes(open(name, "rb").read(), policy=email.policy.default)
    both, attached = mail.iter_parts()
    assert both.get_content_type() == "multipart/alternative"
    text, calendar = both.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert calendar["Content-Type"].params == {"charset": "utf-8", "method": "REQUEST"}, calendar["Content-Type"]
    assert calendar["Content-Disposition"] is None
    return calendar.get_payload(decode=True), attached

first, cancel = read("previews/000002.eml")
assert first == open("files/invite.ics", "rb").read().replace(b"{{ method }}", b"REQUEST").replace(b"{{ name }}", b"ann") \
    .replace(b"{{ text }}", b"plain").replace(b"\n", b"\r\n"), first
assert cancel.get_content_type() == "text/calendar" and cancel["Content-Type"].params["method"] == "CANCEL"
assert cancel["Content-Type"].params["charset"] == "utf-8" and cancel.get_filename() == "cancel.ics"
assert cancel.get_payload(decode=True) == open("files/cancel.ics", "rb").read()
second, plain = read("previews/000003.eml")
assert all(len(line) <= 75 for line in second.split(b"\r\n"))
assert ("SUMMARY:" + "ü" * 90).encode() in second.replace(b"\r\n ", b""), second
assert "method" not in plain["Content-Type"].params
PYTHON

case_begin "beside HTML with an image it is the last of three"
printf '\x89PNG\r\n' >files/dot.png
sed 's/^Attachment.*/Html: files\/body.html/' letter >rich
echo '<p><img src="dot.png" alt="dot">{{ name }}</p>' >files/body.html
expect_exit 0 "$MB_BIN/mmerge" preview rich people.csv
expect_equal "types" "multipart/related multipart/alternative text/plain text/html text/calendar image/png" \
    "$("$MB_PYTHON" -c '
import email, sys
print(*[part.get_content_type() for part in email.message_from_binary_file(open(sys.argv[1], "rb")).walk()])' "$T/out")"

# refused WORDS: of the first row
refused()
{
    expect_exit 65 "$MB_BIN/mmerge" check letter bad.csv
    expect_line "$1" "$T/err"
}

case_begin "no value adds a line or a parameter"
printf 'name,method,text,file\nann,REQUEST,"a\nATTENDEE:x",\n' >bad.csv
refused 'row 2: files/invite.ics: a value holds a line break: write {{ x|replace("\n", "\\n") }}'
printf 'name,method,text,file\nann,"REQUEST; x=""y""",a,\n' >bad.csv
refused "row 2: files/invite.ics: has no METHOD: an invitation says METHOD:REQUEST"
printf 'name,method,text,file\nann,,a,\n' >bad.csv
refused "has no METHOD"

case_begin "what is no calendar, or not there"
cp files/invite.ics kept
echo "Dear {{ name }}" >files/invite.ics
refused "files/invite.ics: no calendar: it does not begin with BEGIN:VCALENDAR"
sed 's/{{ text }}/{{ nobody }}/' kept >files/invite.ics
refused 'files/invite.ics:7:12: unknown name "nobody"'
rm files/invite.ics
expect_exit 66 "$MB_BIN/mmerge" check letter bad.csv
expect_line "letter:4: Calendar: files/invite.ics" "$T/err"
