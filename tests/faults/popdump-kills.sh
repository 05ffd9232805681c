#!/usr/bin/env bash
# popdump killed again and again while it fetches, and started again each time: nothing is lost,
# nothing stands twice, any tar lists the archive, and (from Dovecot, which counts) a kill costs at
# most one batch. From mailsink where there is no root.
#
# MB_KILLS=200 MB_MAILS=10000 for the full figure.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/servers.sh"

kills=${MB_KILLS:-12}
mails=${MB_MAILS:-2500}
seed=${MB_SEED:-$RANDOM}
tool=$MB_SOURCE/tests/support/archive.py

few=3500

# ---- from mailsink ----

# begin_fetch PORT ARCHIVE, in the background with a log: sets STARTED_PID
begin_fetch()
{
    start_background "$T/killed.log" "$MB_BIN/popdump" fetch --segment-size 3M \
        --server "pop3s://u1@localhost:$1" --tls-trust "$CA_FILE" --password-file "$T/password" "$2"
}

# Octets written so far, about: sealed segments have 3 MiB each before they are compressed.
archived_octets()
{
    local file number=1 size=0

    for file in "$1"/open/*.tar; do
        [ -e "$file" ] || break
        number=$(basename "$file" .tar)
        size=$(stat -c %s "$file" 2>/dev/null) || size=0
    done
    echo $(((10#$number - 1) * 3 * 1048576 + size))
}

# grown_to OCTETS ARCHIVE
grown_to()
{
    [ "$(archived_octets "$2")" -ge "$1" ] || mb_process_gone "$STARTED_PID"
}

# Kills a fetch once the archive has grown by a random piece; its code says that it was under way.
kill_once()
{
    local had more code=0

    had=$(archived_octets "$2")
    more=$((20000 + RANDOM * 50))
    begin_fetch "$@"
    wait_for grown_to $((had + more)) "$2"
    kill -KILL "$STARTED_PID" 2>/dev/null || true
    wait "$STARTED_PID" 2>/dev/null || code=$?
    expect_equal "exit code of the killed fetch" 137 "$code"
    echo "  killed at $(archived_octets "$2") octets" >&2
}

# three_kills NAME PORT ARCHIVE ORIGINALS
three_kills()
{
    local name=$1 port=$2 archive=$3 originals=$4 segment total=0
    local fetch=("$MB_BIN/popdump" fetch --server "pop3s://u1@localhost:$port" --segment-size 3M
        --tls-trust "$CA_FILE" --password-file "$T/password" "$archive")

    case_begin "$name: three kills within $few messages, then a fetch to the end"
    for _ in 1 2 3; do
        kill_once "$port" "$archive"
    done
    expect_exit 0 "${fetch[@]}"
    expect_no_line "left on the server" "$T/out"

    case_begin "$name: popdump verify is clean"
    expect_exit 0 "$MB_BIN/popdump" verify "$archive"

    case_begin "$name: every message once, byte for byte"
    expect_exit 0 "$MB_PYTHON" "$tool" compare "$archive" "$originals"
    expect_line "$few mails, 0 missing, 0 too many" "$T/out"
    statement P-1

    case_begin "$name: tar lists every segment without a warning"
    for segment in "$archive"/seg/*.tar* "$archive"/open/*.tar; do
        [ -s "$segment" ] || continue
        expect_exit 0 tar tf "$segment"
        expect_equal "warnings of tar for $segment" "" "$(cat "$T/err")"
        total=$((total + $(wc -l <"$T/out")))
    done
    expect_equal "members that tar lists" "$few" "$total"

    case_begin "$name: another fetch finds nothing new"
    expect_exit 0 "${fetch[@]}"
    expect_line "nothing new" "$T/out"
    expect_equal "members" "$few" "$("$MB_PYTHON" "$tool" count "$archive")"
}

# ---- from Dovecot ----

# killed_often NAME WINDOW KILLS [OPTION…]
killed_often()
{
    local name=$1 window=$2 count=$3 archive=$T/archive-$2

    shift 3
    case_begin "$name: $count kills within $mails messages"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/kill-often.py" "$count" "$seed" "$mails" \
        "$T/servers/dovecot/log" "$archive" "$window" \
        "$MB_BIN/popdump" fetch --server "pop3s://u1@localhost:$POP3S_PORT" --tls-trust "$CA_FILE" \
        --password-file "$T/password" --segment-size 2M "$@" "$archive"
    echo "  $(cat "$T/out")"

    case_begin "$name: verify is clean, every message is there once, byte for byte"
    expect_exit 0 "$MB_BIN/popdump" verify "$archive"
    expect_exit 0 "$MB_PYTHON" "$tool" compare "$archive" "$T/originals"
    expect_line "$mails mails, 0 missing, 0 too many" "$T/out"
    statement P-1
}

echo "seed $seed"
echo pw >"$T/password"
chmod 600 "$T/password"

"$MB_PYTHON" "$tool" store "$T/sink/store/new" "$few" "$seed"
start_mailsink "$T/sink" --store "$T/sink/store"
three_kills mailsink "$SINK_POP3S" "$T/from-mailsink" "$T/sink/store/new"
stop_background "$SINK_PID"

need_servers "kills" || exit 0
"$MB_PYTHON" "$tool" make "$T/servers/mail/u1/Maildir/cur" "$mails" "$seed"
mkdir -p "$T/servers/mail/u1/Maildir"/{new,tmp}
cp -a "$T/servers/mail/u1/Maildir/cur" "$T/originals"
chown -R 65534:65534 "$T/servers/mail"
start_dovecot_only "$T/servers"
killed_often "one by one" 1 "$kills"
killed_often "with a window" 0 "$kills"
