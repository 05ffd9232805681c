#!/usr/bin/env bash
# mparse with one thread and with many, from a file and from a pipe: the same bytes, the same words on
# stderr, the same exit code.
. "$(dirname "$0")/../support/lib.sh"

mparse=$MB_BIN/mparse
mail=$MB_SOURCE/tests/data/mail
cd "$T"

# A mailbox of every kind of message, so long that each thread gets many jobs: short ones, long ones,
# some with defects, one that is longer than a job, some that print more than they are long.
"$MB_PYTHON" - "$mail" "$MB_SOURCE/tests/fuzz/corpus/scan" <<'PYTHON'
import pathlib, random, sys, tarfile

seeds = [path.read_bytes() for folder in sys.argv[1:] for path in sorted(pathlib.Path(folder).iterdir())
         if path.is_file()]
draw = random.Random(20)
with open("big.mbox", "wb") as out:
    for n in range(1500):
        body = draw.choice(seeds)
        if n == 700:
            body = b"Subject: long\n\n" + b"x" * 63 * 20000 + b"\n"
        if n == 701:
            body = b"".join(b"X-%d: =?utf-8?q?=C3=A4?=\n" % i for i in range(30000)) + b"\nmany fields\n"
        if n in (900, 901):
            body = b"Subject: short\n\n"
        out.write(b"From a@b Mon Nov 23 16:34:50 2026\n" + body.replace(b"\nFrom ", b"\n>From ") + b"\n\n")
with tarfile.open("big.tar", "w") as out:
    for n in range(300):
        pathlib.Path("m").write_bytes(draw.choice(seeds) if n % 7 else b"this is no mail\n" * n)
        out.add("m", "%03d.eml" % n)
PYTHON

# same NAME ARGUMENT…: what one thread prints, eight print.
same()
{
    local one=0 many=0

    case_begin "$1"
    shift
    "$mparse" -j 1 "$@" >one.out 2>one.err || one=$?
    "$mparse" -j 8 "$@" >many.out 2>many.err || many=$?
    [ -s one.out ] || fail "nothing was printed"
    expect_same one.out many.out
    expect_same one.err many.err
    expect_equal "exit code" "$one" "$many"
}

for format in tree shape json csv; do
    same "an mbox as $format" -f "$format" big.mbox
    cp many.out file.out
    case_begin "an mbox as $format from a pipe"
    cat big.mbox | "$mparse" -j 8 -f "$format" - 2>pipe.err >pipe.out || true
    "$mparse" -j 1 -f "$format" - <big.mbox >stdin.out 2>/dev/null || true
    expect_same stdin.out pipe.out
    # The name is all that differs.
    expect_same <(sed 's/big\.mbox/-/g' many.err) pipe.err
    expect_same <(sed 's/big\.mbox/-/g' file.out) pipe.out
    statement F-20
done
same "an archive, and files that are no mail" -f json big.tar
same "all kinds of sources, and one that is missing" -f tree --headers all --text --hash md5,sha1 \
    "$mail" gone.eml big.tar "$mail/newsletter.eml" "$MB_SOURCE/tests/fuzz/corpus/scan"
expect_line "gone.eml: cannot be read" many.err

same "both views of an mbox as json" --views scan,gmime -f json big.mbox
same "both views of an mbox as a tree with its text" --views scan,gmime -f tree --text big.mbox

case_begin "what is extracted"
"$mparse" -qj 1 -f shape -x one big.mbox >/dev/null 2>&1 || true
"$mparse" -qj 8 -f shape -x many big.mbox >/dev/null 2>&1 || true
expect_same one/manifest.jsonl many/manifest.jsonl
expect_equal "files" "" "$(diff -rq one many)"
[ "$(wc -l <one/manifest.jsonl)" -gt 500 ] || fail "little was extracted"

case_begin "a database"
"$mparse" -qj 1 -f sqlite -o one.db big.mbox 2>/dev/null || true
"$mparse" -qj 8 -f sqlite -o many.db big.mbox 2>/dev/null || true
expect_same <(sqlite3 one.db .dump) <(sqlite3 many.db .dump)

case_begin "a message that one of many threads cannot print past a full disk"
expect_exit 74 "$mparse" -j 8 -f json -o /dev/full big.mbox
expect_equal "the last words" "mparse: /dev/full: cannot write: No space left on device" \
    "$(tail -n 1 "$T/err")"
statement F-20

case_begin "a reader that goes away: the signal's exit code, nothing half-done is left"
code=0
("$mparse" -j 8 -f json -x gone big.mbox 2>"$T/err" || echo $? >code) | head -c 100000 >/dev/null
code=$(cat code)
expect_equal "exit code" 141 "$code"
expect_no_line "cannot write" "$T/err"
expect_equal "parts half-written" "" "$(find gone -name '.part*')"

corpora=$MB_SOURCE/../shared/corpora
if [ -d "$corpora" ]; then
    for format in tree shape json csv; do
        same "real mail of other projects as $format" -f "$format" "$corpora"
    done
    same "both views of real mail of other projects" --views scan,gmime -f json "$corpora"
fi
