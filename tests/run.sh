#!/usr/bin/env bash
# Builds and tests mailbatch.
#
#   ./tests/run.sh [KIND…]    unit, integration, faults, lint, fuzz-replay (all of them)
#
# Installs the packages that are missing, builds the preset MB_TEST_PRESET (dev), runs the tests of
# the kinds MB_TEST_JOBS (2) at a time. MB_TEST_EXTRA_PRESETS names presets whose unit tests run as
# well. The last line counts: test cases of check's programs, cases of the shell tests, and every
# other test as one. Exit code: 0 when something ran and nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

kinds=(unit integration faults lint fuzz-replay)
chosen=("${kinds[@]}")
[ $# = 0 ] || chosen=("$@")
for kind in "${chosen[@]}"; do
    case " ${kinds[*]} " in
        *" $kind "*) ;;
        *)
            echo "usage: ./tests/run.sh [${kinds[*]}]…" >&2
            exit 64
            ;;
    esac
done

preset=${MB_TEST_PRESET:-dev}
read -ra extra <<<"${MB_TEST_EXTRA_PRESETS:-}"
jobs=${MB_TEST_JOBS:-2}

# shellcheck source=tests/support/sanitizers.sh
. tests/support/sanitizers.sh
tools/dev/setup.sh

mkdir -p build
export MB_STATEMENT_LOG=$PWD/build/statements.log
: >"$MB_STATEMENT_LOG"

# quietly LOG COMMAND…: what it prints is shown when it fails, and warnings in any case.
quietly()
{
    local log=$1

    shift
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "failed: $*" >&2
        return 1
    fi
    grep 'warning:' "$log" >&2 || true
}

passed=0 failed=0 skipped=0

build()
{
    local dir=build/$1

    mkdir -p "$dir"
    echo "building $dir"
    quietly "$dir/configure.log" cmake --preset "$1" -DMAILBATCH_TESTS=ON -DMAILBATCH_WERROR=ON &&
        quietly "$dir/build.log" cmake --build --preset "$1" -j "$jobs"
}

# run_tests PRESET KIND…
run_tests()
{
    local dir=build/$1 log=build/$1/Testing/Temporary/LastTest.log labels counts

    shift
    labels=$(printf '|%s' "$@")
    echo "testing $dir: $*"
    rm -f "$log"
    ctest --test-dir "$dir" -j "$jobs" -L "^(${labels#|})\$" --output-on-failure \
        --test-output-size-passed 1000000 --test-output-size-failed 1000000 || true
    [ -e "$log" ] || return 0
    counts=$(awk -f tests/support/count-tests.awk "$log")
    read -r -a counts <<<"$counts"
    passed=$((passed + counts[0]))
    failed=$((failed + counts[1]))
    skipped=$((skipped + counts[2]))
}

finish()
{
    if [ $((passed + failed)) = 0 ]; then
        echo "no test ran" >&2
        failed=1
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
}

for name in "$preset" "${extra[@]}"; do
    if ! build "$name"; then
        failed=1
        finish
        exit 1
    fi
done
run_tests "$preset" "${chosen[@]}"
for name in "${extra[@]}"; do
    case " ${chosen[*]} " in
        *" unit "*) run_tests "$name" unit ;;
    esac
done

if [ "${#chosen[@]}" = "${#kinds[@]}" ]; then
    if tools/dev/check-statements "$MB_STATEMENT_LOG"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
fi
finish
