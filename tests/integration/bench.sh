#!/usr/bin/env bash
# mmerge's bench runs through, at a size that takes seconds. No figure is judged here.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/peers.sh
. "$MB_SOURCE/tests/support/peers.sh"

need_peer "mmerge beside its peers" smtp-source || exit 0
need_peer "mmerge beside its peers" msmtp || exit 0

bench_runs()
{
    local line

    expect_exit 0 env BENCH_SCALE=200 BENCH_ROUNDS=1 "$MB_SOURCE/tests/bench/mmerge.sh"
    for line in "first claim to last outcome" "the whole process" "CHUNKING over waiting" \
        "DATA over waiting" "octets/s over smtp-source" "TLS over clear" "main thread" \
        "rsa: processor a signature over openssl speed"; do
        expect_line "$line" "$T/out"
    done
    ! grep -E '(^| )(nan|inf|-[0-9])' "$T/out" || fail "a figure that is none"
}

case_run "mmerge beside its peers" bench_runs
