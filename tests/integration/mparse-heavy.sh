#!/usr/bin/env bash
# Messages that take many times their length, and many threads: memory stays flat all the same.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/mparse-memory.sh
. "$MB_SOURCE/tests/support/mparse-memory.sh"

# With one thread each would fit; eight must not take eight times as much.
case_begin "messages that take many times their length, with eight threads"
"$MB_PYTHON" - <<'PYTHON'
import base64, random

FROM = b"From a@b.example Mon Nov 23 10:00:00 2026\n"
MULTIPART = b"Content-Type: multipart/mixed; boundary=b\n\n"

def box(name, times, message):
    with open(name, "wb") as out:
        for _ in range(times):
            out.write(FROM + message + b"\n\n")

inner = b"Subject: inner\n\n" + random.Random(8).randbytes(24 << 20)
open("inner", "wb").write(inner)
box("subject.mbox", 9, b"Subject: " + b"\xe9\xff" * 1500000 + b"\n\nx\n")
box("params.mbox", 9, b"Content-Type: text/plain" + b"; a=b" * 600000 + b"\n\nx\n")
box("part-params.mbox", 9, MULTIPART + b"--b\nContent-Disposition: inline" + b"; a=b" * 600000 +
    b"\n\nx\n--b--\n")
box("addresses.mbox", 9, b"To: " + b", ".join(b"a%d@b.example" % i for i in range(170000)) + b"\n\nx\n")
box("fields.mbox", 9, b"a:\n" * 100000 + b"\nx\n")
box("parts.mbox", 9, MULTIPART + b"--b\n\nx\n" * 100000 + b"--b--\n")
box("few-parts.mbox", 9, MULTIPART + b"--b\n\nx\n" * 5000 + b"--b--\n")
box("digest.mbox", 9, b"Content-Type: multipart/digest; boundary=b\n\n" +
    b"--b\n\nFrom: a@b\nSubject: x\n\nx\n" * 50000 + b"--b--\n")
box("large.mbox", 9, b"Subject: x\n\n" + b"\x01x" * 7500000 + b"\n")
box("inner.mbox", 9, b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(inner[:9 << 20]))
box("long-inner.mbox", 1, b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + base64.encodebytes(inner))
PYTHON
formats=(tree json csv)
[ -z "$sanitized" ] || formats=(json)
for name in subject params part-params addresses fields parts digest large inner long-inner; do
    for format in "${formats[@]}"; do
        stays_small $most "$mparse" -j 8 -qf "$format" $name.mbox
    done
    echo "  was $name"
done
stays_small $most "$mparse" -j 8 -qf sqlite -o fields.db fields.mbox
stays_small $most "$mparse" -j 8 -qf shape -x taken few-parts.mbox
expect_equal "files taken out" 45000 "$(wc -l <taken/manifest.jsonl)"

case_begin "a long message that is encoded inside another is opened, and kept in a file meanwhile"
"$mparse" -q long-inner.mbox#1:1.1 >content 2>err || [ $? -le 1 ] || fail "$(cat err)"
expect_same content <(tail -c +17 inner)
TMPDIR=$T/nowhere expect_exit 2 "$mparse" -qf json inner.mbox
expect_line limit-bytes "$T/out"
