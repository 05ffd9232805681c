# Ground of the benches, over tests/support/lib.sh. A bench compares programs on the same work, one
# after the other and round after round, so that what else goes on in the machine meets all of them;
# the median of the rounds counts. It asserts no time: it prints, ratios first.
#
#     #!/usr/bin/env bash
#     . "$(dirname "$0")/lib.sh"
#
#   bench_rounds NAME…         for each NAME the function run_NAME is called BENCH_ROUNDS times (5),
#                              taking turns. Measured are its wall, user and system seconds (those
#                              of all that it waited for); prepare_NAME, where there is such a
#                              function, is called before each, outside the clock
#   bench_note NAME WHAT VALUE a figure of the run under way that NAME itself tells (seconds …)
#   bench_median NAME WHAT     wall, user, sys, cpu (user + sys), or what was noted
#   bench_ratio TEXT A B [AIM] prints A / B (figures), and the ratio that is aimed at
#   bench_rate COUNT SECONDS   COUNT / SECONDS
#   bench_heads TEXT…          the head of a table of the medians;
#   bench_row TEXT NAME [COUNT]  its rows, with COUNT / wall as last column
#
# Programs are taken from the release build: MB_BIN names another folder.
# shellcheck shell=bash

MB_BUILD=${MB_BUILD:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/build/release}
# shellcheck source=tests/support/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lib.sh"
# shellcheck source=tests/support/peers.sh
. "$MB_SOURCE/tests/support/peers.sh"

BENCH_ROUNDS=${BENCH_ROUNDS:-5}
mkdir "$T/bench"

bench_note()
{
    echo "$3" >>"$T/bench/$1.$2"
}

bench_once()
{
    local name=$1 wall user sys TIMEFORMAT='%3R %3U %3S'

    ! declare -F "prepare_$name" >/dev/null || "prepare_$name"
    { time "run_$name" >"$T/bench/out" 2>"$T/bench/err"; } 2>"$T/bench/time" || {
        tail -n 20 "$T/bench/out" "$T/bench/err" >&2
        fail "$name did not run"
        exit 1
    }
    read -r wall user sys <"$T/bench/time"
    bench_note "$name" wall "$wall"
    bench_note "$name" user "$user"
    bench_note "$name" sys "$sys"
    bench_note "$name" cpu "$(awk "BEGIN { print $user + $sys }")"
}

bench_rounds()
{
    local round name

    for ((round = 1; round <= BENCH_ROUNDS; round++)); do
        for name in "$@"; do
            bench_once "$name"
        done
    done
}

bench_median()
{
    sort -g "$T/bench/$1.$2" | awk '
        { value[NR] = $1 }
        END { print NR % 2 ? value[(NR + 1) / 2] : (value[NR / 2] + value[NR / 2 + 1]) / 2 }'
}

bench_rate()
{
    awk "BEGIN { s = $2; printf \"%.0f\n\", (s > 0 ? $1 / s : 0) }"
}

bench_ratio()
{
    awk -v text="$1" -v a="$2" -v b="$3" -v aim="${4:-}" 'BEGIN {
        printf "%-64s %6.2f%s\n", text, (b > 0 ? a / b : 0), (aim != "" ? "   (aim: " aim ")" : "")
    }'
}

bench_heads()
{
    printf '%-36s %9s %9s %9s %12s\n' "$1" "wall s" "user s" "sys s" "${2:-}"
}

bench_row()
{
    local wall

    wall=$(bench_median "$2" wall)
    printf '%-36s %9.3f %9.3f %9.3f %12s\n' "$1" "$wall" "$(bench_median "$2" user)" \
        "$(bench_median "$2" sys)" "$([ -z "${3:-}" ] || bench_rate "$3" "$wall")"
}
