#!/usr/bin/env python3
"""rebuild.py MPARSE [--gaps TABLE] PATH...: every file named, or below a folder named, is built again from the byte ranges that
`mparse -f json` gives, and compared. Prints the gaps and the sums; exits 1 on any difference. A file whose bytes
have a gap stands in TABLE with its bytes (name and number, tab-separated; the name from the last folder of PATH on): one
that is not there, or has another number, or has no gap any more, is a difference."""
import collections, json, os, subprocess, sys, tarfile, zipfile

BATCH = 200


def files_of(paths):
    for path in paths:
        if not os.path.isdir(path):
            yield path
        for folder, _, names in sorted(os.walk(path)):
            yield from (os.path.join(folder, name) for name in sorted(names))


def records_of(mparse, batch):
    run = subprocess.run([mparse, "-qf", "json", "--", *batch], capture_output=True, timeout=600)
    if run.returncode not in (0, 1, 2):
        sys.exit(f"mparse ended with {run.returncode}: {run.stderr.decode(errors='replace')}")
    # Not splitlines(): it also splits at U+2028 and its like.
    return [json.loads(line) for line in run.stdout.decode().split("\n") if line]


def container(path, names, cache={}):
    if (path, *names) not in cache:
        with open(path, "rb") as file:
            content = file.read()
        if names and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content = archive.read(names[0])
        elif names:
            with tarfile.open(path) as tar:
                content = tar.extractfile(names[0]).read()
        cache.clear()
        cache[(path, *names)] = content
    return cache[(path, *names)]


def rebuild(record):
    """The message's bytes, from its ranges; checks that these neither overlap nor leave anything out."""
    source, raw = record["source"], record["spaces"][0]
    content = container(source["path"], source["container"])
    for space in record["spaces"]:
        at = 0
        for part in space["ranges"]:
            assert part["offset"] == at and part["length"] > 0, f"range at {part['offset']}, not {at}"
            at += part["length"]
        assert at == space["length"] == sum(space["bytes"].values()), "ranges do not cover the space"
    assert raw["length"] == source["length"], "the space is not the item"
    pieces = (content[source["offset"] + part["offset"]:][:part["length"]] for part in raw["ranges"])
    return b"".join(pieces)


def check_gaps(table, paths, gaps):
    """How many files have other gaps than the table says."""
    roots = {os.path.abspath(path): os.path.basename(os.path.abspath(path)) for path in paths}
    found, bad = {}, 0
    for path, gap in gaps.items():
        for root, name in roots.items():
            if (os.path.abspath(path) + "/").startswith(root + "/") and gap > 0:
                found[os.path.normpath(os.path.join(name, os.path.relpath(os.path.abspath(path), root)))] = gap
    with open(table) as file:
        wanted = dict(line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#"))
    wanted = {name: int(gap) for name, gap in wanted.items() if name.split("/")[0] in roots.values()}
    for name in sorted(found.keys() | wanted.keys()):
        if found.get(name, 0) != wanted.get(name, 0):
            print(f"{name}: {found.get(name, 0)} bytes of gaps, {wanted.get(name, 0)} in the table")
            bad += 1
    return bad


def main():
    mparse, *paths = sys.argv[1:]
    table = None
    if paths[0] == "--gaps":
        table, paths = paths[1], paths[2:]
    files = [path for path in files_of(paths) if os.path.getsize(path) > 0]
    built, seen, gaps = collections.defaultdict(bytearray), set(), collections.Counter()
    messages = bad = 0
    for start in range(0, len(files), BATCH):
        for record in records_of(mparse, files[start:start + BATCH]):
            if record["record"] in ("message", "other"):
                seen.add(record["source"]["path"])
            if record["record"] != "message":
                continue
            source = record["source"]
            key = (source["path"], *source["container"])
            try:
                assert len(built[key]) == source["offset"], f"item at {source['offset']}"
                built[key] += rebuild(record)
            except AssertionError as problem:
                print(f"{record['address']}: {problem}")
                bad += 1
            messages += 1
            gaps[source["path"]] += record["spaces"][0]["bytes"]["gap"]
    for key, content in built.items():
        if bytes(content) != container(key[0], key[1:]):
            print(f"{'!'.join(key)}: is not what its ranges say")
            bad += 1
    for path in sorted(set(files) - seen):
        print(f"{path}: no message in it")
        bad += 1
    for path, gap in sorted(gaps.items()):
        if gap > 0:
            print(f"gap {gap:8} {os.path.basename(path)}")
    bad += check_gaps(table, paths, gaps) if table else 0
    print(f"{messages} messages of {len(built)} files rebuilt, {sum(gaps.values())} bytes of gaps, {bad} bad")
    return 1 if bad or not messages else 0


sys.exit(main())
