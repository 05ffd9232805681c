#!/usr/bin/env bash
# Messages out of everything that holds some, one in another, by content; and what is broken among them.
. "$(dirname "$0")/../support/lib.sh"

# sources CHECK
sources()
{
    mkdir -p "$T/$1"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/sources.py" "$MB_BIN/mparse" "$T/$1" "$1"
    cat "$T/out"
}

case_begin "tar, zip and 7z in each other, packed in every way, from a file and from a pipe"
sources nested

case_begin "every address is accepted back"
sources addresses

case_begin "mbox dialects, inferred and by word"
sources dialects

case_begin "a broken item is said, and the next one goes on"
sources broken

case_begin "encrypted entries are named"
sources locked

case_begin "popdump's archive: each message once"
sources popdump
