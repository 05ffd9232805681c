#!/usr/bin/env bash
# Writes and syncs of `mmerge send` fail, or are the last thing the process does, each in a run of its own: who is mailed
# stands in the ledger before, nobody is mailed twice, and the next runs reach everybody who is not in doubt.
. "$(dirname "$0")/../support/lib.sh"

rows=12

need_program "failing system calls" strace || exit 0

cd "$T"
cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: <{{ email }}>
Subject: {{ email }}

Dear {{ email }}.
LETTER
{ echo email && seq -f 'p%g@example.net' "$rows"; } >people.csv
make_certificate "$T/cert"
mkdir sink
cp "$T/cert/"*.pem sink
start_mailsink "$T/sink" --store "$T/sink/store"

# traced CALLS [STRACE-ARG…]: a run under strace; its exit code is the function's.
traced()
{
    # Leak checking does not work under ptrace.
    ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0" timeout 60 \
        strace -f -y -qq -s 200 -o "$T/trace" -e "trace=$1" "${@:2}" \
        "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --ledger ledger.db \
        --quiet --wait 0 letter people.csv >"$T/out" 2>"$T/err"
}

mailed()
{
    { sed 's/.*"recipients":\["\([^"]*\)".*/\1/' "$T/sink/store/envelopes.jsonl" || true; } \
        2>/dev/null | sort
}

in_state()
{
    "$MB_BIN/mmerge" status --json --state "$1" ledger.db | sed 's/^{"address":"\([^"]*\)".*/\1/' | sort
}

# After the run that met with an accident: another reaches all but those in doubt.
check_resume()
{
    local code=0

    "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --ledger ledger.db --quiet \
        --wait 0 letter people.csv >"$T/out" 2>"$T/err" || code=$?
    mailed >arrived
    in_state in-doubt >doubt
    in_state sent >sent
    expect_equal "$1: mailed twice" "" "$(uniq -d arrived)"
    expect_equal "$1: sent and in doubt" "$rows" "$(cat sent doubt | wc -l)"
    expect_equal "$1: sent, but not arrived" "" "$(comm -23 sent arrived)"
    expect_equal "$1: exit code" "$([ -s doubt ] && echo 75 || echo 0)" "$code"
}

# each_call CALL ACTION STEP: the first, then every STEP-th, until the run gets through untouched.
each_call()
{
    local call=$1 action=$2 step=$3 when code runs=0

    case_begin "$call, $action, each in turn"
    for ((when = 1; ; when += step)); do
        rm -f ledger.db*
        : >"$T/sink/store/envelopes.jsonl"
        code=0
        (traced "$call" -e "inject=$call:$action:when=$when") 2>/dev/null || code=$?
        if [ "$action" = signal=KILL ]; then
            [ "$code" = 137 ] || break
        else
            grep -q INJECTED "$T/trace" || break
            [ "$code" -lt 128 ] || fail "number $when: exit code $code"
        fi
        runs=$((runs + 1))
        check_resume "number $when"
    done
    [ "$runs" -gt 1 ] || fail "only $runs runs were disturbed"
    echo "  $runs runs disturbed" >&2
}

case_begin "a claim is on the disk before a message's first byte leaves"
expect_exit 0 traced pwrite64,fdatasync,write,sendto,writev,sendmsg
verdict=$(awk '/pwrite64\(.*ledger\.db-wal/ { dirty = 1 } /fdatasync\(.*ledger\.db-wal/ { dirty = 0 }
    /MAIL FROM/ { print dirty ? "not on the disk" : "on the disk"; exit }' "$T/trace")
expect_equal "the write-ahead log at the first MAIL" "on the disk" "$verdict"

each_call pwrite64 signal=KILL 3
each_call pwrite64 error=ENOSPC 3
each_call fdatasync error=EIO 1
each_call fdatasync signal=KILL 1
each_call write signal=KILL 2
