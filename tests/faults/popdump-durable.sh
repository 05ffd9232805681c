#!/usr/bin/env bash
# The order in which popdump writes, syncs, renames and removes, read from a trace of its system
# calls: whatever a power failure leaves is a whole archive.
. "$(dirname "$0")/../support/lib.sh"

popdump=$MB_BIN/popdump

need_program "the order of system calls" strace || exit 0

# traced KIND… -- COMMAND…
traced()
{
    local kinds=()

    while [ "$1" != -- ]; do
        kinds+=("$1")
        shift
    done
    shift
    # Leak checking does not work under ptrace.
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" expect_exit 0 strace -f -y -s 300 -o "$T/trace" \
        -e trace=openat,write,fsync,fdatasync,ftruncate,rename,unlink "$@"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/durable-order.py" "$T/trace" "${kinds[@]}"
}

fetch=("$popdump" fetch --server "pop3://u1@127.0.0.1:PORT" --tls off
    --password-file "$T/password" --segment-size 100K)
echo pw >"$T/password"
chmod 600 "$T/password"
"$MB_PYTHON" "$MB_SOURCE/tests/support/archive.py" store "$T/sink/store/new" 120 3
start_mailsink "$T/sink" --store "$T/sink/store"
fetch[3]="pop3://u1@127.0.0.1:$SINK_POP3"

case_begin "fetching and sealing"
traced seal -- "${fetch[@]}" "$T/archive"

case_begin "adopting what an older catalog does not know, cutting what is torn"
rm "$T/archive/catalog.db"
printf 'torn' >>"$(echo "$T"/archive/open/*.tar)"
traced adopt -- "${fetch[@]}" "$T/archive"
expect_exit 0 "$popdump" verify "$T/archive"

case_begin "setting damage aside"
rm "$T/archive/catalog.db"
open=$(echo "$T"/archive/open/*.tar)
printf '\377' | dd of="$open" bs=1 seek=600 conv=notrunc status=none
traced adopt -- "${fetch[@]}" "$T/archive"
[ -n "$(ls "$T/archive/damaged")" ] || fail "nothing in damaged/"
expect_exit 0 "$popdump" verify "$T/archive"

case_begin "finishing a seal"
traced seal -- "$popdump" seal "$T/archive"
expect_exit 0 "$popdump" verify "$T/archive"
stop_background "$SINK_PID"
