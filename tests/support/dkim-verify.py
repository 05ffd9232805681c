"""dkim-verify.py RSA.der ED25519.der N FOLDER: N messages below FOLDER carry two signatures each that
dkimpy verifies and that cover the List fields; a message that was tampered with does not verify."""
import base64
import glob
import re
import sys

import dkim

rsa, ed25519, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
records = {
    b"r2048._domainkey.example.org.": b"v=DKIM1; k=rsa; p=" + base64.b64encode(open(rsa, "rb").read()),
    b"ed._domainkey.example.org.": b"v=DKIM1; k=ed25519; p=" + base64.b64encode(open(ed25519, "rb").read()[-32:]),
}


def lookup(name, timeout=5):
    return records.get(name if isinstance(name, bytes) else name.encode())


def verifies(data, index):
    try:
        return dkim.DKIM(data).verify(idx=index, dnsfunc=lookup)
    except dkim.DKIMException:
        return False


shown = {"empty": 0, "8bit": 0, "tabs": 0, "folded": 0, "long": 0, "trailing": 0}
files = sorted(glob.glob(folder + "/**/new/*", recursive=True))
assert len(files) == count, (len(files), count)
for path in files:
    data = open(path, "rb").read()
    # The Maildir's own lines come before; its line ends are LF.
    data = data[data.index(b"DKIM-Signature:"):].replace(b"\n", b"\r\n")
    head, body = data.split(b"\r\n\r\n", 1)
    algorithms = re.findall(rb"a=([a-z0-9-]+);", head)
    assert algorithms == [b"rsa-sha256", b"ed25519-sha256"], (path, algorithms)
    for index in (0, 1):
        assert verifies(data, index), f"{path}: signature {index} ({algorithms[index].decode()}) does not verify"
    for field in re.findall(rb"\th=([^;]+);", head):
        names = [name.strip().lower() for name in field.split(b":")]
        for name in (b"from", b"list-unsubscribe", b"list-unsubscribe-post"):
            assert names.count(name) == 2, (path, name)
    shown["empty"] += body.strip() == b""
    shown["8bit"] += any(octet > 127 for octet in data)
    shown["tabs"] += b"\t" in body
    shown["folded"] += bool(re.search(rb"^(Subject|X-Note):[^\r]*\r\n[ \t]", head, re.M))
    shown["long"] += any(len(line) > 900 for line in body.split(b"\r\n"))
    shown["trailing"] += body.endswith(b"\r\n\r\n")
for index in (0, 1):
    for change in (lambda d: d.replace(b"\r\nSubject:", b"\r\nSubject: x", 1), lambda d: d + b"x\r\n",
                   lambda d: d.replace(b"One-Click", b"One-Clack", 1),
                   lambda d: d.replace(b"\r\nFrom:", b"\r\nFrom: a@example.net\r\nFrom:", 1)):
        assert not verifies(change(data), index), "what was tampered with verifies"
print(f"{count} messages, two signatures each, all verify; among them {shown}")
