#!/usr/bin/python3
"""The campaign of the circle tests, and an independent look at what arrived.

    circle.py make DIR            writes the campaign: template.txt, rows.csv, bodies, attachments
    circle.py tar DIR OUT         unpacks the members of archive DIR's segments into OUT
    circle.py same BOX DIR [TOTAL]  the mails in BOX (a Maildir's or mailsink's files; LF becomes
                                  CRLF) are the files in DIR, byte for byte
    circle.py list TAR            the names of its members, as Python's tarfile sees them
    circle.py read CAMPAIGN DIR   Python's email package finds in DIR's mails what the campaign says
    circle.py parts CAMPAIGN DIR  the files in DIR, by its manifest, are the attachments that went in,
                                  by name and content, and nothing else

Python's own parser and tar reader: nothing of mailbatch checks mailbatch here.
"""
import csv
import email
import email.header
import email.policy
import email.utils
import hashlib
import html
import json
import pathlib
import random
import re
import struct
import sys
import tarfile
import zlib

ROWS = 200
NAMES = (
    "Žofie Nováková", "李小龍", "Åse Ødegård", 'Smith, "Bob" (x)', "Jürgen Groß", "Ελένη Παπαδοπούλου",
    "Мария Иванова-Петрова", "Ann Smith", "ノーコード 🌻", "O'Brien & Søns <ltd>", "José  María\u00a0Ñúñez",
    "Wolfeschlegelsteinhausenbergerdorff " * 3 + "Æ", "back\\slash", "Ünïcödé " * 12 + "end",
)
CITIES = ("Zürich", "Kraków", "São Paulo", "北京", "Oslo")
TEMPLATE = """\
From: Grüner Laden <news@example.org>
To: {{ name }} <{{ email }}>
Cc: {{ manager }} <u1@example.net>
Bcc: u2@example.net
Reply-To: "Büro, 2. Stock" <reply@example.net>
Subject: {{ name }}: harvest № {{ number }} – {{ city }}
Text: body.txt
Html: body.html
Attachment: files/{{ file }}
Attachment: terms.txt

"""
TEXT = """\
Dear {{ name }},

your harvest № {{ number }} from {{ city }} is on its way.
.
.. two dots, and a line with trailing blanks:   
From here on it gets long: """ + "längere Zeile " * 120 + """
the end.
"""
HTML = """\
<!DOCTYPE html>
<html><body><p>Dear <b>{{ name }}</b>,</p>
<p><img src="images/logo.png" alt="Ernte"> № {{ number }} from {{ city }}</p>
</body></html>
"""


def png(width, height):
    def chunk(kind, data):
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
    pixels = random.Random("logo").randbytes(3 * width)
    rows = b"".join(b"\0" + pixels for _ in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def row(number):
    city = CITIES[number % len(CITIES)]
    domain = "bücher.example" if number % 50 == 49 else "example.org"
    return {
        "name": NAMES[number % len(NAMES)].strip(),
        "email": f"r{number:03}@{domain}",
        "city": city,
        "number": str(1000 + number),
        "manager": NAMES[(number + 3) % len(NAMES)].strip(),
        "file": f"Übersicht „{city}“ № {number:03}.pdf",
    }


def attachment(number):
    """A few kilobytes of any bytes; one is 3 MB."""
    size = 3 * 1024 * 1024 if number == 7 else 900 + number
    return random.Random(number).randbytes(size)


def make(folder):
    (folder / "files").mkdir(parents=True)
    (folder / "images").mkdir()
    (folder / "template.txt").write_text(TEMPLATE)
    (folder / "body.txt").write_text(TEXT)
    (folder / "body.html").write_text(HTML)
    (folder / "images" / "logo.png").write_bytes(png(32, 32))
    (folder / "terms.txt").write_bytes("Bedingungen\r\nmixed\nline ends\r and ünïcode".encode())
    with open(folder / "rows.csv", "w", newline="") as out:
        writer = csv.DictWriter(out, row(0).keys())
        writer.writeheader()
        for number in range(ROWS):
            writer.writerow(row(number))
            (folder / "files" / row(number)["file"]).write_bytes(attachment(number))


def unpack(archive, out):
    out.mkdir()
    segments = {}
    for path in sorted(archive.glob("seg/*.tar*")) + sorted(archive.glob("open/*.tar")):
        segments.setdefault(path.name.split(".")[0], path)
    for path in segments.values():
        with tarfile.open(path) as tar:
            for member in tar:
                name = member.name.replace("/", "_")
                (out / name).write_bytes(tar.extractfile(member).read())


def digest(data):
    return hashlib.sha256(data).hexdigest()


def same(box, folder, total):
    """Multisets of contents are compared, so that each mail stands once on each side."""
    def contents(top, wire):
        found = []
        for path in (p for p in sorted(top.rglob("*")) if p.is_file()):
            data = path.read_bytes()
            if wire and b"\r\n" not in data:
                data = data.replace(b"\n", b"\r\n")
            found.append((digest(data), len(data), path))
        return found

    there, here = contents(box, True), contents(folder, False)
    assert total is None or len(there) == total, f"{len(there)} mails in {box}, not {total}"
    left = {}
    for key, _, path in there:
        left.setdefault(key, []).append(path)
    different = [path for key, _, path in here if not left.get(key) or not left[key].pop()]
    different += [path for paths in left.values() for path in paths]
    for path in different[:10]:
        print(f"without its like on the other side: {path}", file=sys.stderr)
    assert not different, f"{len(different)} mails differ"
    print(f"{len(here)} mails, {sum(size for _, size, _ in here)} bytes, 0 differ")


def shape(part):
    if part.is_multipart():
        return f"{part.get_content_type()}({','.join(shape(p) for p in part.iter_parts())})"
    return part.get_content_type()


def blanks(text):
    return re.sub(r"\s+", " ", text)


def addresses(message, name):
    """By the older functions: the newer ones of Python 3.11 leave the blank between two encoded-words
    in a phrase."""
    raw = [text.replace("\r\n", "") for key, text in message.raw_items() if key == name]
    return [(blanks(str(email.header.make_header(email.header.decode_header(display)))), address)
            for display, address in email.utils.getaddresses(raw)]


def check_mail(campaign, data):
    """Returns the row's number and the Message-ID."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    number = int(message["To"].addresses[0].username[1:])
    want = row(number)

    def equal(what, expected, got):
        assert expected == got, f"row {number}: {what}: expected {expected!r}, got {got!r}"

    def render(text):
        for key, value in want.items():
            text = text.replace("{{ %s }}" % key, value)
        return text

    equal("defects", [], [d for p in message.walk() for d in p.defects])
    for name in ("From", "To", "Cc", "Reply-To", "Subject", "Date", "Message-ID", "MIME-Version"):
        equal(f"number of {name}", 1, len(message.get_all(name, [])))
        equal(f"defects of {name}", (), tuple(message[name].defects))
    equal("Date's zone", True, re.search(r" [+-]\d{4}$", message["Date"]) is not None)
    equal("Message-ID's domain", True, message["Message-ID"].endswith("@example.org>"))
    equal("Bcc", None, message["Bcc"])
    # The last server's own fields name the box that it delivered to.
    own = [text for key, text in message.raw_items()
           if key not in ("Return-Path", "X-Original-To", "Delivered-To", "Received")]
    equal("header fields that name the Bcc", [], [text for text in own if "u2@" in text])
    local, domain = want["email"].split("@")
    for name, display, address in (
            ("From", "Grüner Laden", "news@example.org"),
            ("To", want["name"], f"{local}@{domain.encode('idna').decode()}"),
            ("Cc", want["manager"], "u1@example.net"),
            ("Reply-To", "Büro, 2. Stock", "reply@example.net")):
        equal(name, [(blanks(display), address)], addresses(message, name))
    subject = f"{want['name']}: harvest № {want['number']} – {want['city']}"
    equal("Subject", blanks(subject), blanks(message["Subject"]))
    equal("header lines over 998", [], [l for l in data.split(b"\r\n") if len(l) > 998])
    equal("lone line ends", 0, len(re.findall(rb"(?<!\r)\n|\r(?!\n)", data)))

    equal("structure", "multipart/mixed(multipart/related(multipart/alternative(text/plain,text/html)"
          ",image/png),application/pdf,text/plain)", shape(message))
    related, per_row, terms = message.iter_parts()
    alternative, image = related.iter_parts()
    plain, rich = alternative.iter_parts()
    equal("text", render(TEXT).rstrip("\n"),
          plain.get_content().replace("\r\n", "\n").rstrip("\n"))
    cid = image["Content-ID"].strip("<>")
    equal("image", (campaign / "images" / "logo.png").read_bytes(), image.get_content())
    equal("image's disposition", "inline", image.get_content_disposition())
    expected = HTML.replace("images/logo.png", "cid:" + cid)
    got = rich.get_content().replace("\r\n", "\n")
    equal("HTML", render(expected).rstrip("\n"), html.unescape(got).rstrip("\n"))
    assert "<ltd>" not in got, f"row {number}: HTML is not escaped"
    equal("attachment's name", want["file"], per_row.get_filename())
    equal("attachment", True, attachment(number) == per_row.get_content())
    equal("terms' name", "terms.txt", terms.get_filename())
    equal("terms", (campaign / "terms.txt").read_bytes(), terms.get_payload(decode=True))
    return number, message["Message-ID"]


def read(campaign, folder):
    found = sorted(check_mail(campaign, path.read_bytes()) for path in folder.iterdir())
    numbers, identities = zip(*found)
    assert list(numbers) == list(range(ROWS)), f"{len(numbers)} mails for {len(set(numbers))} rows"
    assert len(set(identities)) == ROWS, "a Message-ID stands in two mails"
    print(f"{ROWS} mails read by Python's email")


def parts(campaign, folder):
    found = {}
    for line in (folder / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        key = digest((folder / entry["file"]).read_bytes())
        assert key == entry["sha256"], f"{entry['file']}: not what the manifest says"
        found[entry["name"], key] = found.get((entry["name"], key), 0) + 1
    wanted = {("terms.txt", digest((campaign / "terms.txt").read_bytes())): ROWS,
              ("logo.png", digest((campaign / "images" / "logo.png").read_bytes())): ROWS}
    for number in range(ROWS):
        name = row(number)["file"]
        wanted[name, digest((campaign / "files" / name).read_bytes())] = 1
    for key in wanted.keys() | found.keys():
        times = found.get(key, 0)
        assert times == wanted.get(key, 0), f"{key}: {times} times instead of {wanted.get(key, 0)}"
    files = sum(path.is_file() for path in folder.rglob("*")) - 1
    assert files == sum(found.values()), f"{files} files, {sum(found.values())} in the manifest"
    print(f"{files} attachments as they went in")


def main():
    verb, *names = sys.argv[1:]
    first, *rest = (pathlib.Path(name) for name in names)
    if verb == "make":
        make(first)
    elif verb == "list":
        with tarfile.open(first) as tar:
            print(*tar.getnames(), sep="\n")
    elif verb == "tar":
        unpack(first, rest[0])
    elif verb == "same":
        same(first, rest[0], int(names[2]) if len(names) > 2 else None)
    elif verb == "read":
        read(first, rest[0])
    elif verb == "parts":
        parts(first, rest[0])
    else:
        sys.exit(__doc__)


main()
