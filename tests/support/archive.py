"""Looks at a popdump archive with nothing of mailbatch: Python's tarfile and hashlib.

archive.py make DIR COUNT SEED     fills a Maildir's cur/ with COUNT mails of all kinds, LF line ends
archive.py bench DIR COUNT SEED    the same with log-normal sizes, 5.5 KB on average, for benches
archive.py store DIR COUNT SEED    the same for mailsink's store: DIR/1.eml …, CRLF
archive.py compare ARCHIVE DIR     every file of DIR (LF → CRLF) is archived once, and nothing else
archive.py count ARCHIVE           how many members
"""

import collections
import glob
import hashlib
import os
import random
import re
import sys
import tarfile


def members(archive):
    """All members, in order: (name, bytes). Plain tar files without end blocks are fine."""
    paths = glob.glob(archive + "/seg/*.tar*") + glob.glob(archive + "/open/*.tar")
    for path in sorted(paths, key=os.path.basename):
        if os.path.getsize(path) == 0:
            continue
        with tarfile.open(path) as tar:
            for entry in tar:
                yield entry.name, tar.extractfile(entry).read()


def as_sent(data):
    """A Maildir's file as POP3 sends it: CRLF, also at the end, and for the empty mail."""
    data = re.sub(rb"\r?\n", b"\r\n", data)
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def compare(archive, folder):
    want = collections.Counter()
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            want[hashlib.sha256(as_sent(file.read())).hexdigest()] += 1
    got = collections.Counter()
    for name, data in members(archive):
        digest = hashlib.sha256(data).hexdigest()
        got[digest] += 1
        if not re.fullmatch(r"msgs/\d{4}/\d\d/\d+-%s\.eml" % digest[:16], name):
            sys.exit("%s: not named after its content %s" % (name, digest))
    missing, surplus = want - got, got - want
    print("%d mails, %d missing, %d too many" %
          (sum(want.values()), sum(missing.values()), sum(surplus.values())))
    sys.exit(1 if missing or surplus else 0)


def body(dice, number):
    """Lines of all kinds: dots, 8 bit, long, empty, without an end."""
    kinds = [
        lambda: b"line %d of mail %d\n" % (dice.randrange(1000), number),
        lambda: b".\n",
        lambda: b"..\n",
        lambda: b".stuffed\n",
        lambda: b"\n",
        lambda: "gr\u00fc\u00dfe, \u65e5\u672c\n".encode(),
        lambda: b"x" * dice.randrange(900, 3000) + b"\n",
        lambda: bytes(dice.choices(range(128, 256), k=40)) + b"\n",
        lambda: b"plain text, and some more of it to fill the line up to its end\n" * 20,
    ]
    return b"".join(dice.choice(kinds)() for _ in range(dice.randrange(0, 20)))


def make(folder, count, seed, store=False):
    dice = random.Random(seed)
    os.makedirs(folder, exist_ok=True)
    for number in range(1, count + 1):
        mail = (b"From: Sender %d <sender@example.org>\nTo: u1@example.net\n"
                b"Subject: mail %d\nDate: Mon, %d Nov 2026 12:%02d:%02d +0000\n"
                b"Message-ID: <%d@example.org>\n\n" %
                (number, number, 1 + number % 28, number % 60, number % 59, number))
        mail += body(dice, number)
        if number % 97 == 0:
            mail = mail.rstrip(b"\n")
        name = "%d.eml" % number if store else "1700000000.%08d.mail.test" % number
        with open(os.path.join(folder, name), "wb") as file:
            file.write(as_sent(mail) if store else mail)


def bench(folder, count, seed):
    dice = random.Random(seed)
    os.makedirs(folder, exist_ok=True)
    text = "abcdefghijklmnopqrstuvwxyz      "
    lines = ["".join(dice.choices(text, k=dice.randrange(20, 76))).encode() + b"\n"
             for _ in range(500)]
    for number in range(1, count + 1):
        mail = [b"From: Sender %d <sender@example.org>\nTo: u1@example.net\nSubject: mail %d\n"
                b"Date: Mon, %d Nov 2026 12:00:00 +0000\nMessage-ID: <%d@example.org>\n\n"
                % (number, number, 1 + number % 28, number)]
        size = dice.lognormvariate(7.65, 1.37)
        while size > 0:
            mail.append(dice.choice(lines))
            size -= len(mail[-1])
        with open("%s/1700000000.%08d.mail.test" % (folder, number), "wb") as file:
            file.write(b"".join(mail))


if __name__ == "__main__":
    verb = sys.argv[1]
    if verb in ("make", "store"):
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), verb == "store")
    elif verb == "bench":
        bench(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    elif verb == "compare":
        compare(sys.argv[2], sys.argv[3])
    elif verb == "count":
        print(sum(1 for _ in members(sys.argv[2])))
