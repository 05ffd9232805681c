#!/usr/bin/env bash
# mparse beside mblaze's mshow and Python's email, on one mailbox.
#
#   tests/bench/mparse.sh [MBOX]
#
# The mailbox is ten times MBOX, or ten times shared/corpora/perf/spamassassin.mbox beside the
# project's folder, or one of BENCH_MESSAGES (60000) generated mails. mshow and Python get the same
# messages, each in a file of its own. BENCH_ROUNDS are the rounds (5).
. "$(dirname "$0")/lib.sh"

mparse=$MB_BIN/mparse
seed=${1:-$MB_SOURCE/../shared/corpora/perf/spamassassin.mbox}

if [ -e "$seed" ]; then
    for _ in {1..10}; do
        cat "$seed"
    done >"$T/mail.mbox"
else
    "$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-mail.py" "$T/mail.mbox" "${BENCH_MESSAGES:-60000}"
fi
mkdir "$T/files"
"$MB_PYTHON" - "$T/mail.mbox" "$T/files" <<'PYTHON'
import re, sys

mail = open(sys.argv[1], "rb").read()
starts = [match.start(1) for match in re.finditer(rb"(?:\A|\n\n)(From \S+ +\w{3} .*\n)", mail)] + [len(mail)]
for n, (start, end) in enumerate(zip(starts, starts[1:])):
    with open("%s/%06d" % (sys.argv[2], n), "wb") as out:
        out.write(mail[mail.index(b"\n", start) + 1:end])
PYTHON
find "$T/files" -type f | sort >"$T/list"
bytes=$(stat -c %s "$T/mail.mbox")
messages=$(wc -l <"$T/list")

# What mparse finds wrong with the mail is not the bench's matter.
finds()
{
    local code=0

    "$mparse" -q "$@" "$T/mail.mbox" >/dev/null || code=$?
    [ "$code" -le 2 ]
}
run_shape1() { finds -f shape -j 1; }
run_shape2() { finds -f shape -j 2; }
run_json1() { finds -f json -j 1; }
run_json2() { finds -f json -j 2; }
run_csv2() { finds -f csv -j 2; }
run_mshow() { xargs -n 200000 "$mshow" -t <"$T/list" >/dev/null; }
run_python()
{
    "$MB_PYTHON" -c '
import email, sys
for line in open(sys.argv[1]):
    with open(line.rstrip("\n"), "rb") as file:
        for part in email.message_from_binary_file(file).walk():
            part.get_content_type()' "$T/list"
}

names=(shape1 shape2 json1 json2 csv2)
if need_peer "mshow of mblaze" mshow; then
    mshow=$PEER
    names+=(mshow)
fi
case_begin "speed beside mshow and Python"
xargs cat "$T/mail.mbox" <"$T/list" >/dev/null
bench_rounds "${names[@]}"
BENCH_ROUNDS=1 bench_rounds python

median() { bench_median "$1" wall; }
echo "$messages messages, $bytes bytes; medians of $BENCH_ROUNDS rounds, Python once"
if [ -n "${mshow:-}" ]; then
    bench_ratio "mshow -t / mparse -f shape, one thread" "$(median mshow)" "$(median shape1)" 4
    bench_ratio "mshow -t / mparse -f shape, two threads" "$(median mshow)" "$(median shape2)"
    bench_ratio "mshow -t / mparse -f json, one thread" "$(median mshow)" "$(median json1)" 1
    bench_ratio "mshow -t / mparse -f json, two threads" "$(median mshow)" "$(median json2)" 1
fi
bench_ratio "Python's email / mparse -f shape, one thread" "$(median python)" "$(median shape1)" 25
bench_ratio "mparse -f json, one thread / two threads" "$(median json1)" "$(median json2)" 1.7
echo
bench_heads "" messages/s
bench_row "mparse -f shape -j 1" shape1 "$messages"
bench_row "mparse -f shape -j 2" shape2 "$messages"
bench_row "mparse -f json -j 1" json1 "$messages"
bench_row "mparse -f json -j 2" json2 "$messages"
bench_row "mparse -f csv -j 2" csv2 "$messages"
[ -z "${mshow:-}" ] || bench_row "mshow -t (one thread)" mshow "$messages"
bench_row "Python's email, walk" python "$messages"
