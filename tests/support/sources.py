#!/usr/bin/env python3
"""sources.py MPARSE FOLDER NAME: checks what mparse finds in containers of every kind, one in another. NAME is one of the
checks below; what does not hold is printed, and the exit code is 1."""
import bz2, gzip, hashlib, io, json, lzma, os, pathlib, random, subprocess, sys, tarfile, zipfile

mparse, folder, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
bad = 0


def run(*arguments, **options):
    return subprocess.run([mparse, *arguments], capture_output=True, timeout=120, cwd=folder, **options)


def records(*arguments, codes=(0, 1), **options):
    done = run("-qf", "json", *arguments, **options)
    if done.returncode not in codes:
        sys.exit(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    return [json.loads(line) for line in done.stdout.decode().split("\n") if line]


def messages(*arguments, **options):
    return [r for r in records(*arguments, **options) if r["record"] == "message"]


def expect(row, what, want, got):
    global bad
    if want != got:
        print(f"{row}: {what}: expected {want!r}, got {got!r}")
        bad += 1


def eml(n):
    return f"From: a@b.example\nSubject: message {n}\n\ntext of {n}\n".encode()


def tar(files, mode="w"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def seven(files):
    room = folder / "to7z"
    room.mkdir(exist_ok=True)
    for old in room.iterdir():
        old.unlink()
    for name, content in files.items():
        (room / name).write_bytes(content)
    (folder / "made.7z").unlink(missing_ok=True)
    subprocess.run(["bsdtar", "--format", "7zip", "-cf", folder / "made.7z", "-C", room, *files], check=True)
    return (folder / "made.7z").read_bytes()


def zst(content):
    return subprocess.run(["zstd", "-qc"], input=content, capture_output=True, check=True).stdout


packers = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zst}
archives = {"tar": tar, "zip": zipped, "7z": seven}


def mbox(dialect, bodies):
    """An mbox as programs of that dialect write it."""
    out = b""
    for n, body in enumerate(bodies):
        quoted = []
        for line in body.split(b"\n"):
            if dialect == "mboxrd" and line.lstrip(b">").startswith(b"From "):
                line = b">" + line
            elif dialect in ("mboxo", "mboxcl") and line.startswith(b"From "):
                line = b">" + line
            quoted.append(line)
        text = b"\n".join(quoted)
        length = b"Content-Length: %d\n" % len(text) if dialect.startswith("mboxcl") else b""
        out += b"From a@b.example Thu Jan  1 00:00:%02d 1970\nFrom: a@b.example\nSubject: %d\n" % (n % 60, n)
        out += length + b"\n" + text + b"\n"
    return out


def nested():
    """Every kind in every other, and each of those packed in each way: found by content, under names that say nothing."""
    inner = {"one": eml(1), "box": mbox("mboxrd", [b"a\n", b"b\n"])}
    for outer_name, outer in archives.items():
        for inner_name, make in archives.items():
            for pack_name, pack in packers.items():
                content = outer({"plain": eml(0), "packed": pack(make(inner)), "deep": make({"again": zipped(inner)})})
                (folder / "thing").write_bytes(content)
                row = f"{inner_name} in {pack_name} in {outer_name}"
                found = messages("thing")
                expect(row, "messages", 7, len(found))
                streamed = [json.loads(l) for l in run("-qf", "json", "-", input=content).stdout.decode().split("\n") if l]
                expect(row, "from a pipe", [m["hash"] for m in found],
                       [m["hash"] for m in streamed if m["record"] == "message"])


def addresses():
    """Each address is given back, and names its message alone; so does that of each part."""
    inner = {"a!b#c:d%.eml": eml(1), "box": mbox("mboxcl2", [b"a\n", b"From b\n", b"c\n"])}
    (folder / "top.zip").write_bytes(zipped({"in.tar.gz": gzip.compress(tar(inner)), "in.7z": seven({"x": eml(2)})}))
    (folder / "odd ü!#:%").mkdir(exist_ok=True)
    (folder / "odd ü!#:%" / "m.eml").write_bytes(eml(3))
    maildir = folder / "md"
    for sub in ("cur", "new", "tmp"):
        (maildir / sub).mkdir(parents=True, exist_ok=True)
    (maildir / "cur" / "1:2,S").write_bytes(eml(4))
    (maildir / "new" / "2").write_bytes(eml(5))
    (maildir / "tmp" / "3").write_bytes(eml(6))
    found = messages("top.zip", "odd ü!#:%", "md")
    expect("all", "messages", 8, len(found))
    for message in found:
        again = messages(message["address"])
        expect(message["address"], "alone", [message["hash"]], [m["hash"] for m in again])
        raw = run("-q", "--raw", message["address"]).stdout
        expect(message["address"], "raw", message["hash"]["sha256"], hashlib.sha256(raw).hexdigest())
        body = run("-q", message["address"] + ":1").stdout
        expect(message["address"], "part", message["part"]["hash"]["sha256"], hashlib.sha256(body).hexdigest())
    expect("nothing there", "exit", 66, run("-q", "top.zip!nothing").returncode)


def dialects():
    """Each dialect's messages come back as they were, inferred where that can be and by word; and it is said which."""
    bodies = {
        "mboxrd": [b"From here\n\n>From there\n>>From\n", b"plain\n"],
        "mboxo": [b"From here\n\n> no\n", b"plain\n"],
        "mboxcl": [b"From here\n\nx\n", b"plain\n"],
        "mboxcl2": [b"x\n\nFrom a@b.example Thu Jan  1 00:00:00 1970\nSubject: not a message\n\n>From y\n", b"plain\n"],
    }
    for dialect, texts in bodies.items():
        (folder / "box").write_bytes(mbox(dialect, texts))
        for arguments in ([], ["--mbox", dialect]):
            row = f"{dialect} {arguments}"
            found = messages(*arguments, "box")
            expect(row, "contents", [hashlib.sha256(t).hexdigest() for t in texts],
                   [m["part"]["hash"]["sha256"] for m in found])
            said = {m["source"]["dialect"] for m in found}
            # Where From_ lines alone are quoted, nothing tells mboxo from mboxrd: both read it alike.
            expect(row, "said", bool(arguments) or dialect != "mboxo", dialect in said)
    (folder / "box").write_bytes(mbox("mboxo", [b">>From x\nFrom y\n"]))
    expect("mboxo by word", "only >From is unquoted", b">>From x\nFrom y\n", run("-q", "--mbox", "mboxo", "box#1:1").stdout)
    (folder / "box").write_bytes(b"no From_ line\n\nx\n")
    expect("an unknown word", "exit", 64, run("--mbox", "mmdf", "box").returncode)


def broken():
    """What is broken is said by its address, and what follows is read."""
    cut = gzip.compress(eml(1) * 50)[:-20]
    flipped = bytearray(zipped({"x.eml": eml(2) * 20, "y.eml": eml(3)}))
    flipped[60] ^= 0xFF
    rows = {
        "cut gzip": ({"a": cut, "b": eml(4)}, 2),
        "flipped zip": ({"a": bytes(flipped), "b": eml(4)}, 2),
        "cut 7z": ({"a": seven({"x": eml(1)})[:-10], "b": eml(4)}, 1),
        "cut tar": ({"a": tar({"x": eml(1) * 100})[:1000], "b": eml(4)}, 2),
        "7z of noise": ({"a": b"7z\xbc\xaf\x27\x1c" + random.Random(1).randbytes(500), "b": eml(4)}, 1),
    }
    for row, (files, least) in rows.items():
        for kind in ("tar", "zip"):
            (folder / "outer").write_bytes(archives[kind](files))
            all_records = records("outer", codes=(2,))
            failures = [r["error"] for r in all_records if r["record"] == "failure"]
            expect(f"{row} in {kind}", "said", True, len(failures) >= 1 and failures[0].startswith("outer!a"))
            expect(f"{row} in {kind}", "the next one", 1, sum(
                r["record"] == "message" and r["address"] == "outer!b" for r in all_records))


def limits():
    """Depth, entries and ratio are capped by one budget, and each cap is said."""
    deep = eml(1)
    for _ in range(12):
        deep = zipped({"next": deep})
    (folder / "deep.zip").write_bytes(deep)
    expect("12 deep", "found", 1, len(messages("deep.zip")))
    capped = records("--max-depth", "5", "deep.zip", codes=(2,))
    expect("12 deep, 5 allowed", "found", 0, sum(r["record"] == "message" for r in capped))
    expect("12 deep, 5 allowed", "said", ["depth"], capped[-1]["limits_hit"])
    bomb = zipped({"zeros": b"From: a@b.example\n\n" + bytes(64 << 20), "after": eml(1)})
    (folder / "bomb.zip").write_bytes(bomb)
    capped = records("--max-ratio", "100", "bomb.zip", codes=(2,))
    expect("bomb", "said", ["ratio"], capped[-1]["limits_hit"])
    (folder / "bomb.zip").write_bytes(zipped({"in.zip": bomb}))
    expect("bomb in zip", "said", ["ratio"], records("--max-ratio", "100", "bomb.zip", codes=(2,))[-1]["limits_hit"])
    (folder / "bomb.zip").write_bytes(zipped({"in.zip": zipped({f"{i}.eml": eml(i) for i in range(10)})}))
    capped = records("--max-items", "6", "bomb.zip", codes=(2,))
    expect("entries", "found", 5, sum(r["record"] == "message" for r in capped))
    expect("entries", "said", ["items"], capped[-1]["limits_hit"])
    (folder / "big.7z").write_bytes(seven({"x": random.Random(1).randbytes(3 << 20)}))
    done = run("-qf", "json", "--max-size", "1M", "-", input=(folder / "big.7z").read_bytes())
    expect("7z from a pipe", "exit", 2, done.returncode)
    expect("7z from a pipe", "said", True, b"too large to be kept" in done.stderr)


def locked():
    """Encrypted entries are named, one by one, and those that can be read are."""
    subprocess.run(["bsdtar", "--format", "zip", "--options", "zip:encryption=traditional", "--passphrase", "x", "-cf",
                    "locked.zip", "one.eml"], check=True, cwd=folder) if (folder / "one.eml").write_bytes(eml(1)) else None
    (folder / "all.tar").write_bytes(tar({"l.zip": (folder / "locked.zip").read_bytes(), "b.eml": eml(2)}))
    found = records("all.tar", codes=(2,))
    expect("locked", "said", ["all.tar!l.zip!one.eml: encrypted: it cannot be read without its password"],
           [r["error"] for r in found if r["record"] == "failure"])
    expect("locked", "the next one", 1, sum(r["record"] == "message" for r in found))


def popdump():
    """ARCHIVE's messages once each: those of seg/ and open/, and neither manifests nor journal."""
    root = folder / "archive"
    for sub in ("seg", "open", "journal", "damaged"):
        (root / sub).mkdir(parents=True, exist_ok=True)
    member = lambda n: {f"msgs/2026/11/{n:06}-0123456789abcdef.eml": eml(n)}
    first = tar(member(1) | member(2))
    (root / "seg" / "000001.tar.gz").write_bytes(gzip.compress(first))
    (root / "seg" / "000001.manifest.jsonl").write_text('{"member": "From: x"}\n')
    (root / "seg" / "000002.tar").write_bytes(tar(member(3)))
    (root / "seg" / "000002.tar.gz").write_bytes(gzip.compress(tar(member(3))))
    (root / "open" / "000003.tar").write_bytes(tar(member(4)).rstrip(b"\0").ljust(1024, b"\0"))
    (root / "journal" / "000001.jsonl").write_text('{"From": "x"}\n')
    (root / "damaged" / "x.eml").write_bytes(eml(9))
    (root / "SHA256SUMS").write_text("")
    (root / "catalog.db").write_bytes(b"")
    for path in ("archive", "."):
        found = messages("archive")
        expect(path, "messages", [f"message {n}" for n in (1, 2, 3, 4)],
               [h["decoded"] for m in found for h in m["headers"] if h["name"] == "Subject"])
    again = messages(found[3]["address"])
    expect("open", "address", [found[3]["hash"]], [m["hash"] for m in again])


globals()[wanted]()
sys.exit(1 if bad else 0)
