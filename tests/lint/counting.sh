#!/usr/bin/env bash
# What the closing line of tests/run.sh and the shell tests' own ground say is true: a failure, an
# early end, a crash and a missing statement are never counted as passed.
. "$(dirname "$0")/../support/lib.sh"

# log NAME STATUS OUTPUT: a test's block in ctest's log.
log()
{
    printf '1/3 Testing: %s\n1/3 Test: %s\nCommand: "x"\nOutput:\n-----\n%s\n<end of output>\n' \
        "$1" "$1" "$3"
    printf 'Test time = 0.01 sec\n-----\nTest %s\n"%s" end time: now\n-----\n\n' "$2" "$1"
}

counts()
{
    expect_equal "$1" "$2" "$(awk -f "$MB_SOURCE/tests/support/count-tests.awk")"
}

case_begin "check's programs"
log unit-a Passed. '100%: Checks: 12, Failures: 0, Errors: 0' | counts "all passed" "12 0 0"
log unit-a Failed. '60%: Checks: 10, Failures: 3, Errors: 1' | counts "some failed" "6 4 0"
log unit-a Failed. 'Segmentation fault' | counts "no line at all" "0 1 0"
log unit-a Failed. '100%: Checks: 12, Failures: 0, Errors: 0' | counts "leaks at the end" "12 1 0"
case_begin "shell tests"
log lint-a Passed. '3 passed, 0 failed, 1 skipped' | counts "passed" "3 0 1"
log lint-a Skipped. '0 passed, 0 failed, 2 skipped' | counts "skipped" "0 0 2"
log lint-a Failed. 'ok a' | counts "a time-out" "0 1 0"
case_begin "other tests"
log a Passed. 'fine' | counts "passed" "1 0 0"
log a Failed. '' | counts "failed" "0 1 0"
case_begin "several"
{ log a Passed. ''; log b Failed. ''; log c Passed. '100%: Checks: 2, Failures: 0, Errors: 0'; } |
    counts "sum" "3 1 0"
case_begin "nothing"
counts "empty" "0 0 0" </dev/null

# script NAME CODE LINE BODY: a shell test of BODY ends with CODE and the closing LINE.
script()
{
    case_begin "a shell test: $1"
    printf '. "%s/tests/support/lib.sh"\n%s\n' "$MB_SOURCE" "$4" >"$T/inner.sh"
    expect_exit "$2" env -u MB_REQUIRE_SERVERS TMPDIR="$T" MB_STATEMENT_LOG="$T/statements" \
        "$BASH" "$T/inner.sh"
    expect_equal "closing line" "$3" "$(tail -n 1 "$T/out")"
    expect_equal "folders left" "" "$(find "$T" -mindepth 1 -maxdepth 1 -name 'mailbatch-test.*')"
}

script "passes" 0 "2 passed, 0 failed, 0 skipped" 'case_begin a; case_begin b; statement M-1'
case_begin "a statement is logged"
expect_equal "log" "M-1 inner" "$(cat "$T/statements")"
rm "$T/statements"
script "a check fails" 1 "1 passed, 1 failed, 0 skipped" \
    'case_begin a; expect_equal x 1 2; statement M-1; case_begin b'
script "a case of its own fails" 1 "1 passed, 1 failed, 0 skipped" \
    'f() { false; true; }; case_run a f; case_run b true'
script "a command fails" 1 "0 passed, 1 failed, 0 skipped" 'case_begin a; false; statement M-1'
case_begin "a failed case proves nothing"
expect_missing "$T/statements"
script "a variable is unknown" 1 "0 passed, 1 failed, 0 skipped" 'case_begin a; echo $nothing'
script "an early exit" 1 "0 passed, 1 failed, 0 skipped" 'case_begin a; exit 3'
script "no case" 1 "0 passed, 1 failed, 0 skipped" ':'
script "all skipped" 77 "0 passed, 0 failed, 1 skipped" 'skip a because'
script "one skipped" 0 "1 passed, 0 failed, 1 skipped" 'skip a because; case_begin b'
script "the wrong exit code" 1 "0 passed, 1 failed, 0 skipped" 'case_begin a; expect_exit 3 true'
script "a wait in vain" 1 "0 passed, 1 failed, 0 skipped" 'MB_WAIT=0; case_begin a; wait_for false'
script "a child is stopped" 0 "1 passed, 0 failed, 0 skipped" \
    "case_begin a; start_background \$T/log sleep 1000; echo \$STARTED_PID >$T/child"
case_begin "the child is gone"
mb_process_gone "$(cat "$T/child")" || fail "it still runs"

printf 'M-1 required one thing\nM-2 later another\n' >"$T/list"
# statements NAME CODE LOG: check-statements' exit code for a log.
statements()
{
    case_begin "statements: $1"
    printf '%s' "$3" >"$T/proofs"
    expect_exit "$2" "$MB_SOURCE/tools/dev/check-statements" "$T/proofs" "$T/list"
}
statements "all proved" 0 $'M-1 a\nM-2 b\n'
statements "required ones proved" 0 $'M-1 a\nM-1 b\n'
statements "a required one is not" 1 $'M-2 a\n'
statements "an unknown one" 1 $'M-1 a\nM-77 a\n'
