#!/usr/bin/env python3
"""differ.py MPARSE QUIRKS [COUNT [SEED [FOLDER]]]: COUNT generated messages are parsed by mparse (views scan and gmime) and by
Python's email; what the three see differently is explained by one of the message's defects, or by a line of QUIRKS.

A message is made by a grammar (text, attachments, multiparts in each other, embedded messages), and then most of them are
mutated, once or several times. Compared are the shape, and where two agree on it, the decoded content of each leaf. What the grammar
gives, before any mutation, must have neither a gap nor a defect of weight.

QUIRKS has a line `view code why`, tab-separated: a difference between `scan` and that view (gmime, python) is explained where
the scanner reports `code` for the message; `view ~mutation why`: where the message was made with that mutation; `view
=empty-part why`: where a part has neither header nor body, and `=message-other`: where one is message/… and no message. Lines that explain nothing in a run of 40,000 or more are
reported, so that the table does not rot. With FOLDER, unexplained messages are left there."""
import base64, collections, email, email.policy, hashlib, io, json, os, pathlib, random, re, subprocess, sys, tarfile, tempfile
import quopri

mparse, table = sys.argv[1], sys.argv[2]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
keep = sys.argv[5] if len(sys.argv) > 5 else None
words = "green harvest letter month news offer order price shop team text week".split()


# The grammar -------------------------------------------------------------------------------------

class Maker:
    def __init__(self, dice):
        self.dice, self.used, self.boundaries = dice, [], 0

    def text(self):
        lines = [" ".join(self.dice.choices(words, k=self.dice.randint(1, 9))) for _ in range(self.dice.randint(1, 6))]
        return ("\n".join(lines) + "\n").encode()

    def leaf(self):
        kind = self.dice.randrange(5)
        if kind == 0:
            return [(b"Content-Type", b"text/plain; charset=utf-8")], self.text()
        if kind == 1:
            content = b"<p>" + self.text() + b"</p>\n"
            return [(b"Content-Type", b"text/html; charset=utf-8"),
                    (b"Content-Transfer-Encoding", b"quoted-printable")], quopri.encodestring(content)
        if kind == 2:
            content = self.dice.randbytes(self.dice.randint(1, 400))
            name = self.dice.choice(words).encode()
            return [(b"Content-Type", b"application/octet-stream"), (b"Content-Transfer-Encoding", b"base64"),
                    (b"Content-Disposition", b"attachment; filename=" + name)], base64.encodebytes(content)
        if kind == 3:
            return [], self.text()
        return [(b"Content-Type", b"image/png"), (b"Content-Transfer-Encoding", b"base64")], \
            base64.encodebytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + self.dice.randbytes(self.dice.randint(1, 90)))

    def multipart(self, depth):
        self.boundaries += 1
        boundary = b"=_%d_%s" % (self.boundaries, self.dice.choice(words).encode())
        kind = self.dice.choice([b"mixed", b"alternative", b"related", b"digest" if depth > 1 else b"mixed"])
        body = self.dice.choice([b"", b"preamble text\n"])
        for _ in range(self.dice.randint(1, 4)):
            inner = self.entity(depth - 1) if kind != b"digest" else ([], self.message(depth - 1))
            body += b"--" + boundary + b"\n" + self.join(*inner) + b"\n"
        body += b"--" + boundary + b"--\n" + self.dice.choice([b"", b"epilogue text\n"])
        quoted = b'"' + boundary + b'"'
        return [(b"Content-Type", b"multipart/" + kind + b"; boundary=" + quoted)], body

    def entity(self, depth):
        roll = self.dice.random()
        if depth > 0 and roll < 0.35:
            return self.multipart(depth)
        if depth > 0 and roll < 0.45:
            return [(b"Content-Type", b"message/rfc822")], self.message(depth - 1)
        return self.leaf()

    def message(self, depth):
        fields, body = self.entity(depth)
        head = [(b"From", b"a@b.example"), (b"To", b"c@d.example"), (b"Subject", self.dice.choice(words).encode()),
                (b"Date", b"Mon, 23 Nov 2026 16:34:51 +0100"), (b"MIME-Version", b"1.0")]
        return self.join(head + fields, body)

    @staticmethod
    def join(fields, body):
        return b"".join(name + b": " + value + b"\n" for name, value in fields) + b"\n" + body


# Mutations: each takes and gives a message's bytes ----------------------------------------------------------------

def lines_with(raw, *starts):
    found, at = [], 0
    for line in raw.split(b"\n"):
        if line.lower().startswith(starts):
            found.append((at, at + len(line)))
        at += len(line) + 1
    return found


def on_line(*starts):
    """A mutation of one of the lines that begin so; it does nothing where there is none."""
    def wrap(change):
        def mutate(dice, raw):
            places = lines_with(raw, *starts)
            if not places:
                return raw
            start, end = dice.choice(places)
            try:
                return raw[:start] + change(dice, raw[start:end]) + raw[end:]
            except (ValueError, IndexError):  # another mutation was there before
                return raw
        mutate.__name__ = change.__name__
        return mutate
    return wrap


mutations = []


def mutation(function):
    mutations.append(function)
    return function


@mutation
@on_line(b"content-type:")
def type_twice(dice, line):
    return line + b"\nContent-Type: " + dice.choice([b"text/html", b"image/gif", b"application/pdf"])


@mutation
@on_line(b"content-transfer-encoding:")
def encoding_twice(dice, line):
    return line + b"\nContent-Transfer-Encoding: " + dice.choice([b"7bit", b"base64", b"8bit"])


@mutation
@on_line(b"content-transfer-encoding:")
def encoding_spelling(dice, line):
    value = line.split(b": ")[1]
    return b"Content-Transfer-Encoding: " + dice.choice([value + b";x", b"x-" + value, b"(c)" + value, b'"' + value + b'"'])


@mutation
@on_line(b"content-type: multipart")
def boundary_unquoted(dice, line):
    return line.replace(b'"', b"")


@mutation
@on_line(b"content-type: multipart")
def boundary_gone(dice, line):
    return line.split(b";")[0]


@mutation
@on_line(b"content-type: multipart")
def boundary_twice(dice, line):
    return line + b"; boundary=other"


@mutation
@on_line(b"content-type: multipart")
def boundary_split(dice, line):
    head, value = line.split(b"boundary=")
    value = value.strip(b'"')
    return head + b'boundary*0="' + value[:3] + b'"; boundary*1="' + value[3:] + b'"'


@mutation
@on_line(b"content-type: multipart")
def boundary_blank(dice, line):
    return line[:-1] + b' "'


@mutation
@on_line(b"content-type: multipart")
def boundary_comment(dice, line):
    return line + b" (a comment)"


@mutation
@on_line(b"content-type:")
def type_no_subtype(dice, line):
    kind, _, rest = line.partition(b"/")
    return kind + rest[rest.find(b";"):] if b";" in rest else kind


@mutation
@on_line(b"content-type:")
def colon_blank(dice, line):
    return line.replace(b":", b" :", 1)


@mutation
@on_line(b"content-type:", b"subject:")
def junk_line(dice, line):
    return line + b"\njunk without a colon"


@mutation
@on_line(b"content-type:")
def type_case(dice, line):
    return line.replace(b"text", b"TeXt").replace(b"multipart", b"MULTIPART")


@mutation
@on_line(b"--=_")
def delimiter_text(dice, line):
    return line + b"x"


@mutation
@on_line(b"--=_")
def delimiter_blank(dice, line):
    return line + b" \t"


@mutation
@on_line(b"--=_")
def delimiter_gone(dice, line):
    return b"gone"


@mutation
def end_gone(dice, raw):
    ends = [(s, e) for s, e in lines_with(raw, b"--=_") if raw[:e].endswith(b"--")]
    if not ends:
        return raw
    start, end = dice.choice(ends)
    return raw[:start] + raw[end + 1:]


@mutation
def part_after_end(dice, raw):
    ends = [(s, e) for s, e in lines_with(raw, b"--=_") if raw[:e].endswith(b"--")]
    if not ends:
        return raw
    start, end = dice.choice(ends)
    boundary = raw[start:end - 2]
    return raw[:end] + b"\n" + boundary + b"\nContent-Type: image/gif\n\nlate\n" + boundary + b"--" + raw[end:]


@mutation
def no_separator(dice, raw):
    places = [i for i in range(len(raw) - 1) if raw[i:i + 2] == b"\n\n"]
    at = dice.choice(places) if places else 0
    return raw[:at] + raw[at + 1:] if places else raw


@mutation
def truncated(dice, raw):
    return raw[:dice.randint(1, len(raw))]


@mutation
def crlf(dice, raw):
    return raw.replace(b"\n", b"\r\n")


@mutation
def mixed_ends(dice, raw):
    return b"".join(line + dice.choice([b"\n", b"\r\n"]) for line in raw.split(b"\n"))


@mutation
def leading_blank(dice, raw):
    return b"\n" + raw


@mutation
def bom(dice, raw):
    return b"\xef\xbb\xbf" + raw


@mutation
def padding_inside(dice, raw):
    at = raw.find(b"base64")
    end = raw.find(b"\n\n", at)
    return raw[:end + 6] + b"==" + raw[end + 6:] if at >= 0 and end >= 0 else raw


@mutation
def foreign_base64(dice, raw):
    at = raw.find(b"base64")
    end = raw.find(b"\n\n", at)
    return raw[:end + 4] + b"*-" + raw[end + 4:] if at >= 0 and end >= 0 else raw


@mutation
def encoded_message(dice, raw):
    head, found, body = raw.partition(b"Content-Type: message/rfc822\n\n")
    return head + b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(body) \
        if found and b"--=_" not in head else raw


@mutation
def nul_byte(dice, raw):
    at = dice.randrange(len(raw))
    return raw[:at] + b"\0" + raw[at:]


@mutation
def swapped_lines(dice, raw):
    lines = raw.split(b"\n")
    a, b = dice.randrange(len(lines)), dice.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"\n".join(lines)


@mutation
def byte_flipped(dice, raw):
    at = dice.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ 1 << dice.randrange(8)]) + raw[at + 1:]


def make(number):
    dice = random.Random(f"{seed}-{number}")
    raw = Maker(dice).message(3)
    names = []
    for _ in range(dice.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        change = dice.choice(mutations)
        mutated = change(dice, raw)
        if mutated != raw and mutated:
            raw = mutated
            names.append(change.__name__)
    return raw, names


# The views ---------------------------------------------------------------------------------------

def python_view(raw):
    """The shape and the leaves' contents as Python's email has them."""
    def shape(part):
        below = part.get_payload() if part.is_multipart() else []
        return part.get_content_type() + ("(" + ",".join(map(shape, below)) + ")" if below else "")

    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    contents = [part.get_payload(decode=True) or b"" for part in message.walk() if not part.is_multipart()]
    return shape(message), [hashlib.sha256(content).hexdigest() for content in contents]


def leaves(part):
    if part["kind"] in ("preamble", "epilogue"):
        return []
    if not [child for child in part["subParts"] if child["kind"] not in ("preamble", "epilogue")]:
        return [part]
    return [leaf for child in part["subParts"] for leaf in leaves(child)]


def scan_all(mails):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mails.tar")
        with tarfile.open(path, "w") as tar:
            for number, (raw, _) in enumerate(mails):
                info = tarfile.TarInfo(f"{number}.eml")
                info.size = len(raw)
                tar.addfile(info, io.BytesIO(raw))
        done = subprocess.run([mparse, "-qf", "json", "--views", "scan,gmime", path], capture_output=True, timeout=600)
        if done.returncode not in (0, 1):
            sys.exit(f"mparse ended with {done.returncode}: {done.stderr.decode(errors='replace')[:500]}")
        return {int(r["source"]["container"][-1].split(".")[0]): r
                for r in map(json.loads, filter(None, done.stdout.decode().split("\n"))) if r["record"] == "message"}


def differences(raw, record):
    """[(view, what)] that scan sees otherwise than the others."""
    found = []
    theirs = record["views"][0].get("shape")
    flagged = any(d["code"].startswith("view-") for d in record["defects"])
    if theirs != record["shape"]:
        found.append(("gmime", f"{record['shape']} / {theirs}"))
        if not flagged:
            found.append(("unflagged", f"gmime has {theirs}, and no view-… defect says so"))
    shape, contents = python_view(raw)
    if shape != record["shape"]:
        found.append(("python", f"{record['shape']} / {shape}"))
    else:
        ours = [leaf.get("hash", {}).get("sha256") for leaf in leaves(record["part"])]
        # A multipart in which nobody finds a part has no content; Python gives its body.
        differ = sum(mine not in (None, his) for mine, his in zip(ours, contents))
        if differ or len(ours) != len(contents):
            found.append(("python-content", f"{record['shape']}: {differ} of {len(contents)} leaves"))
    return found


def main():
    quirks = collections.defaultdict(dict)
    for line in open(table):
        if line.strip() and not line.startswith("#"):
            view, code, why = line.rstrip("\n").split("\t")
            quirks[view][code] = why
    mails = [make(number) for number in range(count)]
    records = scan_all(mails)
    agree = explained = bad = 0
    used, causes = collections.Counter(), collections.Counter()
    for number, (raw, names) in enumerate(mails):
        if number not in records:
            # A file in an archive without anything like a header field is no mail.
            if re.search(rb"(?m)^[!-9;-~]+[ \t]*:", raw):
                print(f"{number}: {names}: not found")
                bad += 1
            continue
        record = records[number]
        codes = {d["code"] for d in record["defects"] if not d["code"].startswith("view-")}
        heavy = sorted(d["code"] for d in record["defects"] if d["severity"] != "info")
        gap = record["spaces"][0]["bytes"]["gap"]
        if not names and (heavy or gap):
            print(f"{number}: as the grammar gives it, and yet: {heavy}, {gap} bytes of gaps")
            bad += 1
        reasons = codes | {"~" + name for name in names}
        if any(leaf["header"]["length"] == leaf["body"]["length"] == 0 for leaf in leaves(record["part"])):
            reasons.add("=empty-part")
        if any(leaf["type"].startswith("message/") and leaf["kind"] == "leaf" for leaf in leaves(record["part"])):
            reasons.add("=message-other")
        found = differences(raw, record)
        agree += not found
        for view, what in found:
            said = [code for code in quirks[view] if code in reasons]
            used.update((view, code) for code in said)
            explained += bool(said)
            if not said:
                bad += 1
                causes[view, tuple(names), tuple(sorted(codes))] += 1
                if causes[view, tuple(names), tuple(sorted(codes))] == 1:
                    print(f"{number}: {view}: {what[:200]}\n   made by {names}, defects {sorted(codes)}")
                if keep:
                    (pathlib.Path(keep) / f"{number}.eml").write_bytes(raw)
    plain = sum(not names for _, names in mails)
    print(f"{count} messages ({plain} as the grammar gives them), {agree} seen alike by all three, "
          f"{explained} differences explained, {bad} not")
    if count >= 40000:
        for view in quirks:
            for code in sorted(quirks[view].keys() - {c for v, c in used if v == view}):
                print(f"{table}: {view} {code}: explains nothing")
                bad += 1
    return 1 if bad else 0


sys.exit(main())
