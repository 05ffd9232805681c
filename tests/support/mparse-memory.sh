# What the tests of mparse's memory have in common. Sourced after lib.sh; goes into $T.
#
#   $most                      the MiB that mparse may take; of the address space sanitizers take, nothing can be said
#   $sanitized                 not empty in a build with sanitizers
#   stays_small MiB COMMAND…   its largest resident set; sets CODE; its output is in out and err
# shellcheck shell=bash
# shellcheck disable=SC2034 # they are the tests'

mparse=$MB_BIN/mparse
cd "$T" || exit
most=128 sanitized=
if grep -q '^MAILBATCH_SANITIZE:.*=.' "$MB_BUILD/CMakeCache.txt" 2>/dev/null; then
    most=2000 sanitized=yes
fi

stays_small()
{
    local limit=$1 used

    shift
    "$MB_PYTHON" - "$@" >used <<'PYTHON'
import resource, subprocess, sys

code = subprocess.run(sys.argv[1:], stderr=open("err", "wb"), stdout=open("out", "wb")).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PYTHON
    read -r CODE used <used
    echo "  $used MiB, exit code $CODE"
    [ "$used" -lt "$limit" ] || fail "$used MiB"
    [ "$CODE" -le 2 ] || fail "exit code $CODE: $(tail -n 3 err)"
}
