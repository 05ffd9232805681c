"""Compares what mparse -x decodes with what Python's email decodes, message by message.

    mparse-extract.py MPARSE FILE…      each FILE is one message

Where the two differ, mparse must have reported a defect in that message. Prints how many messages
were alike and how many differed with a defect; exit 1 when one differs without.
"""
import email
import hashlib
import json
import os
import subprocess
import sys
import tempfile

EMPTY = hashlib.sha256(b"").hexdigest()  # Python drops some parts without any content


def is_whole(kind):
    """Python takes these apart by rules of its own; mparse leaves them whole."""
    return kind.startswith("message/") and kind not in ("message/rfc822", "message/global", "message/news")


def by_python(path):
    with open(path, "rb") as file:
        # Not message_from_binary_file(): that changes line ends.
        root = email.message_from_bytes(file.read())
    found = []

    def walk(part):
        kind, encoding = part.get_content_type(), part.get("Content-Transfer-Encoding", "7bit")
        if is_whole(kind):
            return
        # RFC 6532, 3.7 allows it; Python does not decode it.
        if kind == "message/global" and encoding.lower() not in ("7bit", "8bit", "binary"):
            raise LookupError(kind)
        if part.is_multipart():
            for child in part.get_payload():
                walk(child)
        else:
            found.append(hashlib.sha256(part.get_payload(decode=True) or b"").hexdigest())

    walk(root)
    return found


def by_mparse(mparse, path, folder):
    run = subprocess.run([mparse, "-qf", "json", "-x", folder, path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert 0 <= run.returncode <= 2, (path, run.returncode)
    records = [json.loads(line) for line in run.stdout.splitlines()]
    messages = [record for record in records if record["record"] == "message"]
    with open(os.path.join(folder, "manifest.jsonl"), encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    for row in rows:
        with open(os.path.join(folder, row["file"]), "rb") as part:
            assert hashlib.sha256(part.read()).hexdigest() == row["sha256"], (path, row)
    found = [row["sha256"] for row in rows if "~" not in row["part"] and not is_whole(row["type"])]
    return messages, found


def main():
    alike, explained, wrong = 0, 0, []
    for path in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as folder:
            messages, got = by_mparse(sys.argv[1], path, folder)
        try:
            want = by_python(path)
        except Exception:  # what Python cannot read is no witness
            continue
        if [each for each in got if each != EMPTY] == [each for each in want if each != EMPTY]:
            alike += 1
        elif any(message["defects"] for message in messages):
            explained += 1
        else:
            wrong.append(path)
    print(alike, explained)
    for path in wrong:
        print("differs without a defect: " + path, file=sys.stderr)
    sys.exit(1 if wrong else 0)


main()
