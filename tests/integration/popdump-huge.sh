#!/usr/bin/env bash
# A huge message between two small ones: memory stays flat, the member is right and any tar takes it.
#
#   popdump-huge.sh [MIB [OPTION…]]     200; 5000 for the full figure
. "$(dirname "$0")/../support/lib.sh"

mib=${1:-200}
shift || true
popdump=$MB_BIN/popdump

echo pw >"$T/password"
chmod 600 "$T/password"
export HUGE_MIB=$mib
start_background "$T/server.log" "$MB_PYTHON" "$MB_SOURCE/tests/support/pop3-hostile.py" "$T/ready" retr-huge
wait_for test -s "$T/ready"

# measured COMMAND…: sets PEAK, in KiB
measured()
{
    expect_exit 0 "$MB_PYTHON" -c '
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss, file=open(sys.argv[1], "w"))
sys.exit(os.waitstatus_to_exitcode(status))' "$T/peak" "$@"
    PEAK=$(cat "$T/peak")
    echo "  $2: peak $((PEAK / 1024)) MiB"
    ldd "$popdump" | grep -q asan || [ "$PEAK" -lt 65536 ] || fail "$2 took $PEAK KiB"
}

case_begin "$mib MiB: fetched within 64 MiB of memory"
seconds=$SECONDS
measured "$popdump" fetch --server "pop3://u1@127.0.0.1:$(cat "$T/ready")" --tls off \
    --password-file "$T/password" "$@" "$T/archive"
echo "  $((SECONDS - seconds)) s"
statement P-7

case_begin "$mib MiB: sealed and verified within 64 MiB"
measured "$popdump" seal "$T/archive"
measured "$popdump" verify "$T/archive"

case_begin "$mib MiB: the member is right, and GNU tar takes it"
want=$(sed -n 's/^sha256 //p' "$T/server.log")
expect_exit 0 "$popdump" list --json "$T/archive"
expect_line "$want" "$T/out"
name=$(sed -n "/$want/s/.*\"member\":\"\([^\"]*\)\".*/\1/p" "$T/out")
for segment in "$T"/archive/seg/*.tar*; do
    case $segment in *.jsonl) continue ;; esac
    tar tf "$segment" >"$T/names" 2>"$T/tar.err"
    expect_equal "warnings of tar" "" "$(cat "$T/tar.err")"
    grep -qxF "$name" "$T/names" || continue
    expect_equal "digest by tar" "$want" "$(tar xOf "$segment" "$name" | sha256sum | cut -d ' ' -f 1)"
    found=1
done
[ -n "${found:-}" ] || fail "no segment holds $name"
