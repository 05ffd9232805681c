#!/usr/bin/env python3
"""values.py MPARSE FOLDER NAME: checks what mparse makes of the values of made-up messages. NAME is one of the tables
below; a row that does not hold is printed, and the exit code is 1."""
import base64, hashlib, io, json, pathlib, socket, subprocess, sys, threading, zipfile

mparse, folder, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
bad = 0


def run(*arguments, codes=(0, 1)):
    done = subprocess.run([mparse, "-q", *arguments], capture_output=True, timeout=60, cwd=folder)
    if done.returncode not in codes:
        sys.exit(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return done.stdout


def records(*arguments, **options):
    return [json.loads(line) for line in run("-f", "json", *arguments, **options).decode().split("\n") if line]


def message(raw, *arguments):
    (folder / "m.eml").write_bytes(raw)
    return records(*arguments, "m.eml")[0]


def leaves(part):
    if not part["subParts"]:
        return [part]
    return [leaf for child in part["subParts"] for leaf in leaves(child)]


def content(raw, part):
    """The decoded content of a part, as `mparse m.eml:ID` writes it."""
    (folder / "m.eml").write_bytes(raw)
    return run(f"m.eml:{part}")


def expect(row, what, want, got):
    global bad
    if want != got:
        print(f"{row}: {what}: expected {want!r}, got {got!r}")
        bad += 1


def has(row, record, code, offset, raw=None, at=None):
    """The defect is there once, at that byte (or where `at` stands in `raw`)."""
    offset = raw.index(at) if at is not None else offset
    expect(row, code, [offset], [d["offset"] for d in record["defects"] if d["code"] == code])


def behind_colon(raw, value):
    """Where a field's body begins, of which `value` is the start."""
    return raw.rindex(b":", 0, raw.rindex(value)) + 1


def codes_of(record):
    return {d["code"] for d in record["defects"]}


def fields(record, name, part=None):
    headers = (part or record)["headers"]
    return [h["raw"] for h in headers if h["name"].lower() == name.lower()]


# F-2: what is said twice, or oddly --------------------------------------------------------------

def encodings():
    spelled = [b"base64;x", b"x-base64", b"(c)base64", b'"base64"', b"base-64", b"base64 (c)", b"b64"]
    for value in spelled:
        raw = b"From: a@b.example\nContent-Transfer-Encoding: " + value + b"\n\naGVsbG8=\n"
        record = message(raw)
        has(value, record, "encoding-spelling", None, raw, value)
        expect(value, "used", "base64", record["part"]["cte"]["used"])
        expect(value, "declared", value.decode(), record["part"]["cte"]["declared"])
        expect(value, "content", b"hello", content(raw, "1"))
    pairs = [(b"7bit", b"base64"), (b"base64", b"7bit"), (b"base64", b"quoted-printable"), (b"x-new", b"base64")]
    for first, second in pairs:
        raw = (b"Content-Transfer-Encoding: " + first + b"\nFrom: a@b.example\nContent-Transfer-Encoding: " + second +
               b"\n\naGVsbG8=\n")
        record = message(raw)
        row = first + b", " + second
        has(row, record, "encoding-twice", behind_colon(raw, second))
        expect(row, "kept", [first.decode(), second.decode()], fields(record, "Content-Transfer-Encoding"))
        expect(row, "content", b"hello", content(raw, "1"))
    raw = b"Content-Transfer-Encoding: uuhuu\n\nas it is\n"
    record = message(raw)
    has("unknown", record, "encoding-unknown", None, raw, b"uuhuu")
    expect("unknown", "content", b"as it is\n", content(raw, "1"))


def types():
    mixed = b"multipart/mixed; boundary=b"
    body = b"\n\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b--\n"
    for first, second in [(b"text/plain", mixed), (mixed, b"text/plain"), (mixed, b"multipart/mixed; boundary=c")]:
        raw = b"Content-Type: " + first + b"\nFrom: a@b.example\nContent-Type: " + second + body
        record = message(raw)
        row = first + b", " + second
        has(row, record, "type-twice", behind_colon(raw, second))
        expect(row, "kept", [first.decode(), second.decode()], fields(record, "Content-Type"))
        expect(row, "shape", "multipart/mixed(text/plain,text/html)", record["shape"])
    raw = b"Content-Type: text/html\nContent-Type: text/csv\n\n<p>\n"
    record = message(raw)
    has("leaves", record, "type-twice", behind_colon(raw, b"text/csv"))
    expect("leaves", "shape", "text/html", record["shape"])


def boundaries():
    """Parts behind each of two boundaries are found, and both values are kept."""
    for value in [b"boundary=b; boundary=c", b'boundary="b"; Boundary="c"', b"boundary=c; boundary=b"]:
        raw = (b"Content-Type: multipart/mixed; " + value +
               b"\n\n--b\nContent-Type: image/png\n\none\n--c\nContent-Type: text/html\n\ntwo\n--c--\n--b--\n")
        record = message(raw)
        expect(value, "shape", "multipart/mixed(image/png,text/html)", record["shape"])
        expect(value, "kept", ["b", "c"], sorted(p["value"] for p in record["part"]["params"]))
        has(value, record, "boundary-two-readings", behind_colon(raw, b"multipart"))
        expect(value, "flagged", True, "param-duplicate" in codes_of(record))
    for behind, flagged in [(b"", []), (b" \t", []), (b"\v", [47]), (b" \f", [48]), (b"x", [])]:
        raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b" + behind + b"\n\none\n--b--\n"
        raw = raw.replace(b"\n\n--b", b"\n\n\n--b", 1)
        found = [d["offset"] for d in message(raw)["defects"] if d["code"] == "delimiter-text"]
        expect(b"behind a delimiter: " + behind, "places", flagged, found)
    raw = (b"Content-Type: multipart/mixed; boundary=b\nContent-Type: multipart/mixed; boundary=c\n\n"
           b"--b\nContent-Type: image/png\n\none\n--c\nContent-Type: text/html\n\ntwo\n--c--\n--b--\n")
    record = message(raw)
    expect("two fields", "shape", "multipart/mixed(image/png,text/html)", record["shape"])
    has("two fields", record, "type-twice", behind_colon(raw, b"multipart"))


# F-14: encoded-words and addresses ---------------------------------------------------------------

def addresses():
    rows = [
        # field, [(name, address, group)] or None for a group's head, code, what stands at its offset
        (b"a@b.example, C D <c@d.example>", [(None, "a@b.example"), ("C D", "c@d.example")], "from-several", b"From"),
        (b"<a@b.example><c@d.example>", [(None, "a@b.example"), (None, "c@d.example")], "address-no-comma", b"<c@"),
        (b"Team: a@b.example, <c@d.example>;, e@f.example",
         [("Team", None), (None, "a@b.example"), (None, "c@d.example"), (None, "e@f.example")], "from-group", b"From"),
        (b"=?utf-8?q?J=C3?= =?utf-8?q?=B6rg?= <a@b.example>", [("Jörg", "a@b.example")], "word-split-character",
         b"=?utf-8?q?=B6rg"),
        (b'"=?utf-8?q?J=C3=B6rg?=" <a@b.example>', [("Jörg", "a@b.example")], "word-place", b"=?"),
        (b"<=?utf-8?q?a?=@b.example>", [(None, "=?utf-8?q?a?=@b.example")], "word-place", b"<=?"),
        (b"=?utf-8?q?a=00b?= <a@b.example>", [("a\0b", "a@b.example")], "word-control", b"=?"),
        (b"=?utf-8?q?a=0Ab?= <a@b.example>", [("a\nb", "a@b.example")], "word-control", b"=?"),
        (b"=?utf-8?b?YQpC?= <a@b.example>", [("a\nB", "a@b.example")], "word-control", b"=?"),
    ]
    for value, want, code, at in rows:
        raw = b"Subject: x\nFrom: " + value + b"\n\ntext\n"
        record = message(raw)
        listed = record["headers"][1]["addresses"]
        expect(value, "list", want, [(a["name"], a.get("address")) for a in listed])
        expect(value, "raw", value.decode(), fields(record, "From")[0])
        has(value, record, code, raw.index(at, raw.index(b"From") if at != b"From" else 0))
        for address in listed:
            piece = raw[address["offset"]:][:address["length"]]
            name = (address.get("address") or address["name"]).encode()
            expect(value, f"bytes of {name}", True, name in piece or b"=?" in piece)
    groups = message(b"To: A: a@b.example;, c@d.example\n\n")["headers"][0]["addresses"]
    expect("group", "members", [None, 0, None], [a.get("group") for a in groups])
    raw = b"From: a@b.example\nX: 1\nFrom: c@d.example\n\n"
    record = message(raw)
    has("several From", record, "field-twice", raw.rindex(b"From"))
    expect("several From", "both", ["a@b.example", "c@d.example"],
           [a["address"] for h in record["headers"] for a in h.get("addresses", [])])
    expect("not an address field", "list", False, "addresses" in message(b"Subject: a@b.example\n\n")["headers"][0])


# F-15: what is elsewhere -------------------------------------------------------------------------

def external():
    secret = folder / "secret.txt"
    secret.write_bytes(b"never to be read")
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.2)
    port = server.getsockname()[1]
    rows = [f'access-type=URL; url="http://127.0.0.1:{port}/x"', f"access-type=local-file; name=\"{secret}\"",
            f'access-type=anon-ftp; site="127.0.0.1"; name=x', f"access-type=tftp; site=localhost; name={secret}",
            f"name={secret}"]
    for row in rows:
        raw = (f"From: a@b.example\nContent-Type: message/external-body; {row}\n\n"
               "Content-Type: image/gif\nContent-ID: <x@y>\n\n").encode()
        record = message(raw, "-x", "parts")
        has(row, record, "external-body", None, raw, b"Content-Type: message")
        expect(row, "type", "message/external-body", record["shape"])
        expect(row, "params", True, len(record["part"]["params"]) > 0)
        everything = b"".join(p.read_bytes() for p in (folder / "parts").iterdir()) + json.dumps(record).encode()
        expect(row, "content", False, secret.read_bytes() in everything)
    try:
        server.accept()
        expect("network", "connections", 0, 1)
    except TimeoutError:
        pass
    trace = subprocess.run(["strace", "-f", "-e", "trace=openat,connect,socket", mparse, "-f", "json", "m.eml"],
                           capture_output=True, cwd=folder) if wanted == "traced" else None
    if trace is not None:
        expect("strace", "calls", False, b"secret.txt" in trace.stderr or b"AF_INET" in trace.stderr)


def partial():
    def fragment(number, total, id="x@y", text="text\n"):
        said = f"; total={total}" if total else ""
        return f"From: a@b.example\nContent-Type: message/partial; id=\"{id}\"; number={number}{said}\n\n{text}".encode()

    def sets(*mails):
        names = []
        for i, mail in enumerate(mails):
            names.append(f"p{i}.eml")
            (folder / names[-1]).write_bytes(mail)
        return [r for r in records(*names) if r["record"] == "partial"]

    whole = b"Subject: whole\nContent-Type: text/html\n\n<p>joined\n"
    cut = whole.index(b"\n\n") + 2
    mails = [fragment(2, 2, text=whole[cut:].decode()), fragment(1, 0, text=whole[:cut].decode())]
    found = sets(*mails)
    expect("two of two", "sets", [("x@y", 2, True, [1, 2])],
           [(s["id"], s["total"], s["complete"], [f["number"] for f in s["fragments"]]) for s in found])
    expect("two of two", "joined", whole, run(*[f["address"] for f in found[0]["fragments"]]))
    expect("two of two", "order of threads", found, sets(*mails))
    rows = [
        ("one is missing", [fragment(1, 3), fragment(3, 3)], (3, False, [1, 3])),
        ("no total", [fragment(1, 0), fragment(2, 0)], (None, False, [1, 2])),
        ("twice the same", [fragment(1, 2), fragment(1, 2)], (2, False, [1, 1])),
        ("totals differ", [fragment(1, 2), fragment(2, 3)], (2, False, [1, 2])),
        ("one and its copy", [fragment(1, 2), fragment(2, 2), fragment(2, 2)], (2, False, [1, 2, 2])),
        ("only one", [fragment(1, 1)], (1, True, [1])),
    ]
    for row, mails, want in rows:
        expect(row, "set", [want], [(s["total"], s["complete"], [f["number"] for f in s["fragments"]])
                                    for s in sets(*mails)])
    expect("two ids", "sets", ["b", "a"], [s["id"] for s in sets(fragment(1, 1, "b"), fragment(1, 1, "a"))])
    raw = fragment(1, 2)
    has("a fragment", message(raw), "partial-message", None, raw, b"Content-Type")
    for bad_type in [b"id=x", b"number=1; total=2", b"id=x; number=0; total=2", b"id=x; number=3; total=2",
                     b"id=x; number=one"]:
        raw = b"From: a@b.example\nContent-Type: message/partial; " + bad_type + b"\n\n"
        has(bad_type, message(raw), "partial-malformed", None, raw, b"Content-Type")
        expect(bad_type, "sets", [], sets(raw))


# F-16: names of files ----------------------------------------------------------------------------

def names():
    rows = [
        ("safe.pdf", set()), ("archive.tar.gz", set()), ("report.v2.pdf", set()), ("Äpfel.pdf", set()),
        ("invoice\u202efdp.exe", {"name-bidi"}), ("a\u2066b.txt", {"name-bidi"}),
        ("doc.exe.", {"name-trailing"}), ("doc.exe ...", {"name-trailing"}),
        ("../../etc/passwd", {"name-path"}), ("a/b.txt", {"name-path"}), ("a\\b.txt", {"name-path"}),
        ("..", {"name-path", "name-trailing"}), ("C:x.txt", {"name-path"}), ("a\0b.exe", {"name-control"}),
        ("a\nb.txt", {"name-control"}), ("x" * 65536, {"name-long"}), ("x" * 256, {"name-long"}), ("x" * 255, set()),
        ("invoice.pdf.exe", {"name-double-extension"}), ("photo.jpg      .scr", {"name-double-extension"}),
        ("invoice.pdf.exe.", {"name-double-extension", "name-trailing"}), ("scan.pdf.html", {"name-double-extension"}),
        ("con.txt", {"name-reserved"}), ("COM1", {"name-reserved"}), ("console.txt", set()),
    ]
    flagged = {"name-bidi", "name-control", "name-path", "name-trailing", "name-long", "name-double-extension",
               "name-reserved", "names-differ"}
    for name, want in rows:
        encoded = "".join(f"%{byte:02X}" for byte in name.encode())
        raw = (f"From: a@b.example\nContent-Disposition: attachment;\n filename*=utf-8''{encoded}\n\nx\n").encode()
        record = message(raw)
        expect(name[:40], "codes", want, codes_of(record) & flagged)
        expect(name[:40], "value", [{"source": "disposition", "value": name}], record["part"]["names"])
        for code in want:
            has(name[:40], record, code, None, raw, b"filename*")
    raw = b'Content-Type: text/plain; name="a.txt"\nContent-Disposition: inline; filename="b.exe"\n\nx\n'
    record = message(raw)
    expect("two names", "both", [("disposition", "b.exe"), ("type", "a.txt")],
           [(n["source"], n["value"]) for n in record["part"]["names"]])
    has("two names", record, "names-differ", None, raw, b"name=")
    raw = b'Content-Type: text/plain; name="../a.txt"\nContent-Disposition: inline; filename="a.txt"\n\nx\n'
    has("the second one too", message(raw), "name-path", None, raw, b"name=")
    raw = raw.replace(b"../", b"")
    expect("alike", "codes", set(), codes_of(message(raw)) & flagged)
    raw = b'Content-Disposition: attachment; filename="a.txt"; filename="b.txt"\n\nx\n'
    expect("twice", "both", ["a.txt", "b.txt"], [n["value"] for n in message(raw)["part"]["names"]])
    parts = folder / "named"
    raw = b'Content-Disposition: attachment; filename="../../evil"\n\nx\n'
    message(raw, "-x", "named")
    expect("extracted", "files", 2, len(list(parts.iterdir())))
    expect("extracted", "outside", False, (folder.parent / "evil").exists() or (folder / "evil").exists())


# F-17: kinds of content --------------------------------------------------------------------------

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
GIF = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
PDF = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
EXE = b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0\x4c\x01" + bytes(200)


def zipped():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", "text")
        archive.writestr("b.txt", "text")
    return out.getvalue()


def locked(entries):
    """A zip whose first entries say that they are encrypted: bit 0 of the flags, in both heads."""
    raw = bytearray(zipped())
    at = 0
    for _ in range(entries):
        at = raw.index(b"PK\3\4", at)
        raw[at + 6] |= 1
        at += 4
    at = 0
    for _ in range(entries):
        at = raw.index(b"PK\1\2", at)
        raw[at + 8] |= 1
        at += 4
    return bytes(raw)


def attached(content, type, name):
    declared = f"Content-Type: {type}\n" if type else ""
    named = f'Content-Disposition: attachment; filename="{name}"\n' if name else ""
    return f"From: a@b.example\n{declared}{named}Content-Transfer-Encoding: base64\n\n".encode() + \
        base64.encodebytes(content)


# libmagic has had several names for it.
PROGRAMS = {"application/x-dosexec", "application/vnd.microsoft.portable-executable", "application/x-msdownload"}


def kinds():
    a, b, c = "content-not-type", "content-not-extension", "type-not-extension"
    rows = [
        # content, declared, name, magic, codes
        (b"hello\n", "text/plain", "a.txt", "text/plain", set()),
        (b"a;b\n", "application/vnd.ms-excel", "a.csv", "text/plain", set()),
        (b"<html><p>x", "text/html", "a.html", "text/html", set()),
        (PNG, "image/png", "a.png", "image/png", set()),
        (PNG, "application/octet-stream", "a.png", "image/png", set()),
        (PDF, "application/pdf", "a.pdf", "application/pdf", set()),
        (b"junk\r\n" + PDF, "application/pdf", "a.pdf", "application/pdf", set()),
        (zipped(), "application/zip", "a.zip", "application/zip", set()),
        (zipped(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx",
         "application/zip", set()),
        (PNG, None, None, "image/png", set()),
        (PNG, "image/gif", "a.gif", "image/png", {a, b}),
        (PNG, "image/gif", None, "image/png", {a}),
        (EXE, "application/pdf", "a.pdf", "a program", {a, b}),
        (EXE, "application/octet-stream", "a.pdf", "a program", {b}),
        (EXE, "application/pdf", None, "a program", {a}),
        (EXE, "text/plain", "a.txt", "a program", {a, b}),
        (b"<html><script>x", "application/pdf", "a.pdf", "text/html", {a, b}),
        (PDF, "application/pdf", "a.doc", "application/pdf", {b}),
        (b"\1\2\3\4", "image/jpeg", "a.jpg", "application/octet-stream", {a, b}),
        (b"\1\2\3\4", "application/x-unheard-of", "a.xyz", "application/octet-stream", set()),
        (b"", "application/pdf", "a.pdf", None, set()),
        (zipped(), "application/zip", "a.pdf", "application/zip", {b}),
        (b"plain\n", "text/plain", "a.pdf", "text/plain", {b}),
        (GIF, "image/x-unheard-of", "a.pdf", "image/gif", {b}),
        (b"\1\2\3\4", "application/pdf", "a.mp3", "application/octet-stream", {a, c}),
    ]
    for content, type, name, magic, want in rows:
        raw = attached(content, type, name)
        record = message(raw)
        row = f"{magic}, {type}, {name}"
        found = record["part"].get("magic")
        expect(row, "magic", magic, "a program" if found in PROGRAMS else found)
        expect(row, "codes", want, codes_of(record) & {a, b, c})
        if a in want:
            has(row, record, a, None, raw, type.encode())
        for code in want & {b, c}:
            has(row, record, code, None, raw, b"filename")


def encrypted():
    cms = bytes.fromhex("30800609 2a864886f70d010703 a080".replace(" ", "")) + bytes(40)
    signed = cms.replace(bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d010702"))
    rows = [
        ("zip", attached(locked(2), "application/zip", "a.zip"), "archive", "encrypted-archive", "zip: 2 of 2 entries: a.txt, b.txt"),
        ("zip, one entry", attached(locked(1), None, None), "archive", "encrypted-archive", "zip: 1 of 2 entries: a.txt"),
        ("plain zip", attached(zipped(), "application/zip", "a.zip"), None, None, None),
        ("cut zip", attached(zipped()[:20], "application/zip", "a.zip"), None, None, None),
        ("S/MIME", attached(cms, "application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m"), "smime", "encrypted", "smime"),
        ("signed", attached(signed, "application/pkcs7-mime; smime-type=signed-data", "smime.p7m"), None, None, None),
        ("armour", b"From: a@b.example\n\nhi\n-----BEGIN PGP MESSAGE-----\n\nabc\n", "pgp", "encrypted", "pgp"),
        ("armour quoted", b"From: a@b.example\n\n> -----BEGIN PGP MESSAGE-----\n", None, None, None),
        ("PGP/MIME", b"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n"
         b"--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n--b\nContent-Type: application/octet-stream\n\n"
         b"x\n--b--\n", "pgp", "encrypted", "pgp"),
    ]
    for row, raw, want, code, detail in rows:
        record = message(raw)
        expect(row, "encrypted", want, record["part"].get("encrypted"))
        found = [(d["code"], d["detail"]) for d in record["defects"] if d["code"].startswith("encrypted")]
        expect(row, "defects", [(code, detail)] if code else [], found)
        if code:
            body = record["part"]["body"]["offset"]
            has(row, record, code, body)


# Hops --------------------------------------------------------------------------------------------

def hops():
    lines = [
        b"Received: from b.example (b.example [192.0.2.2])\n\tby c.example (Postfix) with ESMTPS id 3\n"
        b"\tfor <x@c.example>; Mon, 23 Nov 2026 16:00:10 +0100 (CET)\n",
        b"Received: from a.example by b.example with SMTP id 2; Mon, 23 Nov 2026 14:00:00 +0000\n",
        b"Received: by a.example (qmail 7 invoked by uid 0); 23 Nov 2026 14:00:04 -0000\n",
        b"Received: (nothing to read here)\n",
        b"Received: from z.example by a.example; Mon, 23 Nov 2026 15:30:00 +0000\n",
    ]
    raw = b"".join(lines) + b"From: a@b.example\n\n"
    record = message(raw)
    found = record["hops"]
    expect("hops", "by", ["a.example", None, "a.example", "b.example", "c.example"], [h.get("by") for h in found])
    expect("hops", "delays", [-5396, None, -4, 3610, None], [h["delay"] for h in found])
    expect("hops", "backwards", [True, False, True, False, False], [h["backwards"] for h in found])
    expect("hops", "bytes", lines[::-1], [raw[h["offset"]:][:h["length"]] for h in found])
    last = found[-1]
    expect("hops", "clauses", ("b.example", "b.example [192.0.2.2]", "Postfix", "ESMTPS", "3", "<x@c.example>"),
           tuple(last.get(k) for k in ("from", "from_comment", "by_comment", "with", "id", "for")))
    expect("hops", "utc", ("2026-11-23T15:00:10Z", 60, "given"), tuple(last["date"][k] for k in ("utc", "tz", "zone")))
    expect("hops", "no zone", (None, "unknown"), tuple(found[2]["date"][k] for k in ("tz", "zone")))
    expect("hops", "no date", False, "date" in found[1])
    has("hops", record, "hop-backwards", raw.index(lines[2]))
    has("hops", record, "hop-skew", raw.index(lines[1]))
    has("hops", record, "received-no-date", raw.index(b"(nothing"))
    inner = b"Content-Type: message/rfc822\n\n" + raw
    record = message(inner)
    expect("embedded", "hops", ([], 5), (record["hops"], len(record["part"]["subParts"][0]["hops"])))
    has("embedded", record, "hop-backwards", inner.index(lines[2]))


# Views -------------------------------------------------------------------------------------------

def views():
    head = b"From: a@b.example\nTo: c@d.example\n"
    inner = base64.encodebytes(b"Subject: in\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\nx\n--i--\n")
    rows = [
        ("alike", head + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: image/png\n\nx\n--b--\n", []),
        ("encoded message", head + b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + inner,
         ["view-only-scan", "view-only-scan"]),
        ("behind the end", head + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n"
         b"--b\nContent-Type: image/png\n\nx\n--b--\n", ["view-only-scan"]),
        ("two types", head + b"Content-Type: text/html\nContent-Type: text/plain\n\nx\n", ["view-differs"]),
        ("two encodings", head + b"Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\neA==\n",
         ["view-differs"]),
        ("odd encoding", head + b"Content-Transfer-Encoding: base64;x\n\neA==\n", ["view-differs"]),
        ("no header", b"no header here\n\nbody\n", ["view-none"]),
    ]
    for row, raw, want in rows:
        record = message(raw, "--views", "scan,gmime")
        got = [d["code"] for d in record["defects"] if d["code"].startswith("view")]
        expect(row, "codes", want, got)
        expect(row, "shapes differ", any(code.startswith("view-only") for code in want),
               record["views"][0].get("shape") not in (record["shape"], None) and "view-differs" not in got)
    # A part without header and body, which GMime does not see: those behind it are still the same.
    gap = (head + b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n--b\nContent-Type: image/png\n\nx\n"
           b"--b\nContent-Type: image/gif\n\ny\n--b--\n")
    at = gap.index(b"--b\n--b\n") + 4
    has("in the middle", message(gap, "--views", "scan,gmime"), "view-only-scan", at)
    from_line = b"From a@b.example Thu Jan  1 00:00:00 1970\n"
    boxed = message(from_line + gap, "--views", "scan,gmime")
    has("in an mbox", boxed, "view-only-scan", len(from_line) + at)
    expect("in an mbox", "codes", ["view-only-scan"],
           [d["code"] for d in boxed["defects"] if d["code"].startswith("view")])
    expect("not asked", "views", (False, set()),
           ("views" in (plain := message(rows[1][1])), {c for c in codes_of(plain) if c.startswith("view")}))
    text = (folder / "m.eml").write_bytes(rows[2][1]) and run("--views", "gmime", "m.eml").decode()
    expect("tree", "flag", True, "view-only-scan" in text)
    expect("shape", "exit", 1, subprocess.run([mparse, "-qf", "shape", "--views", "gmime", "m.eml"], cwd=folder,
                                              capture_output=True).returncode)
    usage = subprocess.run([mparse, "--views", "scan,other", "m.eml"], cwd=folder, capture_output=True)
    expect("unknown view", "exit", 64, usage.returncode)


globals()["external" if wanted == "traced" else wanted]()
sys.exit(1 if bad else 0)
