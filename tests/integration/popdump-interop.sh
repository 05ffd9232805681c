#!/usr/bin/env bash
# The same mailbox from Dovecot, Courier and popa3d: every message once, identical after LF → CRLF.
#
#   popdump-interop.sh [MAILS]    400; 2000 for the full figure
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/servers.sh"
. "$(dirname "$0")/../support/servers-pop3.sh"

mails=${1:-400}
popdump=$MB_BIN/popdump
tool=$MB_SOURCE/tests/support/archive.py

echo pw >"$T/password"
chmod 600 "$T/password"
"$MB_PYTHON" "$tool" make "$T/originals" "$mails" 21
# Headers that are equal: popa3d gives them one unique-id.
for number in {1..5}; do
    printf 'Subject: the same\nMessage-ID: <same@example.org>\n\nbody %s\n' "$number" \
        >"$T/originals/1700000001.$number.mail.test"
done
# A header alone has no end in an mbox but the empty line that parts its messages: popa3d sends that.
for file in $(grep -Lxe '' "$T"/originals/*); do
    [ "$(tail -c 1 "$file" | wc -l)" = 1 ] || echo >>"$file"
    echo >>"$file"
done
mails=$((mails + 5))

# fetched NAME DIR: all of it, once; and a second run finds nothing new
fetched()
{
    local fetch=("$popdump" fetch --server "pop3://u1@127.0.0.1:$POP3_PORT" --tls off
        --password-file "$T/password" "$T/$2")

    expect_exit 0 "${fetch[@]}"
    expect_exit 0 "$MB_PYTHON" "$tool" compare "$T/$2" "$T/originals"
    expect_line "$mails mails, 0 missing, 0 too many" "$T/out"
    expect_exit 0 "$popdump" verify "$T/$2"
    expect_exit 0 "${fetch[@]}"
    expect_line "nothing new" "$T/out"
}

maildir()
{
    mkdir -p "$1"/{new,tmp}
    cp -a "$T/originals" "$1/cur"
}

from_dovecot()
{
    maildir "$T/dovecot/mail/u1/Maildir"
    chown -R 65534:65534 "$T/dovecot/mail"
    start_dovecot_only "$T/dovecot"
    fetched Dovecot from-dovecot
    stop_servers
}

from_courier()
{
    maildir "$T/courier/u1/Maildir"
    start_courier "$T/courier"
    fetched Courier from-courier
    stop_servers
}

from_popa3d()
{
    mkdir -p "$T/popa3d"
    "$MB_PYTHON" - "$T/originals" "$T/popa3d/mbox" <<'PYTHON'
import os, sys
with open(sys.argv[2], "wb") as mbox:
    for name in sorted(os.listdir(sys.argv[1])):
        with open(os.path.join(sys.argv[1], name), "rb") as file:
            mail = file.read()
        mbox.write(b"From a@example.org Mon Nov 23 12:00:00 2026\n" + mail
                   + (b"" if mail.endswith(b"\n") else b"\n") + b"\n")
PYTHON
    start_popa3d "$T/popa3d"
    # It sends "+OK" and the message apart: 40 ms each, where the first is not acknowledged at once.
    SECONDS=0
    fetched popa3d from-popa3d
    [ "$SECONDS" -lt $((8 + mails / 50)) ] || fail "$SECONDS seconds for $mails messages"
    stop_servers
}

need_servers "$mails messages from Dovecot" && case_run "$mails messages from Dovecot" from_dovecot
need_courier "$mails messages from Courier" && case_run "$mails messages from Courier" from_courier
need_popa3d "$mails messages from popa3d" && case_run "$mails messages from popa3d" from_popa3d
true
