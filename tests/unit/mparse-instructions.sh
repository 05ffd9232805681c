#!/usr/bin/env bash
# What a byte of ordinary mail costs mparse, in instructions, so that a slow-down is seen on any
# machine, however busy. Each figure may grow by a tenth before the case fails; who makes it smaller
# for good lowers it here. (valgrind has no SHA instructions: digests are left out.)
. "$(dirname "$0")/../support/lib.sh"

need_program "instructions a byte" valgrind || exit 0
cd "$T"
for messages in 100 400; do
    "$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-mail.py" $messages.mbox $messages
done

# count FORMAT MESSAGES
count()
{
    local code=0

    valgrind --tool=callgrind --callgrind-out-file=callgrind.out --log-file=callgrind.log \
        "$MB_BIN/mparse" -qj 1 -f "$1" -o /dev/null "$2.mbox" || code=$?
    [ "$code" -le 2 ] || fail "exit code $code"
    sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' callgrind.log
}

# costs FORMAT FIGURE: instructions for ten bytes.
costs()
{
    local few many each bytes

    case_begin "$1: at most a tenth more than $2 instructions for ten bytes"
    few=$(count "$1" 100)
    many=$(count "$1" 400)
    bytes=$(($(stat -c %s 400.mbox) - $(stat -c %s 100.mbox)))
    each=$(((many - few) * 10 / bytes))
    echo "  $1: $each"
    [ "$each" -le $(($2 * 11 / 10)) ] || fail "$each instructions"
    [ "$each" -ge $(($2 / 2)) ] || fail "only $each instructions: is it still the same work?"
}

costs shape 49
costs json 1545
costs csv 1240
