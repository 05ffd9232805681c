"""Damages an archive in every way and lets `popdump fetch --delete` loose on it: a table of what it
says, and the promise that no message is deleted from the server that the archive does not hold.

usage: damage-table.py POPDUMP FOLDER ARCHIVE MAILSINK COMPRESSION

ARCHIVE was fetched from mailsink's store FOLDER/store (deleting nothing). For each damage a copy of
both is made. After the run: exit code among those allowed, a clear line, every message that is gone
from the server is in the archive, byte for byte; a second run and `verify` end cleanly where the
damage is one that heals.
"""

import collections
import glob
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import time

POPDUMP, FOLDER, ARCHIVE, MAILSINK, COMPRESSION = sys.argv[1:6]
SUFFIX = {"gzip": ".gz", "zstd": ".zst", "xz": ".xz", "none": ""}[COMPRESSION]
SEG = "seg/000001.tar" + SUFFIX
MANIFEST = "seg/000001.manifest.jsonl"
JOURNAL = "journal/000001.jsonl"


def cut(path, octets=-700):
    size = os.path.getsize(path)
    os.truncate(path, size + octets if octets < 0 else octets)


def zero_tail(path, octets=3000):
    size = os.path.getsize(path)
    os.truncate(path, size - min(octets, size // 3))
    os.truncate(path, size)


def flip(path, where=0.5):
    with open(path, "r+b") as file:
        at = int(os.path.getsize(path) * where)
        file.seek(at)
        octet = file.read(1)
        file.seek(at)
        file.write(bytes([octet[0] ^ 16]))


def replace(path, data):
    with open(path, "wb") as file:
        file.write(data)


def to_link(path):
    os.rename(path, path + ".away")
    os.symlink(path + ".away", path)


def opened():
    return glob.glob("open/*.tar")[0]


def no_catalog():
    for path in glob.glob("catalog.db*"):
        os.unlink(path)


def older_catalog():
    no_catalog()
    shutil.copy(FOLDER + "/catalog.old", "catalog.db")


def twin(damaged):
    """A plain segment beside the compressed one, as a kill in sealing leaves it."""
    if COMPRESSION != "gzip":
        return
    with gzip.open(SEG) as packed:
        replace("seg/000001.tar", packed.read())
    if damaged:
        flip("seg/000001.tar", 0.3)


# A segment that is missing stays so until it is put back: each run says so again, by 65.
# damage, what it does, exit codes allowed, whether the next run and verify are clean after it
DAMAGES = [
    ("none", lambda: None, {0}, True),
    ("sealed: cut", lambda: cut(SEG), {0, 10, 65}, False),
    ("sealed: tail of zeros", lambda: zero_tail(SEG), {0, 10, 65}, False),
    ("sealed: a bit", lambda: flip(SEG), {0, 10, 65}, False),
    ("sealed: empty", lambda: cut(SEG, 0), {0, 10, 65}, False),
    ("sealed: missing", lambda: os.unlink(SEG), {65}, False),
    ("sealed: a symlink", lambda: to_link(SEG), None, False),
    ("sealed: both kinds", lambda: twin(False), {0}, True),
    ("sealed: both kinds, plain damaged", lambda: twin(True), {0, 65}, False),
    ("open: cut", lambda: cut(opened()), {65}, True),
    ("open: cut in the first header", lambda: cut(opened(), 300), {65}, True),
    ("open: tail of zeros", lambda: zero_tail(opened()), {0, 10, 65}, False),
    ("open: a bit", lambda: flip(opened()), {0, 10, 65}, False),
    ("open: missing", lambda: os.unlink(opened()), {65}, False),
    ("open: garbage behind", lambda: open(opened(), "ab").write(b"garbage" * 99), {0}, True),
    ("manifest: missing", lambda: os.unlink(MANIFEST), None, False),
    ("manifest: a bit", lambda: flip(MANIFEST), None, False),
    ("manifest: cut", lambda: cut(MANIFEST, -20), None, False),
    ("journal: cut", lambda: cut(JOURNAL, -20), {65}, False),
    ("journal: a torn line behind", lambda: open(JOURNAL, "ab").write(b'{"previous":"0'), {0}, True),
    ("journal: missing", lambda: os.unlink(JOURNAL), {65}, False),
    ("journal: empty", lambda: cut(JOURNAL, 0), {65}, False),
    ("journal: a bit in the middle", lambda: flip(JOURNAL), None, False),
    ("catalog: missing", no_catalog, {0}, True),
    ("catalog: older", older_catalog, {0}, True),
    ("catalog: a bit in the head", lambda: flip("catalog.db", 0.0005), None, False),
    ("catalog: cut", lambda: cut("catalog.db", 5000), None, False),
    ("catalog: no database", lambda: replace("catalog.db", b"x" * 9000), {65}, False),
    ("catalog: a folder", lambda: (no_catalog(), os.mkdir("catalog.db")), None, False),
    ("SHA256SUMS: missing", lambda: os.unlink("SHA256SUMS"), None, False),
    ("SHA256SUMS: a bit", lambda: flip("SHA256SUMS"), None, False),
    ("lock: missing", lambda: os.unlink("lock"), {0}, True),
    ("lock: a symlink", lambda: to_link("lock"), None, False),
    ("foreign files", lambda: (replace("seg/readme", b"x"), replace("open/x.tar", b"x"),
                               replace("seg/000009.tar.part", b"x")), {0}, False),
    ("seg/ is missing", lambda: shutil.rmtree("seg"), {65}, False),
]


def remaining(store):
    return glob.glob(store + "/new/*") + glob.glob(store + "/cur/*")


def archived(archive):
    """Digests of what any tar can read of it."""
    got = set()
    for path in glob.glob(archive + "/seg/*.tar*") + glob.glob(archive + "/open/*.tar"):
        if path.endswith((".jsonl", ".part")):
            continue
        if path.endswith(".zst"):
            data = subprocess.run(["zstd", "-dc", path], capture_output=True, check=False).stdout
            replace(FOLDER + "/unpacked", data)
            path = FOLDER + "/unpacked"
        try:
            with tarfile.open(path) as tar:
                for entry in tar:
                    got.add(hashlib.sha256(tar.extractfile(entry).read()).hexdigest())
        except (tarfile.TarError, EOFError, OSError, ValueError, AttributeError):
            pass
        except Exception as error:  # zlib.error, lzma.LZMAError
            if type(error).__name__ not in ("error", "LZMAError"):
                raise
    return got


def start(store):
    ready = FOLDER + "/ready"
    if os.path.exists(ready):
        os.unlink(ready)
    sink = subprocess.Popen([MAILSINK, "--pop3", "127.0.0.1:0", "--user", "u1:pw", "--store", store,
                             "--ready-file", ready], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)
    while not os.path.exists(ready):
        time.sleep(0.005)
    with open(ready, encoding="ascii") as file:
        return sink, file.readline().strip().rsplit(":", 1)[1]


def fetch(port, archive):
    return subprocess.run(
        [POPDUMP, "fetch", "--retry", "1", "--delete", "--compress", COMPRESSION, "--tls", "off",
         "--password-file", FOLDER + "/password", "--segment-size", "60K",
         "--server", "pop3://u1@127.0.0.1:" + port, archive],
        capture_output=True, text=True, timeout=60, check=False)


def try_damage(damage, act, codes, heals):
    archive, store = FOLDER + "/damaged", FOLDER + "/store.now"
    for path in (archive, store):
        if os.path.exists(path):
            subprocess.run(["rm", "-rf", path], check=True)
    shutil.copytree(ARCHIVE, archive, symlinks=True)
    shutil.copytree(FOLDER + "/store", store)
    subprocess.run(["chmod", "-R", "u+w", archive], check=True)
    os.chdir(archive)
    act()
    os.chdir(FOLDER)
    sink, port = start(store)
    problems = []
    want = collections.Counter(DIGESTS[os.path.basename(path)] for path in remaining(store))
    ran = fetch(port, archive)
    left = collections.Counter(DIGESTS[os.path.basename(path)] for path in remaining(store))
    got = archived(archive)
    lost = [digest for digest in (want - left) if digest not in got]
    if lost:
        problems.append("%d deleted and not archived" % len(lost))
    if codes is not None and ran.returncode not in codes:
        problems.append("exit code not of %s" % sorted(codes))
    if ran.returncode < 0 or ran.returncode == 70:
        problems.append("crashed")
    if ran.returncode not in (0, 10) and not ran.stderr.strip():
        problems.append("nothing said")
    if heals:
        again = fetch(port, archive)
        verify = subprocess.run([POPDUMP, "verify", archive], capture_output=True, check=False)
        if again.returncode or verify.returncode or not set(DIGESTS.values()) <= archived(archive):
            problems.append("does not heal: %d, verify %d" % (again.returncode, verify.returncode))
    sink.kill()
    sink.wait()
    said = ran.stderr.strip().splitlines()[-1] if ran.stderr.strip() else ""
    said = said.replace(archive + ": ", "").replace(archive, "…").replace("popdump: ", "")
    print("%-34s %4d %7d  %s%s" % (damage, ran.returncode, sum((want - left).values()), said[:100],
                                   "".join("  << " + problem for problem in problems)))
    return problems


DIGESTS = {}
for name in remaining(FOLDER + "/store"):
    with open(name, "rb") as mail:
        DIGESTS[os.path.basename(name)] = hashlib.sha256(mail.read()).hexdigest()
print("%-34s %4s %7s  %s" % ("damage (%s)" % COMPRESSION, "exit", "deleted", "message"))
# What differs by compression are the sealed segments.
ROWS = [row for row in DAMAGES if COMPRESSION == "gzip" or row[0].startswith(("none", "sealed"))]
wrong = sum(bool(try_damage(*row)) for row in ROWS)
print("%d damages, %d not as they should be" % (len(ROWS), wrong))
sys.exit(1 if wrong else 0)
