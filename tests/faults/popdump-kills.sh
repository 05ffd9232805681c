#!/usr/bin/env bash
# popdump killed again and again while it fetches from Dovecot, and started again each time: nothing
# is lost, nothing stands twice, and a kill costs at most one batch.
#
# MB_KILLS=200 MB_MAILS=10000 for the full figure.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/servers.sh"

kills=${MB_KILLS:-12}
mails=${MB_MAILS:-2500}
seed=${MB_SEED:-$RANDOM}
tool=$MB_SOURCE/tests/support/archive.py

need_servers "kills" || exit 0

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
"$MB_PYTHON" "$tool" make "$T/servers/mail/u1/Maildir/cur" "$mails" "$seed"
mkdir -p "$T/servers/mail/u1/Maildir"/{new,tmp}
cp -a "$T/servers/mail/u1/Maildir/cur" "$T/originals"
chown -R 65534:65534 "$T/servers/mail"
start_dovecot_only "$T/servers"
killed_often "one by one" 1 "$kills"
killed_often "with a window" 0 "$kills"
