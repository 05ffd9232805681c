#!/usr/bin/env bash
# mparse -f csv and -f sqlite: what the tables say, and the ten questions of the manual with their answers.
. "$(dirname "$0")/../support/lib.sh"

mparse=$MB_BIN/mparse
cd "$T"

# --- a small campaign of known mails --------------------------------------------------------------

"$MB_PYTHON" - <<'PYTHON'
import base64

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"

def mail(fields, body):
    return b"\n".join(fields) + b"\n\n" + body

def attached(fields, name, type, content):
    return mail(fields + [b"Content-Type: multipart/mixed; boundary=b"],
                b"--b\n\nhi\n--b\nContent-Type: " + type + b"\nContent-Disposition: attachment; filename=" + name +
                b"\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(content) + b"--b--\n")

ann, bob = b"From: Ann <ann@a.example>", b"From: bob@b.example"
mails = [
    attached([ann, b"Date: Mon, 2 Mar 2026 10:00:00 +0100", b"Message-ID: <1@a.example>", b"Subject: =cmd|' /C calc'!A0"],
             b"invoice.pdf", b"application/pdf", PDF),
    attached([bob, b"Date: Tue, 3 Mar 2026 10:00:00 +0000", b"Message-ID: <2@b.example>", b"Subject: again, \"quoted\""],
             b"copy.pdf", b"application/pdf", PDF),
    attached([bob, b"Date: Wed, 1 Apr 2026 10:00:00 +0000", b"Message-ID: <3@b.example>", b"Subject: a picture"],
             b"picture.png", b"image/png", PDF + b"more"),
    mail([b"Received: from x by late.example; Wed, 1 Apr 2026 12:00:00 +0000",
          b"Received: from y by slow.example; Wed, 1 Apr 2026 10:00:00 +0000",
          b"Received: from z by odd.example; Wed, 1 Apr 2026 10:00:10 +0000",
          ann, b"Date: soon", b"Message-ID: <1@a.example>", b"Subject: -1+1 n\xf6n"], b"text\n"),
    mail([ann, b"Subject: line\0cut", b"Content-Transfer-Encoding: base64"], b"aGVs*bG8=\n"),
]
with open("mail.mbox", "wb") as out:
    for each in mails:
        out.write(b"From a@b Mon Nov 23 16:34:50 2026\n" + each + b"\n")
PYTHON

# --- CSV -----------------------------------------------------------------------------------------

case_begin "CSV is what Python's csv reads, a row a part"
expect_exit 1 "$mparse" -qf csv mail.mbox
"$MB_PYTHON" - "$T/out" <<'PYTHON'
import csv, sys

PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"

text = open(sys.argv[1], newline="", encoding="utf-8").read()
assert text.count("\r\n") == text.count("\n") == len(text.split("\r\n")) - 1
rows = list(csv.DictReader(text.split("\r\n"), strict=True))
assert [(r["n"], r["part"]) for r in rows] == [
    ("1", "TEXT"), ("1", "1"), ("1", "2"), ("2", "TEXT"), ("2", "1"), ("2", "2"), ("3", "TEXT"), ("3", "1"), ("3", "2"),
    ("4", "1"), ("5", "1")], rows
assert rows[0]["subject"] == "'=cmd|' /C calc'!A0", rows[0]
assert rows[3]["subject"] == 'again, "quoted"' and rows[4]["subject"] == ""
assert rows[9]["subject"].startswith("'-1+1 n"), rows[9]
assert rows[10]["subject"].startswith("line\\x00cut"), rows[10]
assert rows[2]["name"] == "invoice.pdf" and rows[2]["size"] == str(len(PDF)) and len(rows[2]["sha256"]) == 64
assert rows[2]["address"] == "mail.mbox#1" and rows[0]["date"] == "2026-03-02T09:00:00Z" and rows[9]["date"] == ""
assert "base64-foreign" in rows[10]["defects"].split() and "date-malformed" in rows[9]["defects"].split()
assert rows[2]["magic"] == "application/pdf"
PYTHON

case_begin "CSV from a pipe: the address can be given back"
expect_exit 1 "$mparse" -qf csv - <mail.mbox
expect_line "1,-#1,TEXT,multipart," "$T/out"

case_begin "CSV has its header when there is nothing below it"
expect_exit 66 "$mparse" -qf csv gone.eml
mkdir -p empty
expect_exit 1 "$mparse" -qf csv empty
expect_equal "header" "n,address,part," "$(head -c 15 "$T/out")"

# --- SQLite --------------------------------------------------------------------------------------

case_begin "a database needs a regular file, and is whole or is not"
expect_exit 64 "$mparse" -f sqlite mail.mbox
expect_line "--format sqlite needs a file" "$T/err"
expect_exit 73 "$mparse" -f sqlite -o /dev/null mail.mbox
expect_one_line "$T/err"
expect_exit 73 "$mparse" -f sqlite -o gone/mail.db mail.mbox
expect_exit 66 "$mparse" -f sqlite -o none.db gone.eml
expect_missing none.db
expect_exit 1 "$mparse" -qf sqlite -o mail.db mail.mbox
expect_equal "integrity" ok "$(sqlite3 mail.db 'PRAGMA integrity_check')"
expect_equal "leftovers" "mail.db" "$(echo mail.db*)"

# In a mount namespace of its own, that leaves nothing behind.
full_disk()
{
    mkdir disk
    mount -t tmpfs -o size=256k none disk
    for _ in {1..2000}; do
        cat mail.mbox
    done >many.mbox
    for format in csv sqlite json; do
        expect_exit 74 "$mparse" -j 4 -qf "$format" -o disk/out many.mbox
        expect_one_line "$T/err"
        expect_equal "left on the disk" "" "$(ls -A disk)"
    done
    expect_exit 74 "$mparse" -j 4 -qf shape -x disk/parts many.mbox
    expect_equal "half parts" "" "$(find disk -name '.part*')"
}
if [ "${1:-}" = full-disk ]; then
    full_disk
    umount disk
    exit
fi
case_begin "an output disk that is full"
if need_root "an output disk that is full"; then
    unshare -m "$MB_SOURCE/tests/integration/mparse-tables.sh" full-disk >"$T/log" 2>&1 || { cat "$T/log" >&2; fail "on a full disk"; }
fi

case_begin "the database says what JSON says"
"$mparse" -qf json mail.mbox "$MB_SOURCE/tests/data/mail" >all.json || true
"$mparse" -qf sqlite -o all.db mail.mbox "$MB_SOURCE/tests/data/mail" || true
"$MB_PYTHON" - <<'PYTHON'
import base64, json, sqlite3

db = sqlite3.connect("all.db")
messages = [r for r in map(json.loads, open("all.json")) if r["record"] == "message"]

def one(sql, *values):
    return db.execute(sql, values).fetchall()

def parts(part):
    yield part
    for child in part["subParts"]:
        yield from parts(child)

assert one("SELECT count(*) FROM messages") == [(len(messages),)]
for m in messages:
    got = one("SELECT address, offset, length, shape, sha256 FROM messages WHERE id = ?", m["n"])
    assert got == [(m["address"], m["source"]["offset"], m["source"]["length"], m["shape"], m["hash"]["sha256"])], got
    got = one("SELECT part, kind, type, size, sha256, body_offset, body_length FROM parts WHERE message = ? ORDER BY n", m["n"])
    want = [(p["id"], p["kind"], p["type"], p.get("size_decoded"), p.get("hash", {}).get("sha256"),
             p["body"]["offset"], p["body"]["length"]) for p in parts(m["part"])]
    assert sorted(got, key=str) == sorted(want, key=str), (got, want)
    got = one("SELECT code, space, offset, length, part FROM defects WHERE message = ?", m["n"])
    assert sorted(got, key=str) == sorted([(d["code"], d["space"], d["offset"], d["length"], d["part"])
                                           for d in m["defects"]], key=str)
    got = one("SELECT n, name, coalesce(raw, CAST(value AS BLOB)) FROM headers WHERE message = ? AND part = ? ORDER BY n",
              m["n"], m["part"]["id"])
    want = [(h["n"], h["name"], base64.b64decode(h["raw_base64"]) if "raw_base64" in h else h["raw"].encode())
            for h in m["headers"]]
    assert got == want, (got, want)
    assert one("SELECT count(*) FROM hops WHERE message = ?", m["n"]) == [(len(m["hops"]),)]
assert one("SELECT path, kind FROM sources ORDER BY id LIMIT 1") == [("mail.mbox", "mbox")]
PYTHON

case_begin "values that are no UTF-8, hold a NUL or SQL"
mkdir hostile
printf 'From: a@b.example\nSubject: %s\nDate: 1\0002\n\nx\n' "'); DROP TABLE parts;--" \
    >"hostile/'); DROP TABLE messages;--"
printf 'From: \377@b.example\nSubject: \377\n\nx\n' >hostile/bytes
expect_exit 1 "$mparse" -qf sqlite -o hostile.db hostile
"$MB_PYTHON" - <<'PYTHON' || fail "not what was in the mail"
import sqlite3

base = sqlite3.connect("hostile.db")
assert base.execute("PRAGMA integrity_check").fetchone() == ("ok",)
rows = base.execute("SELECT address, sender, date, CAST(sender AS BLOB) FROM messages "
                    "ORDER BY address").fetchall()
assert [row[0] for row in rows] == ["hostile/'); DROP TABLE messages;--", "hostile/bytes"], rows
assert rows[0][2] == "1\ufffd2" and rows[1][3].decode() == rows[1][1], rows
assert base.execute("SELECT count(*) FROM parts").fetchone() == (2,)
PYTHON

case_begin "the ten questions of the manual"
cat >answers <<'END'
ann@a.example|3
bob@b.example|2
--
2026-03|2|750
2026-04|1|364
--
mail.mbox#3:2|picture.png|image/png|39
mail.mbox#1:2|invoice.pdf|application/pdf|35
mail.mbox#2:2|copy.pdf|application/pdf|35
--
aa159efb3488421fe3429c7a4619cae5840eed12bafa58da6f2a4d474768e896|2|2|copy.pdf|35
--
application/pdf|2|70
image/png|1|39
text/plain|5|16
--
mail.mbox#3:2|image/png|application/pdf
--
base64-foreign|1|1
content-not-extension|1|1
content-not-type|1|1
date-malformed|1|1
header-nul|1|1
header-nul-byte|1|1
--
mail.mbox#4|soon
mail.mbox#5|
--
mail.mbox#1|mail.mbox#4
--
mail.mbox#4|2|slow.example|7200
mail.mbox#4|1|odd.example|-10
--
END
"$MB_PYTHON" - "$MB_SOURCE/tools/mparse/mparse.1" mail.db >got <<'PYTHON'
import re, sqlite3, sys

section = re.search(r"^\.Ss SQLite\n(.*?)^\.S[sh] ", open(sys.argv[1]).read(), re.M | re.S).group(1)
questions = re.findall(r"^\.Bd -literal\n(.*?)^\.Ed$", section, re.M | re.S)
assert len(questions) == 10, len(questions)
db = sqlite3.connect(sys.argv[2])
for question in questions:
    for row in db.execute(question):
        print("|".join("" if cell is None else str(cell) for cell in row))
    print("--")
PYTHON
expect_same answers got
