#!/usr/bin/env bash
# The hostile servers, one a row, each with --delete: exit code, DELE, peak memory, seconds, message.
# No crash, no hang, nothing over 64 MiB, no DELE for what is not archived as the server lists it.
. "$(dirname "$0")/../support/lib.sh"

make_certificate "$T/right"
make_certificate "$T/other" DNS:other.example

case_begin "every hostile server is stood up to"
expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/hostile-table.py" "$MB_BIN/popdump" \
    "$MB_SOURCE/tests/support/pop3-hostile.py" "$T" "$T/right" "$T/other" \
    "$MB_BUILD/tests/libfail-calls.so"
cat "$T/out"
statement P-9 P-4
