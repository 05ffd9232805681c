"""Reads a trace of strace -f -y of popdump and says whether a power failure at any point would have
left a whole archive: the order of writes, syncs, renames and removals.

usage: durable-order.py TRACE KIND…    each KIND (seal, adopt) has to occur
"""

import os
import re
import sys

FILES = re.compile(r"/(open|seg|journal|damaged)/[^/]+$")


class Order:
    def __init__(self):
        self.files, self.folders, self.met = set(), set(), set()

    def sync(self, path):
        if path.endswith("/catalog.db-wal") and any("/journal/" in file for file in self.files):
            sys.exit("the catalog is ahead of the journal")
        self.files.discard(path)
        self.folders.discard(path)

    def write(self, path, line):
        if not FILES.search(path):
            return
        self.files.add(path)
        if '\\"kind\\":\\"adopted\\"' in line:
            self.met.add("adopt")
            if any("/open/" in dirty for dirty in self.files):
                sys.exit("adopted before a sync of the segment: " + line)

    def rename(self, old, new):
        if not FILES.search(new):
            return
        if old in self.files:
            sys.exit("renamed before a sync: %s" % old)
        self.folders |= {os.path.dirname(old), os.path.dirname(new)}

    def unlink(self, path):
        if not re.search(r"/seg/\d+\.tar$", path):
            return
        self.met.add("seal")
        if self.folders & {os.path.dirname(path)}:
            sys.exit("removed before a sync of the folder: %s" % path)

    def create(self, path):
        if FILES.search(path):
            self.folders.add(os.path.dirname(path))

    def take(self, line):
        made = re.match(r'\d+ +openat\([^"]*"([^"]*)", \S*O_CREAT\|O_TRUNC\S*, \d+\) += \d', line)
        if made:
            self.create(made.group(1))
        match = re.match(r"\d+ +(\w+)\((.*)\) += 0$", line) or re.match(r"\d+ +(write)\((.*)", line)
        if not match:
            return
        call, rest = match.groups()
        held = re.match(r"\d+<([^>]*)>", rest)
        names = re.findall(r'"([^"]*)"', rest)
        if call in ("fsync", "fdatasync"):
            self.sync(held.group(1))
        elif call in ("write", "ftruncate") and held:
            self.write(held.group(1), line)
        elif call == "rename":
            self.rename(*names)
        elif call == "unlink":
            self.unlink(names[0])


def main():
    order = Order()
    with open(sys.argv[1], encoding="utf-8", errors="replace") as trace:
        for line in trace:
            order.take(line.rstrip("\n"))
    left = {path for path in order.files if not path.endswith(".part")} | order.folders
    if left:
        sys.exit("never synced: " + ", ".join(sorted(left)))
    missing = set(sys.argv[2:]) - order.met
    if missing:
        sys.exit("did not occur: " + ", ".join(sorted(missing)))
    print("in order")


main()
