#!/usr/bin/env bash
# mparse's memory does not grow with what it reads: large mailboxes, large messages, many empty ones.
# The sizes are a CI's; MB_FULL=1 takes 4.5 GB, 5 GB and 1,000,000.
. "$(dirname "$0")/../support/lib.sh"

# shellcheck source=tests/support/mparse-memory.sh
. "$MB_SOURCE/tests/support/mparse-memory.sh"

times=20 octets=200000000 empty=100000
if [ -n "${MB_FULL:-}" ]; then
    times=370 octets=3800000000 empty=1000000
fi

"$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-mail.py" some.mbox 3000
for ((i = 0; i < times; i++)); do
    cat some.mbox
done >large.mbox
case_begin "a mailbox of $(($(stat -c %s large.mbox) >> 20)) MiB"
stays_small $most "$mparse" -j 4 -qf shape large.mbox
expect_equal "messages" $((3000 * times)) "$(wc -l <out)"
case_begin "the same in full, with four threads"
stays_small $most "$mparse" -j 4 -f json -o /dev/null large.mbox
expect_line "$((3000 * times)) messages" err
rm large.mbox

case_begin "entries of an archive whose names are long"
"$MB_PYTHON" - <<'PYTHON'
import tarfile

with tarfile.open("names.tar.gz", "w:gz", format=tarfile.PAX_FORMAT, compresslevel=1) as archive:
    for i in range(2400):
        archive.addfile(tarfile.TarInfo("a" * 60000 + str(i)))
PYTHON
stays_small $most "$mparse" -j 4 -f shape names.tar.gz
expect_line "2400 files that are no mail" err

case_begin "fragments whose ids are long: no set is told, and that is said"
"$MB_PYTHON" - <<'PYTHON'
with open("ids.mbox", "wb") as mbox:
    for i in range(30):
        mbox.write(b"From a@b.example Mon Nov 23 10:00:00 2026\nFrom: a@b.example\nContent-Type: "
                   b'message/partial; number=1; total=2; id="%d%s"\n\nx\n\n' % (i, b"x" * 3000000))
PYTHON
stays_small $most "$mparse" -j 1 -f tree ids.mbox
expect_equal "exit code" 2 "$CODE"
expect_line "limit hit: items" err

case_begin "one message of $((octets >> 20)) MiB of content, streamed"
{
    printf 'From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n'
    printf 'Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n'
    head -c "$octets" /dev/zero | base64 -w 76
    printf -- '--b--\n'
} >one.eml
stays_small $most "$mparse" -qf json one.eml
sum=$(head -c "$octets" /dev/zero | sha256sum)
expect_line "\"size_decoded\":$octets,\"hash\":{\"sha256\":\"${sum%% *}\"}" out
expect_line "\"sha256\":\"$(sha256sum <one.eml | cut -d' ' -f1)\"" out
stays_small $most bash -c '"$1" -qf shape - <one.eml' - "$mparse"
expect_line "multipart/mixed(application/octet-stream)" out
statement F-18
rm one.eml

case_begin "$empty empty messages"
"$MB_PYTHON" - "$empty" <<'PYTHON'
import sys

with open("empty.mbox", "wb") as out:
    for _ in range(int(sys.argv[1]) // 1000):
        out.write(b"From a@b Mon Nov 23 16:34:50 2026\n\n" * 1000)
PYTHON
stays_small $most "$mparse" -j 4 -f json -o /dev/null empty.mbox
expect_line "mparse: $empty messages" err

case_begin "a gzip that unpacks to much more than it should: a limit, and nothing is kept"
(printf "From: a@b.example\n\n" && head -c 1000000000 /dev/zero) | gzip -1 >bomb.gz
code=0
timeout 120 "$mparse" -f shape --max-size 100M bomb.gz >out 2>err || code=$?
expect_equal "exit code" 2 "$code"
expect_line "limit hit: bytes" err

case_begin "a header that is nearly all of a long message"
"$MB_PYTHON" - <<'PYTHON'
with open("heads.eml", "wb") as out:
    for i in range(90000):
        out.write(b"X-%d: %s\n" % (i, b"\x01" * 80))
    out.write(b"\nend\n")
PYTHON
stays_small $most "$mparse" -j 4 -qf json heads.eml
expect_equal "lines" 2 "$(wc -l <out)"
