#!/usr/bin/env bash
# The newcomer's script in a fresh clone on a bare Debian 12, everything installed and built there.
# Takes minutes, so it is run where the real servers are required (CI), or with MB_BARE_ROOT=1.
. "$(dirname "$0")/../support/lib.sh"

name="quickstart on a bare Debian"

bare_quickstart()
{
    folder=$(mktemp -d "$MB_SOURCE/build/newcomer.XXXXXX")
    expect_exit 0 env MB_BARE_FOLDER="$folder" "$MB_SOURCE/tools/dev/bare-root.sh"
    expect_line "[7/7] " "$T/out"
    expect_line "came back byte for byte" "$T/out"
    expect_exit 0 rmdir "$folder"
}

if [ -z "${MB_REQUIRE_SERVERS:-}${MB_BARE_ROOT:-}" ]; then
    skip "$name" "takes minutes; CI runs it, and so does MB_BARE_ROOT=1"
elif need_root "$name" && need_program "$name" debootstrap && need_program "$name" git; then
    case_run "$name" bare_quickstart
fi
