"""same-mail.py PREVIEWS BOXES COPIES: what arrived is what was previewed.

Every message of the Maildirs below BOXES equals the file of PREVIEWS with the same X-Row, but for
trace fields above it, for Date and Message-ID (each once), and for line ends, which Maildirs keep
as LF. Of every row COPIES arrived, all under one Message-ID.
"""
import collections
import glob
import re
import sys

TRACE = (b"return-path", b"delivered-to", b"x-original-to", b"received", b"envelope-to")
OWN = rb"^(Date|Message-ID): ([^\n]*(?:\n[ \t][^\n]*)*)\n"

previews, boxes, copies = sys.argv[1], sys.argv[2], int(sys.argv[3])
failures = 0


def fail(text):
    global failures
    failures += 1
    print("  " + text, file=sys.stderr)


def without_trace(data):
    while data.partition(b":")[0].lower() in TRACE:
        data = re.sub(rb"\A[^\n]*\n(?:[ \t][^\n]*\n)*", b"", data)
    return data


def masked(data, where):
    head, blank, body = data.partition(b"\n\n")
    found = dict(re.findall(OWN, head + b"\n", re.M))
    if sorted(name for name, _ in re.findall(OWN, head + b"\n", re.M)) != [b"Date", b"Message-ID"]:
        fail(f"{where}: Date and Message-ID do not stand there once each")
    return re.sub(OWN, rb"\1: -\n", head + b"\n", flags=re.M) + blank[1:] + body, found


def row_of(data):
    found = re.search(rb"^X-Row: (\d+)$", data, re.M)
    return int(found[1]) if found else 0


wanted = {}
for path in glob.glob(previews + "/*.eml"):
    data = open(path, "rb").read().replace(b"\r\n", b"\n")
    wanted[row_of(data)] = masked(data, path)[0]
arrived = collections.Counter()
ids = collections.defaultdict(set)
for path in glob.glob(boxes + "/*/Maildir/new/*"):
    data = without_trace(open(path, "rb").read())
    row = row_of(data)
    got, own = masked(data, path)
    arrived[row] += 1
    ids[row].add(own.get(b"Message-ID"))
    if row not in wanted:
        fail(f"{path}: row {row} was not previewed")
    elif got != wanted[row]:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted[row])) if a != b),
                  min(len(got), len(wanted[row])))
        fail(f"{path}: row {row} differs at {at}: arrived {got[max(at - 30, 0):at + 50]!r},"
             f" previewed {wanted[row][max(at - 30, 0):at + 50]!r}")
for row in wanted:
    if arrived[row] != copies:
        fail(f"row {row}: {arrived[row]} copies arrived instead of {copies}")
    if len(ids[row]) != 1:
        fail(f"row {row}: {len(ids[row])} Message-IDs")
if not wanted:
    fail("nothing was previewed")
sys.exit(failures > 0)
