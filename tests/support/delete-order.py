"""Reads a trace of strace -f -y and says whether each DELE came after what makes it safe.

Before the first DELE: the segment's sync, after it a sync of the catalog, after that one of the
journal (the intent), and nothing of these files that was written and not synced.
"""

import re
import sys

KINDS = [("segment", "/open/"), ("catalog", "/catalog.db"), ("journal", "/journal/")]


def main():
    dirty, synced, seen = set(), [], set()
    with open(sys.argv[1], encoding="utf-8", errors="replace") as trace:
        for line in trace:
            match = re.match(r"\d+ +(\w+)\(\d+<([^>]*)>(.*)", line)
            if not match:
                continue
            call, path, rest = match.groups()
            if "DELE " in rest and call in ("sendto", "sendmsg", "writev", "write"):
                break
            kind = next((name for name, part in KINDS if part in path), None)
            if kind is None or path.endswith("-shm"):
                continue
            seen.add(kind)
            if call in ("fsync", "fdatasync"):
                if not line.rstrip().endswith("= 0"):
                    sys.exit("a sync failed: " + line)
                dirty.discard(path)
                synced.append(kind)
            else:
                dirty.add(path)
        else:
            sys.exit("no DELE in the trace")
    if dirty:
        sys.exit("DELE before a sync of " + ", ".join(sorted(dirty)))
    if seen != {"segment", "catalog", "journal"}:
        sys.exit("written before DELE: only " + ", ".join(sorted(seen)))
    rest = synced[len(synced) - synced[::-1].index("segment"):]
    if "catalog" not in rest or "journal" not in rest[rest.index("catalog"):]:
        sys.exit("not segment, then catalog, then journal: " + " ".join(synced))
    print("in order: " + " ".join(synced))


main()
