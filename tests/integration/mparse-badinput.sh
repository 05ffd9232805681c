#!/usr/bin/env bash
# mparse on input and options that are no good: one clear line that names the file, the exit code of
# the manual, nothing half-done left behind, never a signal.
. "$(dirname "$0")/../support/lib.sh"

mparse=$MB_BIN/mparse
cd "$T"

# refuses NAME CODE WORDS COMMAND…: exit CODE, and a first line on stderr that holds WORDS.
refuses()
{
    case_begin "$1"
    expect_exit "$2" "${@:4}"
    expect_line "$3" <(head -n 1 "$T/err")
}

printf 'From: a@b.example\nSubject: x\n\nhello\n' >good.eml
printf 'hello world,\nthis is no mail\n' >notes.txt
: >empty.mbox
mkdir empty
tar cf good.tar good.eml notes.txt
for i in $(seq 200); do
    cp good.eml "many$i.eml"
    head -c 3000 /dev/urandom | base64 >>"many$i.eml"
done
tar czf whole.tar.gz many*.eml
head -c 300000 whole.tar.gz >cut.tar.gz

refuses "a file that is not there" 66 "nowhere.eml: " "$mparse" nowhere.eml
expect_one_line "$T/err"
refuses "a device" 66 "/dev/zero: " "$mparse" /dev/zero
expect_one_line "$T/err"
refuses "a file that is no mail" 1 "notes.txt: no mail" "$mparse" -qf shape notes.txt
expect_one_line "$T/err"
expect_equal "its shape" text/plain "$(cat "$T/out")"
refuses "an empty mbox" 2 "empty.mbox: " "$mparse" -f shape empty.mbox
expect_one_line "$T/err"
expect_equal "its shape" "" "$(cat "$T/out")"
refuses "an empty folder" 1 "empty: no message in it" "$mparse" empty
expect_one_line "$T/err"
refuses "a truncated archive" 2 "cut.tar.gz" "$mparse" -qf shape cut.tar.gz
expect_one_line "$T/err"
[ "$(wc -l <"$T/out")" -gt 50 ] || fail "the messages before the cut are missing"
refuses "one that is not there among others" 66 "nowhere.eml" "$mparse" -qf shape nowhere.eml good.eml
expect_equal "the other's shape" text/plain "$(cat "$T/out")"
refuses "an address without its message" 66 "good.tar" "$mparse" "good.tar!gone.eml"
refuses "a part that is not there" 66 "no such part: 7" "$mparse" good.eml:7

case_begin "text in an archive is no mail, and said so"
expect_exit 0 "$mparse" -f json good.tar
expect_line '"record":"other"' "$T/out"
expect_line ", 1 file that is no mail" "$T/err"

case_begin "a type that stands behind the limit of header fields"
for type in "message/external-body; access-type=url" "message/partial; id=a; number=1; total=1"; do
    {
        printf 'From: a@b.example\n'
        printf 'X: %.0sy\n' $(seq 100000)
        printf 'Content-Type: %s\n\nFrom: c@d.example\n\nx\n' "$type"
    } >far.eml
    for format in tree json csv; do
        expect_exit 2 "$mparse" -f $format far.eml
        expect_line "limit hit: headers" "$T/err"
    done
    expect_line "${type%%;*}" "$T/out"
done

refuses "no operand" 64 "mparse: " "$mparse"
refuses "an unknown format" 64 "--format mime: no such format" "$mparse" -f mime good.eml
refuses "an unknown digest" 64 "--hash crc: no such digest" "$mparse" --hash crc good.eml
refuses "a limit that is no number" 64 "--max-depth deep" "$mparse" --max-depth deep good.eml
refuses "a size that is none" 64 "--max-size" "$mparse" --max-size much good.eml
refuses "an unknown dialect" 64 "--mbox mboxx" "$mparse" --mbox mboxx good.eml
refuses "quiet and verbose" 64 "exclude each other" "$mparse" -qv good.eml
refuses "two formats" 64 "exclude each other" "$mparse" --json -f tree good.eml

refuses "an output that cannot be made" 73 "gone/out: " "$mparse" -o gone/out good.eml
expect_one_line "$T/err"
refuses "a folder that cannot be made" 73 "good.eml/x" "$mparse" -x good.eml/x good.eml
expect_one_line "$T/err"
refuses "an output disk that is full" 74 "/dev/full: " "$mparse" -o /dev/full good.eml

case_begin "a path that would act on the terminal"
red=$'\033[31m'
mkdir "$red"
expect_exit 1 "$mparse" "$red"
expect_line '\x1b[31m: no message in it' "$T/err"
expect_no_line "$red" "$T/err"
expect_exit 73 "$mparse" -o "gone/$red" good.eml
expect_line 'gone/\x1b[31m: cannot write' "$T/err"
expect_no_line "$red" "$T/err"
expect_exit 66 "$mparse" "good.eml:$red"
expect_line 'no such part: \x1b[31m' "$T/err"
expect_no_line "$red" "$T/err"

case_begin "no room for a message that is too long for memory"
(cat good.eml && head -c 68000000 /dev/zero) >long.eml
TMPDIR=$T/nowhere expect_exit 2 "$mparse" long.eml:1
expect_one_line "$T/err"
rm long.eml

case_begin "a link in the folder does not lead out of it"
mkdir links
echo precious >victim
ln -s ../victim links/manifest.jsonl
ln -s ../victim links/.part-0
expect_exit 73 "$mparse" -x links good.eml
expect_line "links/manifest.jsonl: cannot write" "$T/err"
rm links/manifest.jsonl
expect_exit 0 "$mparse" -x links good.eml
expect_equal "what it points at" precious "$(cat victim)"
[ ! -e links/.part-0 ] || fail "the link is still there"

case_begin "what was extracted before stays when there is nothing to extract"
mkdir kept.d
echo old >kept.d/manifest.jsonl
expect_exit 66 "$mparse" -x kept.d nowhere.eml
expect_equal "the manifest" old "$(cat kept.d/manifest.jsonl)"

case_begin "an output is whole or is not"
echo old >kept
expect_exit 66 "$mparse" -o kept "good.tar!gone.eml"
expect_equal "what was there" old "$(cat kept)"
expect_exit 0 "$mparse" -qf shape -o made good.eml
expect_equal "what was made" text/plain "$(cat made)"
expect_equal "leftovers" "" "$(find . -name '*.??????' ! -name '*.eml' ! -name '*.gz')"

case_begin "a reader that goes away"
(set +o pipefail && "$mparse" -f json whole.tar.gz whole.tar.gz 2>"$T/err" | head -c 1 >"$T/out")
expect_equal "bytes read" 1 "$(wc -c <"$T/out")"

case_begin "an interrupt: the message in hand is finished, the output file is not made"
catches_interrupts()
{
    (((16#$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status") & 2) != 0))
}
mkfifo pipe
"$mparse" -o interrupted - <pipe 2>"$T/err" &
reader=$!
exec 9>pipe
wait_for catches_interrupts "$reader"
cat good.eml >&9
kill -INT "$reader"
exec 9>&-
code=0
wait "$reader" || code=$?
expect_equal "exit code" 2 "$code"
expect_line "interrupted: the output is not complete" "$T/err"
expect_missing interrupted interrupted.??????

case_begin "an interrupt while a pipe that stays open is waited for"
"$mparse" -j 4 -f json -x interrupted.parts - <pipe >"$T/out" 2>"$T/err" &
reader=$!
exec 9>pipe
wait_for catches_interrupts "$reader"
cat good.eml >&9
# It waits for more: that is what an interrupt has to end.
waits_for_input()
{
    grep -q pipe "/proc/$1/wchan" 2>/dev/null
}
wait_for waits_for_input "$reader"
kill -INT "$reader"
wait_for mb_process_gone "$reader"
code=0
wait "$reader" || code=$?
exec 9>&-
expect_equal "exit code" 2 "$code"
expect_line '"shape":"text/plain"' "$T/out"
expect_line "interrupted: the output is not complete" "$T/err"
expect_equal "half parts" "" "$(find interrupted.parts -name '.part*')"

# --- files that are not what they seem -------------------------------------------------------------

case_begin "a fifo by its name"
cat good.eml >pipe &
expect_exit 0 "$mparse" -qf shape pipe
expect_equal "shape" text/plain "$(cat "$T/out")"

case_begin "a file that may not be read, among others"
cp good.eml secret.eml
chmod 000 secret.eml
as_nobody()
{
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
expect_exit 66 as_nobody "$mparse" -qf shape secret.eml good.eml
expect_line "secret.eml: cannot be read: Permission denied" "$T/err"
expect_equal "the other's shape" text/plain "$(cat "$T/out")"

case_begin "a file that grows shorter, and one that grows, while they are read"
for ((i = 0; i < 40000; i++)); do
    printf 'From a@b Mon Nov 23 16:34:50 2026\nSubject: %06d\n\nhello\n\n' "$i"
done >changing.mbox
for size in 100 3000000; do
    cp changing.mbox changing
    mkfifo lock
    # It stops behind its first megabytes, as nobody takes what it prints.
    "$mparse" -j 4 -qf json changing >lock 2>"$T/err" &
    reader=$!
    exec 8<lock
    head -c 1000 <&8 >"$T/first"
    truncate -s "$size" changing
    cat <&8 >"$T/rest"
    exec 8<&-
    code=0
    wait "$reader" || code=$?
    [ "$code" -le 2 ] || fail "exit code $code"
    cat "$T/first" "$T/rest" >"$T/out"
    tail -n 1 "$T/out" | grep -q '"record":"summary"' || fail "no summary"
    rm lock changing
done

case_begin "an archive whose names lead out of the folder"
"$MB_PYTHON" - <<'PYTHON'
import io, tarfile

with tarfile.open("out.tar", "w") as out:
    for name in ("../escaped.eml", "/tmp/mparse-escaped.eml", "a/../../b.eml"):
        info = tarfile.TarInfo(name)
        body = b"Content-Type: application/x; name=\"../../../evil\"\n\nhi\n"
        info.size = len(body)
        out.addfile(info, io.BytesIO(body))
PYTHON
before=$(find "$T" ! -path '*/out.parts*' | wc -l)
mkdir out.parts
"$mparse" -qf shape -x out.parts out.tar >shapes 2>"$T/err" || fail "exit code $?: $(cat "$T/err")"
expect_equal "parts" 3 "$(wc -l <shapes)"
expect_equal "files" 4 "$(find out.parts -type f | wc -l)"
rm shapes
expect_equal "everything else" "$before" "$(find "$T" ! -path '*/out.parts*' | wc -l)"
expect_missing /tmp/mparse-escaped.eml "$T/../escaped.eml"

# --- hostile structure ---------------------------------------------------------------------------

case_begin "a header line without colon of any length: later mails are kept"
for length in 5000 1000000; do
    {
        printf 'From a@b Mon Nov 23 16:34:50 2026\nFrom: a@b.example\n'
        head -c "$length" /dev/zero | tr '\0' x
        printf '\nSubject: one\n\none\n\n'
        printf 'From a@b Mon Nov 23 16:34:50 2026\nFrom: a@b.example\nContent-Type: text/html\n\ntwo\n'
    } >junk.mbox
    expect_exit 1 "$mparse" -qf shape junk.mbox
    expect_equal "shapes" "text/plain text/html" "$(paste -sd' ' "$T/out")"
done
expect_exit 1 "$mparse" -qf json junk.mbox
expect_line '"code":"header-junk","severity":"warn","space":0,"offset":52,"length":1000001' "$T/out"
statement F-6

case_begin "deep nesting on a small stack is a limit, not a crash"
"$MB_PYTHON" - <<'PYTHON'
def write(name, bytes):
    open(name, "wb").write(bytes)

def multiparts(n):
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (i, i) for i in range(n))

write("multiparts.eml", b"From: a@b.example\n" + multiparts(20000) + b"\ndeep\n")
write("messages.eml", b"From: a@b.example\n" + b"Content-Type: message/rfc822\n\n" * 2000 + b"A: b\n\ndeep\n")
write("groups.eml", b"From: a@b.example\nTo: " + b"a:" * 80000 + b";\n" + multiparts(300) + b"\nx\n")
PYTHON
for file in multiparts messages groups; do
    for format in tree shape json csv; do
        start=${EPOCHREALTIME/./}
        expect_exit 2 bash -c 'ulimit -s 256 && exec "$@"' - "$mparse" -f $format $file.eml
        echo "  $file as $format: $(((${EPOCHREALTIME/./} - start) / 1000)) ms, $(wc -c <"$T/out") bytes"
        expect_line "limit hit: depth" "$T/err"
    done
done
statement F-10
