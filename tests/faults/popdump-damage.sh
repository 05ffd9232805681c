#!/usr/bin/env bash
# An archive damaged in every way, and then `popdump fetch --delete`: clear words, the right exit code,
# and nothing is deleted from the server that the archive does not hold.
. "$(dirname "$0")/../support/lib.sh"

popdump=$MB_BIN/popdump
mails=90

echo pw >"$T/password"
chmod 600 "$T/password"
"$MB_PYTHON" "$MB_SOURCE/tests/support/archive.py" store "$T/store/new" "$mails" 5

for kind in gzip zstd xz none; do
    case_begin "$kind: every damage"
    start_mailsink "$T/sink" --store "$T/store"
    fetch=("$popdump" fetch --compress "$kind" --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off
        --password-file "$T/password" --segment-size 60K "$T/archive")
    rm -rf "$T/archive"
    expect_exit 0 "${fetch[@]}" --limit 40
    cp "$T/archive/catalog.db" "$T/catalog.old"
    expect_exit 0 "${fetch[@]}"
    stop_background "$SINK_PID"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/damage-table.py" "$popdump" "$T" \
        "$T/archive" "$MB_BIN/mailsink" "$kind"
    cat "$T/out"
    statement P-14
done

read_only()
{
    mount --bind "$T/archive" "$T/archive"
    trap 'umount "$T/archive"; mb_stop_jobs' EXIT
    mount -o remount,bind,ro "$T/archive"
    start_mailsink "$T/sink" --store "$T/store"
    expect_exit 73 "$popdump" fetch --delete --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off \
        --password-file "$T/password" "$T/archive"
    expect_one_line "$T/err"
    expect_line "cannot be written to" "$T/err"
    expect_equal "messages on the server" "$mails" "$(find "$T/store" -name '*.eml' | wc -l)"
    expect_exit 0 "$popdump" list "$T/archive"
    expect_exit 0 "$popdump" verify "$T/archive"
}
if need_root "a file system that is read-only"; then
    case_run "a file system that is read-only" read_only
fi
