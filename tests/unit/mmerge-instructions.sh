#!/usr/bin/env bash
# What a message costs mmerge, in instructions: rendered, composed and passed through an SMTP
# session. A slow-down is seen on any machine, however busy. Each figure may grow by a tenth before
# the case fails; who makes it smaller for good lowers it here.
. "$(dirname "$0")/../support/lib.sh"

need_program "instructions a message" valgrind || exit 0

# count CAMPAIGN MODE
count()
{
    valgrind --tool=callgrind --toggle-collect=serve --collect-atstart=yes \
        --callgrind-out-file="$T/callgrind.out" --log-file="$T/callgrind.log" \
        "$MB_BUILD/tests/mmerge-instructions" "$T/$1/letter.txt" "$T/$1/rows.csv" "$2" \
        >"$T/said" || return
    sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$T/callgrind.log"
}

# costs NAME FIGURE MODE FEW MANY [ATTACHMENT]: of MANY rows more than of FEW, a row.
costs()
{
    local name=$1 figure=$2 mode=$3 few=$4 many=$5 rows first last each

    case_begin "$name: at most a tenth more than $figure instructions"
    for rows in "$few" "$many"; do
        mkdir -p "$T/$rows"
        "$MB_PYTHON" "$MB_SOURCE/tests/bench/mmerge-rows.py" "$T/$rows" "$rows" "${@:6}"
    done
    first=$(count "$few" "$mode")
    last=$(count "$many" "$mode")
    each=$(((last - first) / (many - few)))
    echo "  $name: $each"
    [ "$each" -le $((figure * 11 / 10)) ] || fail "$each instructions"
    [ "$each" -ge $((figure / 2)) ] || fail "only $each instructions: is it still the same work?"
}

costs "4 KB of text and HTML, DATA" 112700 data 50 150
costs "4 KB of text and HTML, CHUNKING" 109600 chunking 50 150
costs "256 KiB attached, DATA" 350300 data 4 12 262144
costs "256 KiB attached, CHUNKING" 310700 chunking 4 12 262144
