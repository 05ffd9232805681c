#!/usr/bin/env bash
# Each system call of `popdump fetch --delete` on each file of the archive fails in turn: no DELE
# before the intent is durable, an exit code that says so, an archive that lists, and a next run that
# brings everything together. `popdump-storage.sh all` tries every call of the catalog too, each once
# and for good (minutes).
. "$(dirname "$0")/../support/lib.sh"

step=25
[ "${1:-}" != all ] || step=1

case_begin "each system call on the archive's files fails in turn"
expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/fail-archive.py" "$MB_BIN/popdump" \
    "$MB_BUILD/tests/libfail-calls.so" "$T" "$step"
cat "$T/out"
statement P-3
