#!/usr/bin/env bash
# What mmerge composes, read back by a parser that is not ours: Python's email. Names, addresses, subjects,
# bodies, structure and attachments of every row; no Bcc; nothing of a hostile CSV in the header.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"
campaign=$MB_SOURCE/samples/newsletter
mmerge=$MB_BIN/mmerge
export SOURCE_DATE_EPOCH=1763900000

# python NAME <<SCRIPT: a case that is a Python script; what it asserts is the case.
python()
{
    case_begin "$1"
    expect_exit 0 "$MB_PYTHON" - "${@:2}"
}

case_begin "preview --all --out writes a file a row"
expect_exit 0 "$mmerge" preview --all --out all "$campaign/template.txt" "$campaign/people.csv"
expect_equal files "000002.eml 000003.eml 000004.eml 000005.eml 000006.eml 000007.eml" "$(ls all | tr '\n' ' ' | sed 's/ $//')"

case_begin "preview is the first row, --row N any, and each time the same"
expect_exit 0 "$mmerge" preview "$campaign/template.txt" "$campaign/people.csv"
expect_same out all/000002.eml
expect_exit 0 "$mmerge" preview --row 6 "$campaign/template.txt" "$campaign/people.csv"
expect_same out all/000006.eml

python "every header, body and attachment is what the CSV says" "$campaign" <<'PYTHON'
import csv, email, email.policy, email.utils, pathlib, sys

folder = pathlib.Path(sys.argv[1])
rows = list(csv.DictReader(open(folder / "people.csv", encoding="utf-8", newline="")))
assert len(rows) == 6
for number, row in enumerate(rows, 2):
    raw = pathlib.Path(f"all/{number:06}.eml").read_bytes()
    assert raw.replace(b"\r\n", b"").count(b"\n") == 0 and raw.replace(b"\r\n", b"").count(b"\r") == 0
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert raw.isascii()
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert not mail.defects, mail.defects
    for part in mail.walk():
        assert not part.defects, (number, part.defects)
    for name in ("From", "Date", "Message-ID", "MIME-Version", "To", "Subject"):
        assert len(mail.get_all(name)) == 1, name
    assert "bcc" not in {name.lower() for name in mail.keys()}
    assert b"archive@" not in raw
    local, _, domain = row["email"].rpartition("@")
    to = mail["To"].addresses
    assert len(to) == 1
    assert to[0].display_name == row["name"], (to[0].display_name, row["name"])
    assert to[0].addr_spec == local + "@" + domain.encode("idna").decode()
    assert mail["Subject"] == f"{row['first_name']}, your May harvest from bed {row['bed']}", mail["Subject"]
    assert mail["From"].addresses[0].display_name == "Green Street Garden"
    assert mail["Reply-To"].addresses[0].addr_spec == "office@green-street.example"
    copies = [a.addr_spec for a in mail["Cc"].addresses] if mail["Cc"] else []
    assert copies == [address for _, address in email.utils.getaddresses([row["copy_to"]]) if address], copies
    assert mail["Date"].datetime.timestamp() == 1763900000
    assert mail["Message-ID"].endswith("@green-street.example>")
    assert mail["List-Id"] == "Green Street Garden <news.green-street.example>"

    assert mail.get_content_type() == "multipart/mixed"
    related, hours, plan = mail.iter_parts()
    assert related.get_content_type() == "multipart/related"
    alternative, image = related.iter_parts()
    assert [p.get_content_type() for p in alternative.iter_parts()] == ["text/plain", "text/html"]
    text, html = (p.get_content().replace("\r\n", "\n") for p in alternative.iter_parts())
    assert text.startswith(f"Dear {row['first_name']},\n"), text
    for crop in row["crops"].split(";"):
        assert f"  * {crop.strip()}\n" in text
        escaped = crop.strip().replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        assert f"<li>{escaped}</li>" in html, html
    assert ("record" in text) == (float(row["kilos"]) > 20)
    assert (row["city"] or "our town") in text
    assert image["Content-ID"].strip("<>") == html.split('src="cid:')[1].split('"')[0]
    assert image.get_content() == (folder / "images/leaf.png").read_bytes()
    assert image.get_content_disposition() == "inline"
    assert hours.get_filename() == "opening-hours.csv" and hours.get_content_disposition() == "attachment"
    assert hours.get_payload(decode=True) == (folder / "attachments/opening-hours.csv").read_bytes()
    assert plan.get_filename() == row["plan"], plan.get_filename()
    assert plan.get_payload(decode=True) == (folder / "attachments" / row["plan"]).read_bytes()
PYTHON
statement M-9 M-10 M-13 M-14 M-18

# --- names and subjects that hurt ----------------------------------------------------------------

cat >letter <<'LETTER'
From: "Grün, Shop" <news@bücher.example>
To: {{ name }} <{{ email }}>
Cc: "Boss, {{ name }}" <boss@example.org>, plain@example.org
Bcc: {{ hidden }}, always@example.org
Subject: {{ subject }}
X-Note: {{ note }}

{{ text }}
LETTER
"$MB_PYTHON" - <<'PYTHON'
import csv

names = ['Smith, "Bob" (x)', "Zoë Müller", 'Ünï "Q" <x@y>', "a@b.example", "日本語" * 20, "back\\slash", "'single'",
         "=?utf-8?q?x?=", "semi;colon: group", "tab\there", "very " * 40 + "long", "ends with\\", '"', "(", "x" * 300]
subjects = ["plain", "ü" * 100, "😀" * 50, "word " * 60 + "end", "=?utf-8?q?trick?=", "a: b, c; \"d\"", "x" * 900,
            "é" * 3 + " " + "é" * 80, "trailing \\", "<b>&\"</b>", "1", "٣ مرحبا", "a  b", "0", "ÿ"]
texts = ["plain", ".", "..\n.a\n.", "no end", "a\r\nb\nc\rd", "x" * 5000, "ü" * 5000, " trailing  \n\t\n", "From here\n",
         "--=_m0123\n--=_a--\n", "\x01\x02", "=3D = =\n", "a\n\n\n", "😀\n" * 500, "quoted \"text\""]
with open("hurt.csv", "w", encoding="utf-8", newline="") as out:
    rows = csv.writer(out)
    rows.writerow(["name", "email", "hidden", "subject", "note", "text"])
    for i, (name, subject, text) in enumerate(zip(names, subjects, texts, strict=True)):
        rows.writerow([name, f"u{i}@example.net", f"h{i}@example.net", subject, subject[:40], text])
PYTHON

case_begin "names, subjects and texts that hurt are all good"
expect_exit 0 "$mmerge" check letter hurt.csv
expect_exit 0 "$mmerge" preview --all --out hurt letter hurt.csv

python "each comes back as it was" <<'PYTHON'
import csv, email, email.header, email.policy, email.utils, pathlib, re

# Python 3.11's new parser leaves blanks between adjacent encoded-words of a display name; its old one does not.
def addresses(raw, field):
    old = email.message_from_bytes(raw)
    return [(str(email.header.make_header(email.header.decode_header(name))) if name else "", address)
            for name, address in email.utils.getaddresses([re.sub(r"\r\n(?=[ \t])", "", old[field])])]

csv.field_size_limit(1 << 20)
# A folded blank stands for one blank, whatever it was (RFC 5322, 2.2.3).
squeeze = lambda text: re.sub(r"[ \t]+", " ", text)
for number, row in enumerate(csv.DictReader(open("hurt.csv", encoding="utf-8", newline="")), 2):
    raw = pathlib.Path(f"hurt/{number:06}.eml").read_bytes()
    assert raw.isascii() and all(len(line) <= 998 for line in raw.split(b"\r\n")), number
    head = raw.split(b"\r\n\r\n", 1)[0]
    assert b"h%d@" % (number - 2) not in raw and b"always@" not in raw and b"cc:" not in head.lower().replace(b"\r\ncc:", b"")
    for word in re.findall(rb"=\?[^?]+\?[QB]\?[^?]*\?=", head):
        assert len(word) <= 75, word
    assert not re.search(rb'"[^"\r\n]*=\?utf-8\?[qb]\?[^"]*\?="', head, re.I), head
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    (name, address), = addresses(raw, "To")
    assert address == row["email"], (number, address)
    assert squeeze(name) == squeeze(row["name"]).strip(), (name, row["name"])
    (boss, address), plain = addresses(raw, "Cc")
    assert squeeze(boss) == squeeze("Boss, " + row["name"]).strip(), (boss, row["name"])
    assert address == "boss@example.org" and plain == ("", "plain@example.org")
    assert mail["From"].addresses[0].display_name == "Grün, Shop"
    assert mail["From"].addresses[0].addr_spec == "news@xn--bcher-kva.example"
    assert squeeze(mail["Subject"]) == squeeze(row["subject"]), (mail["Subject"], row["subject"])
    body = mail.get_payload(decode=True).decode("utf-8")
    want = re.sub("\r\n|\r|\n", "\r\n", row["text"] + "\n")
    assert body == want, (number, body[:80], want[:80])
PYTHON
statement M-1 M-4 M-5 M-10

# --- bodies --------------------------------------------------------------------------------------

mkdir -p web/img
printf 'GIF89a-logo' >web/img/logo.gif
printf 'GIF89a-one' >web/img/1.gif
printf 'GIF89a-two' >web/img/2.gif
printf 'n,email,html\n1,a@example.net,<b>&"\n2,b@example.net,x\n' >web/list.csv
cat >web/only-html <<'LETTER'
From: a@example.org
To: {{ email }}
Subject: {{ html }}
Content-Type: text/html

<p>Nr <b>{{ n }}</b> {{ html }} <img src="img/logo.gif" alt="Logo"><img src='img/{{ n }}.gif'>
<img src="https://example.org/far.gif"><a href="https://example.org/?x={{ html|url }}">there</a></p>
LETTER

case_begin "HTML alone gets a text, and its local images inline, those of the row too"
expect_exit 0 "$mmerge" preview --all --out web/out web/only-html web/list.csv

python "as the parser sees it" <<'PYTHON'
import email, email.policy, pathlib

for number, own in ((2, b"GIF89a-one"), (3, b"GIF89a-two")):
    mail = email.message_from_bytes(pathlib.Path(f"web/out/{number:06}.eml").read_bytes(), policy=email.policy.default)
    assert mail.get_content_type() == "multipart/related", mail.get_content_type()
    alternative, *images = mail.iter_parts()
    plain, html = alternative.iter_parts()
    assert plain.get_content_type() == "text/plain" and html.get_content_type() == "text/html"
    assert [image.get_content() for image in images] == [b"GIF89a-logo", own]
    source = html.get_content()
    for image in images:
        assert f"cid:{image['Content-ID'].strip('<>')}" in source
    assert "https://example.org/far.gif" in source and "img/" not in source
    if number == 2:
        assert "&lt;b&gt;&amp;&quot;" in source and "<b>&\"" not in source
        assert "?x=%3Cb%3E%26%22" in source
        assert mail["Subject"] == '<b>&"'
        assert plain.get_content().startswith('Nr 1 <b>&" Logo there [1]'), plain.get_content()
        assert '\n[1] https://example.org/?x=%3Cb%3E%26%22' in plain.get_content(), plain.get_content()
PYTHON

case_begin "constant text, --set, --from, --attach, and nothing but an attachment's levels"
printf 'From: a@example.org\nTo: {{ email }}\nSubject: {{ month }}\n\nHello, {{ month }}\n' >still
printf 'attached' >note.bin
expect_exit 0 "$mmerge" preview --set month=Mai --from 'Zoë <z@example.org>' --attach note.bin still web/list.csv
cp out still.eml
python "as the parser sees that" <<'PYTHON'
import email, email.policy, pathlib

mail = email.message_from_bytes(pathlib.Path("still.eml").read_bytes(), policy=email.policy.default)
assert mail["From"].addresses[0].display_name == "Zoë" and mail["Subject"] == "Mai"
text, note = mail.iter_parts()
assert text.get_content() == "Hello, Mai\r\n"
assert note.get_filename() == "note.bin" and note.get_content() == b"attached"
PYTHON

# --- the CSV's dialects --------------------------------------------------------------------------

printf 'From: a@example.org\nTo: {{ name }} <{{ email }}>\nSubject: {{ row["Vor Name"] }}\n\n{{ text }}\n' >simple

# dialect NAME [ARG…]: list.csv on stdin; its one row must be Zoë's.
dialect()
{
    case_begin "CSV: $1"
    cat >list.csv
    expect_exit 0 "$mmerge" preview "${@:2}" simple list.csv
    cp "$T/out" one.eml
    expect_exit 0 "$MB_PYTHON" -c 'import email, email.policy
m = email.message_from_binary_file(open("one.eml", "rb"), policy=email.policy.default)
assert m["To"].addresses[0].display_name == "Zoë, \"x\"", m["To"]
assert m["Subject"] == "Zoë" and m.get_content() == "a;b,c\nd\n", repr(m.get_content())'
}

plain='Vor Name,name,email,text
Zoë,"Zoë, ""x""",z@example.org,"a;b,c
d"'
dialect "as RFC 4180 says" <<<"$plain"
dialect "no final newline" < <(printf '%s' "$plain")
dialect "CRLF" < <(sed 's/$/\r/' <<<"$plain")
dialect "UTF-8 with BOM" < <(printf '\357\273\277%s\n' "$plain")
dialect "UTF-16LE with BOM" < <(printf '\377\376' && iconv -t UTF-16LE <<<"$plain")
dialect "UTF-16BE with BOM" < <(printf '\376\377' && iconv -t UTF-16BE <<<"$plain")
dialect "windows-1252 by --encoding" --encoding windows-1252 < <(iconv -t WINDOWS-1252 <<<"$plain")
semicolons='Vor Name;name;email;text
Zoë;"Zoë, ""x""";z@example.org;"a;b,c
d"'
dialect "semicolons" <<<"$semicolons"
dialect "tabs" < <(sed 's/^Vor Name;name;email;text/Vor Name\tname\temail\ttext/; s/^Zoë;/Zoë\t/; s/";z@example.org;"/"\tz@example.org\t"/' <<<"$semicolons")
dialect "a delimiter said" --delimiter '|' < <(sed 's/^Vor Name;name;email;text/Vor Name|name|email|text/; s/^Zoë;/Zoë|/; s/";z@example.org;"/"|z@example.org|"/' <<<"$semicolons")
dialect "blanks around names and values, blank lines" <<'CSV'

Vor Name , name, email ,text

Zoë ,"Zoë, ""x""" , z@example.org, "a;b,c
d"
CSV
statement M-15 M-17

case_begin "padded names are trimmed with a warning"
expect_exit 0 "$mmerge" check simple list.csv
expect_line "list.csv: line 2: blanks around column names were left out" "$T/err"

case_begin "blank lines do not shift the numbers of rows"
expect_exit 0 "$mmerge" preview --row 4 simple list.csv
for n in 3 5; do
    expect_exit 65 "$mmerge" preview --row $n simple list.csv
done

# --- suppression ---------------------------------------------------------------------------------

printf 'email,cc\nann@example.net,boss@example.net\nbob@example.net,ann@Example.NET\nBob@example.net,\n' >gone.csv
printf 'From: a@example.org\nTo: {{ email }}\nCc: {{ cc }}\nSubject: s\n\nHello\n' >copies

case_begin "suppressed addresses are left out of To, Cc and Bcc; only a domain's case is folded"
printf '# gone\n\nAnn <ann@EXAMPLE.net>\n' >gone.txt
expect_exit 0 "$mmerge" check --suppress gone.txt copies gone.csv
expect_line "3 rows: 2 good (2 recipients" "$T/out"
expect_line "1 suppressed" "$T/out"
expect_exit 0 "$mmerge" check copies gone.csv
expect_line "3 rows: 3 good (5 recipients" "$T/out"
statement M-12

# --- what preview writes is what send sends ------------------------------------------------------

# sent NAME LETTER LIST FOLDER ARG…: the campaign to a mailsink; what it stored are the previews in FOLDER,
# Date and Message-ID apart.
sent()
{
    local name=$1 letter=$2 list=$3 previews=$4 n=0 file

    shift 4
    case_begin "$name"
    rm -rf sink
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
    expect_exit 0 "$mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --ledger "$T/sink/ledger.db" "$letter" "$list"
    stop_background "$SINK_PID"
    for file in "$previews"/*.eml; do
        n=$((n + 1))
        [ -e "sink/store/new/$n.eml" ] || { fail "only $((n - 1)) messages arrived"; break; }
        sed '/^Date: \|^Message-ID: /d' "$file" >a
        sed '/^Date: \|^Message-ID: /d' "sink/store/new/$n.eml" >b
        expect_same a b
    done
    expect_missing "sink/store/new/$((n + 1)).eml"
}

sent "the newsletter by BDAT" "$campaign/template.txt" "$campaign/people.csv" all
sent "the newsletter by DATA" "$campaign/template.txt" "$campaign/people.csv" all --hide CHUNKING
sent "what hurts by BDAT" letter hurt.csv hurt
sent "what hurts by DATA" letter hurt.csv hurt --hide CHUNKING
sent "what hurts, without 8BITMIME, SMTPUTF8 and PIPELINING" letter hurt.csv hurt --hide CHUNKING,8BITMIME,PIPELINING,SMTPUTF8
statement M-19
