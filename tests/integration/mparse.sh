#!/usr/bin/env bash
# mparse on mail that it should make sense of: what it prints, extracts and finds again by address.
. "$(dirname "$0")/../support/lib.sh"

mparse=$MB_BIN/mparse
mail=$MB_SOURCE/tests/data/mail
cd "$mail"

case_begin "the tree of a newsletter"
expect_exit 0 "$mparse" newsletter.eml
cat >"$T/want" <<'END'
newsletter.eml  1.4 KiB
  From: Grüner Laden <news@shop.example>
  To: "Jansen, Bea" <bea@example.org>
  Cc: André <andre@example.org>
  Subject: Ihre Ernte im November 🍏
  Date: Mon, 23 Nov 2026 16:34:50 +0100
  Message-ID: <1.newsletter@shop.example>
TEXT  multipart/mixed  892 B
├─ 1  multipart/related  631 B
│  ├─ 1.1  multipart/alternative  301 B
│  │  ├─ 1.1.1  text/plain  utf-8, quoted-printable, 31 B
│  │  └─ 1.1.2  text/html  utf-8, quoted-printable, 55 B
│  └─ 1.2  image/png  base64, 67 B  "logo.png"
└─ 2  application/pdf  base64, 22 B  "Rechnung Äpfel.pdf"  (attachment)
END
expect_same "$T/want" "$T/out"
expect_equal "the summary" "mparse: 1 message, 1.4 KiB: header 1086, separator 14, body 222, delimiter 92, 0 with defects" \
    "$(cat "$T/err")"

case_begin "defects stand where they are, and nothing acts on the terminal"
expect_exit 1 "$mparse" broken.eml
expect_line 'Subject: evil \u{202e}\x1b[31m' "$T/out"
expect_line '! warn header-junk at 25: ' "$T/out"
expect_line '│     ! warn base64-padding-inside at 294: ' "$T/out"
expect_no_line $'\x1b' "$T/out"

case_begin "colours on a terminal only, and not where NO_COLOR says so"
on_terminal()
{
    TERM=xterm script -qec "'$mparse' $*" /dev/null >"$T/terminal" || true
}
on_terminal -q broken.eml
expect_line $'\033[33m! warn header-junk at 25' "$T/terminal"
expect_line 'Subject:'$'\033[0m evil \\u{202e}\\x1b[31m' "$T/terminal"
NO_COLOR=1 on_terminal -q broken.eml
expect_line '! warn header-junk at 25' "$T/terminal"
expect_no_line $'\033' "$T/terminal"
on_terminal -q -o "$T/file" broken.eml
expect_no_line $'\033' "$T/file"

case_begin "an encoded message is opened"
expect_exit 1 "$mparse" -qf shape forwarded.eml
expect_equal "shape" "multipart/mixed(message/rfc822(text/plain),message/rfc822(multipart/mixed(text/plain,application/octet-stream)))" \
    "$(cat "$T/out")"
statement F-9

case_begin "the archive around a message counts as a level"
tar cf "$T/forwarded.tar" forwarded.eml
expect_exit 1 "$mparse" -qf shape --max-depth 3 forwarded.eml
expect_exit 2 "$mparse" -qf shape --max-depth 3 "$T/forwarded.tar"
expect_exit 1 "$mparse" -qf shape --max-depth 4 "$T/forwarded.tar"

case_begin "text under its part"
expect_exit 0 "$mparse" -q --text newsletter.eml
expect_line "│  │  │     │ Liebe Bea, die Ernte ist groß." "$T/out"

case_begin "headers, all of them"
expect_exit 0 "$mparse" -q --headers all newsletter.eml
expect_line "  Return-Path: <news@shop.example>" "$T/out"

case_begin "digests"
expect_exit 0 "$mparse" -q --hash md5,sha256 newsletter.eml
expect_line "md5 $(printf '%%PDF-1.4\n%% not really\n' | md5sum | cut -d' ' -f1)" "$T/out"

# --- addresses -----------------------------------------------------------------------------------

case_begin "a message of an mbox, and its text without the quoting"
expect_exit 0 "$mparse" -qf shape "inbox.mbox#2"
expect_equal "shape" text/html "$(cat "$T/out")"
expect_exit 0 "$mparse" -q "inbox.mbox#1:1"
printf 'From here on it is quoted.\n>From twice as well.\n' >"$T/want"
expect_same "$T/want" "$T/out"
expect_exit 0 "$mparse" -q --raw "inbox.mbox#1:1"
printf '>From here on it is quoted.\n>>From twice as well.\n' >"$T/want"
expect_same "$T/want" "$T/out"

case_begin "a whole message as it stands"
expect_exit 0 "$mparse" -q --raw "inbox.mbox#2"
printf 'From: bob@example.org\nSubject: two\nContent-Type: text/html\n\n<p>two\n' >"$T/want"
expect_same "$T/want" "$T/out"

case_begin "a part of a message in an archive, decoded"
tar cf "$T/mail.tar" newsletter.eml forwarded.eml
expect_exit 0 "$mparse" -q "$T/mail.tar!newsletter.eml:2"
expect_equal "content" "%PDF-1.4" "$(head -n 1 "$T/out")"
expect_exit 1 "$mparse" -q "$T/mail.tar!forwarded.eml:2.2"
expect_equal "content" 0123456789 "$(cat "$T/out")"

case_begin "from standard input"
expect_exit 0 "$mparse" -qf shape - <inbox.mbox
expect_equal "shapes" "text/plain text/html text/plain" "$(paste -sd' ' "$T/out")"

# --- extraction ----------------------------------------------------------------------------------

case_begin "what is extracted is what Python decodes, and the manifest says so"
expect_exit 0 "$mparse" -qf shape -x "$T/parts" newsletter.eml
"$MB_PYTHON" - "$T/parts" newsletter.eml <<'PYTHON'
import email.policy, hashlib, json, pathlib, sys

folder, message = pathlib.Path(sys.argv[1]), email.message_from_binary_file(open(sys.argv[2], "rb"))
want = [(part.get_content_type(), part.get_payload(decode=True))
        for part in message.walk() if not part.is_multipart()]
rows = [json.loads(line) for line in open(folder / "manifest.jsonl")]
got = [(row["type"], (folder / row["file"]).read_bytes()) for row in rows]
assert got == want, (got, want)
assert rows[3]["name"] == "Rechnung Äpfel.pdf" and rows[3]["disposition"] == "attachment"
assert all(row["sha256"] == hashlib.sha256(content).hexdigest() and row["size"] == len(content)
           for row, (_, content) in zip(rows, got))
assert {path.name for path in folder.iterdir()} == {row["file"] for row in rows} | {"manifest.jsonl"}
PYTHON

case_begin "attachments only, and no name of the mail's choosing"
expect_exit 1 "$mparse" -qf shape -x "$T/names" --only attachments broken.eml
expect_equal "files" 2 "$(find "$T/names" -type f | wc -l)"
expect_line '"name":"../../etc/passwd"' "$T/names/manifest.jsonl"
expect_equal "what was decoded" "hello" "$(cat "$T/names"/000001-1-*)"

# --- JSON ----------------------------------------------------------------------------------------

case_begin "JSON: one record a message, and the sums"
expect_exit 1 "$mparse" --json newsletter.eml forwarded.eml broken.eml inbox.mbox
"$MB_PYTHON" - "$T/out" <<'PYTHON'
import json, sys

records = [json.loads(line) for line in open(sys.argv[1])]
messages, summary = records[:-1], records[-1]
assert [r["record"] for r in records] == ["message"] * 6 + ["summary"]
assert [m["n"] for m in messages] == list(range(1, 7))
news, forwarded, broken, one = messages[:4]
assert news["date"] == {"raw": "Mon, 23 Nov 2026 16:34:50 +0100", "valid": True,
                        "utc": "2026-11-23T15:34:50Z", "tz": 60, "zone": "given"}
assert {h["name"]: h["decoded"] for h in news["headers"]}["Subject"] == "Ihre Ernte im November 🍏"
assert news["defects"] == [] and news["limits_hit"] == []
pdf = news["part"]["subParts"][1]
assert pdf["names"] == [{"source": "disposition", "value": "Rechnung Äpfel.pdf"}]
assert pdf["size_decoded"] == 22 and len(pdf["hash"]["sha256"]) == 64
spaces = forwarded["spaces"]
assert [s["part"] for s in spaces] == [None, "2"] and spaces[1]["length"] > 0
latin = forwarded["part"]["subParts"][1]["subParts"][0]["subParts"][0]
assert latin["id"] == "2.1" and latin["charset"]["used"].startswith(("iso-8859-1", "windows-1252"))
assert {"header-junk", "type-twice", "base64-padding-inside"} <= {d["code"] for d in broken["defects"]}
assert one["source"]["index"] == 1 and one["address"] == "inbox.mbox#1"
assert one["source"]["dialect"] == "mboxrd"
assert summary["messages"] == 6 and summary["defective"] == 2 and summary["failures"] == 0
assert sum(summary["bytes"].values()) == summary["message_bytes"]
PYTHON

case_begin "a field larger than what is kept before it is written"
(printf 'From: a@b.example\nX-Long: ' && head -c 3000000 /dev/zero | tr '\0' x &&
    printf '\nSubject: seen\n\nhi\n') >"$T/long.eml"
expect_exit 0 "$mparse" -qf tree --headers all "$T/long.eml"
expect_line "  Subject: seen" "$T/out"
expect_exit 0 "$mparse" -qf json "$T/long.eml"
"$MB_PYTHON" - "$T/out" <<'PYTHON'
import json, sys

message = json.loads(open(sys.argv[1]).readline())
assert [len(h["decoded"]) for h in message["headers"]] == [11, 3000000, 4], message["headers"][2]
PYTHON

case_begin "a file and a pipe give the same"
"$mparse" -qf json inbox.mbox | grep -v '"record":"summary"' | sed 's/inbox\.mbox/-/g' >"$T/file"
"$mparse" -qf json - <inbox.mbox | grep -v '"record":"summary"' >"$T/pipe"
expect_same "$T/file" "$T/pipe"
