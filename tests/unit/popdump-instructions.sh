#!/usr/bin/env bash
# What a message of 5 KB costs popdump, in instructions: received, un-stuffed, hashed, into the
# segment and the catalog. A slow-down is seen on any machine, however busy. The figure may grow by a
# tenth before the case fails; who makes it smaller for good lowers it here.
. "$(dirname "$0")/../support/lib.sh"

need_program "instructions a message" valgrind || exit 0

figure=${1:-231100}

# instructions MAILS
instructions()
{
    rm -rf "$T/archive" "$T/store"
    mkdir -p "$T/store/new"
    for ((number = 1; number <= $1; number++)); do
        printf 'Date: 1 Mar 2021 10:00:00 +0000\r\nSubject: mail %04d\r\n\r\n%s' "$number" "$body" \
            >"$T/store/new/$number.eml"
    done
    start_mailsink "$T/sink" --store "$T/store"
    expect_exit 0 valgrind --tool=callgrind --callgrind-out-file="$T/callgrind.out" \
        --log-file="$T/callgrind.log" "$MB_BIN/popdump" fetch --tls off --auth USER \
        --server "pop3://u1@127.0.0.1:$SINK_POP3" --password-file "$T/password" "$T/archive"
    stop_background "$SINK_PID"
    COLLECTED=$(sed -n 's/.*Collected : *\([0-9]*\).*/\1/p' "$T/callgrind.log")
}

echo pw >"$T/password"
chmod 600 "$T/password"
body=$(for _ in {1..70}; do printf '%076d\r\n' 7; done)
case_begin "5 KB: at most a tenth more than $figure instructions"
instructions 128
few=$COLLECTED
instructions 640
each=$(((COLLECTED - few) / 512))
echo "  $each"
[ "$each" -le $((figure * 11 / 10)) ] || fail "$each instructions"
[ "$each" -ge $((figure / 2)) ] || fail "only $each instructions: is it still the same work?"
