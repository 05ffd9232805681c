#!/usr/bin/env bash
# Generated messages, seen by the scanner, by GMime and by Python's email: what they see differently has a reason.
# By hand: MB_DIFFER_COUNT=20000 MB_DIFFER_SEED=7.
. "$(dirname "$0")/../support/lib.sh"

case_begin "each difference is explained by a defect or by a line of the table"
expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/differ.py" "$MB_BIN/mparse" \
    "$MB_SOURCE/tests/data/parser-quirks.tsv" "${MB_DIFFER_COUNT:-2000}" "${MB_DIFFER_SEED:-1}"
cat "$T/out"
