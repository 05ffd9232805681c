#!/usr/bin/env bash
# The ledger's disk and clock fail: each system call on its files in turn, a disk that is full, another boot, a clock
# that was set back, another process, a folder that may not be written. Nobody is mailed twice, the error says why, and
# the next run goes on. `mmerge-storage.sh all` has more rows and disturbs every call (minutes).
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/mmerge.sh
. "$(dirname "$0")/../support/mmerge.sh"

export FAIL_CALLS=$MB_BUILD/tests/libfail-calls.so
full=
[ "${1:-}" != all ] || full=1

make_certificate "$T/cert"

# fresh [MAILSINK-ARG…]: an empty store, an empty folder to work in, the letter and a list of six.
fresh()
{
    cd "$T"
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    rm -rf sink here
    mkdir sink here
    cp "$T/cert/"*.pem sink
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
    cd here
    cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }}.
LETTER
    printf '%s\n' name,email Ann,ann Bob,bob Eva,eva Ida,ida Max,max Pia,pia |
        sed '2,$s/$/@example.net/' >people.csv
}

send()
{
    "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait 0 "$@" letter people.csv
}

# preloaded VARIABLE=VALUE… COMMAND…: with fail-calls' settings.
preloaded()
{
    env LD_PRELOAD="$FAIL_CALLS" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$@"
}

mailed_at_least()
{
    [ "$(mailed | wc -w)" -ge "$1" ]
}

# A run of which the end of every message is handed over and no reply comes, killed.
killed_in_doubt()
{
    start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --quiet \
        --window 3 letter people.csv
    wait_for mailed_at_least "$1"
    kill -KILL "$STARTED_PID"
    wait "$STARTED_PID" 2>/dev/null || true
}

case_begin "a system call on the ledger's files fails, each in turn"
if [ -n "$full" ]; then
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/endure.py" storage "$T/all" --rows 400
    cat "$T/out"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/endure.py" storage "$T/each" --rows 12
else
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/endure.py" storage "$T/each" --rows 12 --runs 160
fi
cat "$T/out"

if need_root "the disk is full"; then
    case_begin "the disk is full: it says so, and goes on when there is room"
    mkdir "$T/small"
    mb_code=0
    trap 'mb_code=$?; set +e; umount "$T/small" 2>/dev/null || true; (exit "$mb_code"); mb_finish' EXIT
    mount -t tmpfs -o size=3m tmpfs "$T/small"
    full_at=()
    for free in 0 8 40 120 160 200 240 320 400 500 600 700 900; do
        fresh
        awk 'BEGIN { print "name,email"; for (i = 1; i <= 1500; i++) printf "P%d,p%d@example.net\n", i, i }' >people.csv
        head -c $((3072 - free))k /dev/zero >"$T/small/ballast"
        code=0
        send --quiet --ledger "$T/small/ledger.db" >"$T/out" 2>"$T/err" || code=$?
        if [ "$code" != 0 ]; then
            full_at+=("$free")
            [ "$code" = 73 ] || [ "$code" = 74 ] || fail "$free KiB free: exit code $code"
            grep -qE 'small/ledger\.db.*(full|No space left)' "$T/err" || fail "$free KiB free: $(cat "$T/err")"
            expect_one_line "$T/err"
        fi
        rm "$T/small/ballast"
        expect_exit 0 send --quiet --ledger "$T/small/ledger.db"
        mailed | tr ' ' '\n' >"$T/arrived"
        expect_equal "$free KiB free: who has mail" 1500 "$(wc -l <"$T/arrived")"
        expect_equal "$free KiB free: mailed twice" "" "$(uniq -d "$T/arrived")"
        rm -f "$T/small/ledger.db"*
    done
    umount "$T/small"
    echo "  full with ${full_at[*]} KiB free" >&2
    [ "${#full_at[@]}" -ge 6 ] || fail "it was full ${#full_at[@]} times only"
fi

if need_root "another boot"; then
    case_begin "killed, and started again on the same boot: what has no mark is free"
    fresh --hide CHUNKING --fault <(echo 'smtp mail 3 silence')
    killed_in_doubt 2
    expect_equal "in doubt" "" "$(in_state in-doubt)"
    case_begin "killed, and another boot: every open claim is in doubt"
    echo 11111111-2222-3333-4444-555555555555 >"$T/boot_id"
    another_boot()
    {
        unshare -m bash -c 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"' "$T/boot_id" "$@"
    }
    # Sent by the marks of this boot; of another, what the ledger itself does not hold as sent.
    expect_exit 0 another_boot "$MB_BIN/mmerge" status --json --state in-doubt people.csv.mmerge.db
    expect_equal "in doubt as another boot tells it" 6 "$(wc -l <"$T/out")"
    stop_background "$SINK_PID"
    before=$(mailed)
    start_mailsink "$T/sink" --store "$T/sink/store"
    expect_exit 75 another_boot "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait 0 \
        letter people.csv
    expect_equal "who has mail" "$before" "$(mailed)"
    expect_equal "in doubt" "ann bob eva ida max pia" "$(in_state in-doubt)"
    expect_exit 75 send
    expect_equal "who has mail" "$before" "$(mailed)"
fi

case_begin "the marks are gone: every open claim is in doubt"
fresh --hide CHUNKING --fault <(echo 'smtp mail 3 silence')
killed_in_doubt 2
rm people.csv.mmerge.db.marks
expect_equal "in doubt" "ann bob eva ida max pia" "$(in_state in-doubt)"
before=$(mailed)
expect_exit 75 send
expect_equal "who has mail" "$before" "$(mailed)"

# set_clock SECONDS: from now on the runs with FAIL_CALLS_CLOCK are so far from the true time.
set_clock()
{
    echo "$1" >"$T/clock.new"
    mv "$T/clock.new" "$T/clock"
}

clocked()
{
    preloaded FAIL_CALLS_CLOCK="$T/clock" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off "$@" \
        letter people.csv
}

case_begin "the clock goes back a year between two runs: nobody waits a year, nobody is mailed twice"
fresh --fault <(echo 'smtp rcpt 2 451 later')
set_clock 0
expect_exit 75 clocked --wait 0
set_clock -31536000
expect_exit 0 clocked --wait 0 --rate 100/second
expect_equal "who has mail" "ann bob eva ida max pia" "$(mailed)"
expect_exit 0 clocked --wait 0

# set_back SECONDS WAIT: the clock changes while a deferred row is waited for; sets `code` and `took`.
set_back()
{
    fresh --fault <(echo "$3")
    set_clock 0
    took=$SECONDS
    start_background "$T/run.log" env LD_PRELOAD="$FAIL_CALLS" FAIL_CALLS_CLOCK="$T/clock" \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" "$MB_BIN/mmerge" send \
        --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait "$2" letter people.csv
    wait_for mailed_at_least 5
    sleep 0.3 # the reply to the last of them
    set_clock "$1"
    code=0
    timeout 40 tail --pid="$STARTED_PID" -f /dev/null || fail "still waiting after 40 seconds"
    kill "$STARTED_PID" 2>/dev/null || true
    wait "$STARTED_PID" || code=$?
    took=$((SECONDS - took))
}

case_begin "the clock goes back a year while a row is waited for: it is tried at once"
set_back -31536000 10m 'smtp rcpt 2 451 later'
expect_equal "exit code" 0 "$code"
expect_equal "who has mail" "ann bob eva ida max pia" "$(mailed)"

case_begin "the clock goes back an hour while a row is waited for: --wait ends all the same"
set_back -3600 10m 'smtp rcpt 2 451 later'
expect_equal "exit code" 75 "$code"
expect_equal "who has mail" "ann eva ida max pia" "$(mailed)"
set_clock 0
expect_equal "deferred" bob "$(in_state deferred)"

case_begin "a second process on the same ledger is turned away"
fresh --fault <(echo 'smtp mail 3 silence')
start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off letter people.csv
wait_for mailed_at_least 2
expect_exit 75 send
expect_line "in use by another process" "$T/err"
expect_exit 75 "$MB_BIN/mmerge" resolve --sent people.csv people.csv.mmerge.db
expect_exit 0 "$MB_BIN/mmerge" status people.csv.mmerge.db
kill -KILL "$STARTED_PID"
wait "$STARTED_PID" 2>/dev/null || true
expect_equal "who has mail" "ann bob" "$(mailed)"

case_begin "on a network file system a rollback journal is used, and said"
fresh
expect_exit 0 preloaded FAIL_CALLS_PREFIX="$PWD/people.csv.mmerge.db" FAIL_CALLS_FSTYPE=0x6969 \
    FAIL_CALLS_LOG="$T/calls" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait 0 --verbose \
    --ledger "$PWD/people.csv.mmerge.db" letter people.csv
expect_line "rollback journal" "$T/err"
expect_no_line "db-wal" "$T/calls"
expect_equal "who has mail" "ann bob eva ida max pia" "$(mailed)"
expect_exit 0 send
expect_equal "who has mail" "ann bob eva ida max pia" "$(mailed)"
