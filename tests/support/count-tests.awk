# Counts the test cases in ctest's LastTest.log; prints "PASSED FAILED SKIPPED".
#
# A test that counts its own cases (check's "Checks: N, Failures: N, Errors: N", the shell tests'
# "N passed, N failed, N skipped") is taken at its word; any other is one case. A test that ctest
# holds as failed, though its own count knows of no failure (a time-out, a crash), is one failure.

function flush()
{
    if (name == "")
        return
    if (status == "Failed" && own_failed == 0)
        own_failed = 1
    else if (status == "Passed" && !counted)
        own_passed = 1
    else if (status == "Skipped" && !counted)
        own_skipped = 1
    passed += own_passed
    failed += own_failed
    skipped += own_skipped
    name = ""
}

/^[0-9]+\/[0-9]+ Testing: / {
    flush()
    name = $3
    status = "Failed"
    counted = own_passed = own_failed = own_skipped = 0
}

match($0, /Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/) {
    split(substr($0, RSTART, RLENGTH), field, /[^0-9]+/)
    own_passed += field[2] - field[3] - field[4]
    own_failed += field[3] + field[4]
    counted = 1
}

/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/ {
    own_passed += $1
    own_failed += $3
    own_skipped += $5
    counted = 1
}

/^Test (Passed|Failed|Skipped)\.?/ { status = $2; sub(/\./, "", status) }

END {
    flush()
    print passed + 0, failed + 0, skipped + 0
}
