#!/usr/bin/env bash
# What mparse makes of the values inside messages: what is said twice, hidden, elsewhere, or a lie.
. "$(dirname "$0")/../support/lib.sh"

# values TABLE
values()
{
    mkdir -p "$T/$1"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/values.py" "$MB_BIN/mparse" "$T/$1" "$1"
    cat "$T/out"
}

case_begin "encodings, types and boundaries that are said twice, or oddly"
values encodings
values types
values boundaries
statement F-2

case_begin "encoded-words and addresses that lie"
values addresses
statement F-14

case_begin "what is elsewhere is listed and never fetched; fragments are joined only when complete"
values external
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    values traced
fi
values partial
statement F-15

case_begin "names of files"
values names
statement F-16

case_begin "content by its bytes, by type and by extension; what is encrypted; depth, entries, ratio"
values kinds
values encrypted
mkdir -p "$T/limits"
expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/sources.py" "$MB_BIN/mparse" "$T/limits" limits
cat "$T/out"
statement F-17

case_begin "hops, their time and their order"
values hops

case_begin "what another parser sees"
values views
