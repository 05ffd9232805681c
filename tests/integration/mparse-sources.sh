#!/usr/bin/env bash
# Messages out of everything that holds some, one in another, by content; and what is broken among them.
. "$(dirname "$0")/../support/lib.sh"

# sources CHECK
sources()
{
    mkdir -p "$T/$1"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/sources.py" "$MB_BIN/mparse" "$T/$1" "$1"
    cat "$T/out"
}

case_begin "tar, zip and 7z in each other, packed in every way, from a file and from a pipe"
sources nested

case_begin "every address is accepted back"
sources addresses

case_begin "mbox dialects, inferred and by word"
sources dialects

case_begin "a broken item is said, and the next one goes on"
sources broken

case_begin "encrypted entries are named"
sources locked

case_begin "popdump's archive: each message once"
sources popdump

case_begin "a long message with From_ lines in it, kept together by its Content-Length"
"$MB_PYTHON" - "$T" <<'PYTHON'
import random, sys

FROM = b"From a@b Mon Nov 23 16:34:50 2026\n"
for name, inside in ("cl", b">>From x\n>From x\n"), ("cl2", b"\n" + FROM + b"Subject: inner\n\n>From x\n"):
    body = inside + random.Random(17).randbytes(9 << 20).hex().encode() + b"\n" + inside
    with open(f"{sys.argv[1]}/{name}.mbox", "wb") as out:
        out.write(FROM + b"Subject: long\nContent-Length: %d\n\n" % len(body) + body + b"\n")
        out.write(FROM + b"Subject: last\n\nx\n\n")
    with open(f"{sys.argv[1]}/{name}.want", "wb") as out:
        out.write(body.replace(b"\n>From", b"\nFrom") if name == "cl" else body)
PYTHON
for name in cl cl2; do
    for at in "$name.mbox" "$name.tgz!$name.mbox" -; do
        tar czf "$T/$name.tgz" -C "$T" "$name.mbox"
        (cd "$T" && "$MB_BIN/mparse" -- "$at#1:1" < <(cat "$name.mbox")) >"$T/content" 2>"$T/err" ||
            fail "$at: exit code $?: $(cat "$T/err")"
        expect_same "$T/content" "$T/$name.want"
    done
    expect_exit 0 "$MB_BIN/mparse" -f json "$T/$name.mbox"
    expect_equal "messages" 2 "$(grep -c '"record":"message"' "$T/out")"
    expect_equal "dialect" 1 "$(grep -c "\"dialect\":\"mbox$name\"" "$T/out")"
    code=0
    TMPDIR=$T/nowhere "$MB_BIN/mparse" -f shape - < <(cat "$T/$name.mbox") >"$T/out" 2>"$T/err" || code=$?
    expect_equal "exit code without a temporary file" 2 "$code"
done
statement F-8

case_begin "an entry that a zip's directory does not name is said; from a pipe it is read"
"$MB_PYTHON" - "$T" <<'PYTHON'
import io, struct, sys, zipfile

def make(names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "Subject: %s\n\nx\n" % name)
    return out.getvalue()

def hide(content, n):
    """The same without the directory's entry n."""
    places = [i for i in range(len(content)) if content.startswith(b"PK\1\2", i)]
    end = content.index(b"PK\5\6")
    places.append(end)
    kept = content[places[0]:places[n]] + content[places[n + 1]:end]
    record = bytearray(content[end:])
    struct.pack_into("<HHII", record, 8, len(places) - 2, len(places) - 2, len(kept), places[0])
    return content[:places[0]] + kept + bytes(record)

whole = make(["a.eml", "b.eml", "c.eml"])
for n, name in enumerate(("first", "middle", "last")):
    open(f"{sys.argv[1]}/{name}.zip", "wb").write(hide(whole, n))
open(f"{sys.argv[1]}/whole.zip", "wb").write(whole)
PYTHON
for at in first:0 middle:53 last:106; do
    expect_exit 2 "$MB_BIN/mparse" -f shape "$T/${at%:*}.zip"
    expect_equal "messages" 2 "$(wc -l <"$T/out")"
    expect_line "${at%:*}.zip: an entry at offset ${at#*:} is not in the archive's directory" "$T/err"
    cat "$T/${at%:*}.zip" | "$MB_BIN/mparse" -qf shape - >"$T/out" || fail "exit code $?"
    expect_equal "messages from a pipe" 3 "$(wc -l <"$T/out")"
done
expect_exit 0 "$MB_BIN/mparse" -f shape "$T/whole.zip"
(cd "$T" && bsdtar -caf packed.zip ./*.zip && cat whole.zip | bsdtar -cf piped.zip --format zip @-)
expect_exit 0 "$MB_BIN/mparse" -f shape "$T/packed.zip"
expect_equal "messages of zips in a zip" 12 "$(wc -l <"$T/out")"
expect_exit 0 "$MB_BIN/mparse" -f shape "$T/piped.zip"
