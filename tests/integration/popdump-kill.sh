#!/usr/bin/env bash
# A fetch of 5,000 messages from Dovecot, ended three times by SIGKILL at random points and started
# again: every message is archived once and byte for byte, and any tar lists the archive.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/servers.sh"

mails=5000
archive=$T/archive
tool=$MB_SOURCE/tests/support/archive.py

fetch()
{
    "$MB_BIN/popdump" fetch --server "pop3s://u1@localhost:$POP3S_PORT" --tls-trust "$CA_FILE" \
        --password-file "$T/password" --segment-size 3M "$archive"
}

# Octets written so far, about: sealed segments have 3 MiB each before they are compressed.
archived_octets()
{
    local file number=1 size=0

    for file in "$archive"/open/*.tar; do
        [ -e "$file" ] || break
        number=$(basename "$file" .tar)
        size=$(stat -c %s "$file" 2>/dev/null) || size=0
    done
    echo $(((10#$number - 1) * 3 * 1048576 + size))
}

grown_to()
{
    [ "$(archived_octets)" -ge "$1" ] || mb_process_gone "$STARTED_PID"
}

# Kills a fetch once the archive has grown by a random piece; its code says that it was under way.
kill_once()
{
    local had more code=0

    had=$(archived_octets)
    more=$((20000 + RANDOM * 70))
    start_background "$T/killed.log" "$MB_BIN/popdump" fetch \
        --server "pop3s://u1@localhost:$POP3S_PORT" --tls-trust "$CA_FILE" \
        --password-file "$T/password" --segment-size 3M "$archive"
    wait_for grown_to $((had + more))
    kill -KILL "$STARTED_PID" 2>/dev/null || true
    wait "$STARTED_PID" 2>/dev/null || code=$?
    expect_equal "exit code of the killed fetch" 137 "$code"
    echo "  killed at $(archived_octets) octets" >&2
}

need_servers "popdump killed three times" || exit 0
case_begin "three kills within $mails messages, then a fetch to the end"
echo pw >"$T/password"
chmod 600 "$T/password"
mkdir -p "$T/servers"
chmod 755 "$T/servers"
mkdir -p "$T/servers/mail/u1/Maildir"/{cur,new,tmp}
"$MB_PYTHON" "$tool" make "$T/servers/mail/u1/Maildir/cur" "$mails" "$RANDOM"
mkdir "$T/originals"
cp -a "$T/servers/mail/u1/Maildir/cur/." "$T/originals"
chown -R 65534:65534 "$T/servers/mail"
start_dovecot_only "$T/servers"
for _ in 1 2 3; do
    kill_once
done
expect_exit 0 fetch
expect_no_line "left on the server" "$T/out"

case_begin "popdump verify is clean"
expect_exit 0 "$MB_BIN/popdump" verify "$archive"

case_begin "every message once, byte for byte"
expect_exit 0 "$MB_PYTHON" "$tool" compare "$archive" "$T/originals"
expect_line "$mails mails, 0 missing, 0 too many" "$T/out"
statement P-1

case_begin "tar lists every segment without a warning"
total=0
for segment in "$archive"/seg/*.tar* "$archive"/open/*.tar; do
    [ -s "$segment" ] || continue
    expect_exit 0 tar tf "$segment"
    expect_equal "warnings of tar for $segment" "" "$(cat "$T/err")"
    total=$((total + $(wc -l <"$T/out")))
done
expect_equal "members that tar lists" "$mails" "$total"

case_begin "another fetch finds nothing new"
expect_exit 0 fetch
expect_line "nothing new" "$T/out"
expect_equal "members" "$mails" "$("$MB_PYTHON" "$tool" count "$archive")"
