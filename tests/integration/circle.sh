#!/usr/bin/env bash
# The full circle: a campaign of 200 rows goes out with mmerge, arrives, is archived by popdump and
# read back by mparse. On Postfix and Dovecot, and on mailsink. Every byte is compared, and Python's
# email package, no code of ours, reads what arrived.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

circle()
{
    "$MB_PYTHON" "$MB_SOURCE/tests/support/circle.py" "$@"
}

# send NAME PORT USER: the campaign to the submission port, all of it accepted.
send()
{
    expect_exit 0 "$MB_BIN/mmerge" send --quiet --server "smtp://$3@localhost:$2" \
        --tls-trust "$CA_FILE" --password-file "$T/password" --ledger "$T/$1.db" \
        "$T/campaign/template.txt" "$T/campaign/rows.csv"
    "$MB_BIN/mmerge" status --json "$T/$1.db" >"$T/$1.status"
    expect_equal "recipients sent" 600 "$(grep -c '"state": *"sent"' "$T/$1.status")"
}

# fetch NAME PORT USER COUNT: the box into the archive NAME; a second fetch finds nothing new.
fetch()
{
    local archive=$T/$1

    expect_exit 0 "$MB_BIN/popdump" fetch --quiet --server "pop3s://$3@localhost:$2" \
        --tls-trust "$CA_FILE" --password-file "$T/password" "$archive"
    circle tar "$archive" "$T/$1.mails"
    expect_equal "mails archived" "$4" "$(find "$T/$1.mails" -type f | wc -l)"
    expect_exit 0 "$MB_BIN/popdump" verify "$archive"
    expect_exit 0 "$MB_BIN/popdump" fetch --quiet --server "pop3s://$3@localhost:$2" \
        --tls-trust "$CA_FILE" --password-file "$T/password" "$archive"
    expect_equal "mails after a second fetch" "$4" "$("$MB_BIN/popdump" list "$archive" | wc -l)"
}

# The tars of an archive: sealed or open.
segments()
{
    find "$T/$1" -name '*.tar*' | sort
}

# Each tar program gives the same list and says nothing; the archived mails are on it, once each.
listings()
{
    local segment

    while read -r segment; do
        expect_exit 0 tar tf "$segment"
        cp "$T/out" "$T/list"
        expect_equal "tar's words" "" "$(cat "$T/err")"
        expect_exit 0 bsdtar tf "$segment"
        expect_same "$T/list" "$T/out"
        expect_equal "bsdtar's words" "" "$(cat "$T/err")"
        expect_exit 0 circle list "$segment"
        expect_same "$T/list" "$T/out"
        cat "$T/list" >>"$T/$1.list.$2"
    done < <(segments "$1")
    expect_equal "members of all segments" 200 "$(sort -u "$T/$1.list.$2" | wc -l)"
    expect_equal "members of all segments" 200 "$(wc -l <"$T/$1.list.$2")"
}

# Sealed and compressed it holds the same members with the same bytes.
sealed()
{
    listings "$1" open
    expect_exit 0 "$MB_BIN/popdump" seal "$T/$1"
    expect_missing "$T/$1"/open/*
    (cd "$T/$1" && sha256sum --quiet -c SHA256SUMS)
    expect_exit 0 "$MB_BIN/popdump" verify "$T/$1"
    listings "$1" sealed
    expect_same "$T/$1.list.open" "$T/$1.list.sealed"
    circle tar "$T/$1" "$T/$1.sealed"
    diff -r "$T/$1.mails" "$T/$1.sealed"
    statement P-16
}

# extract NAME: what mparse takes out of the archive's segments.
extract()
{
    local found

    mapfile -t found < <(segments "$1")
    rm -rf "$T/$1.parts"
    mkdir "$T/$1.parts"
    expect_exit 0 "$MB_BIN/mparse" -f shape -o "$T/$1.shapes" -x "$T/$1.parts" \
        --only attachments "${found[@]}"
    circle parts "$T/campaign" "$T/$1.parts"
    expect_equal "messages found" 200 "$(wc -l <"$T/$1.shapes")"
    expect_equal "shapes" 1 "$(sort -u "$T/$1.shapes" | wc -l)"
}

as_meant()
{
    circle read "$T/campaign" "$T/$1.mails"
    statement M-7 M-9 M-10 M-13 M-14
}

on_postfix_and_dovecot()
{
    start_postfix_dovecot "$T/servers"
    send postfix "$SUBMISSION_PORT" u1
    for box in rest u1 u2; do
        wait_for mail_arrived "$box" 200
    done
    fetch postfix.rest "$POP3S_PORT" rest 200
    fetch postfix.cc "$POP3S_PORT" u1 200
    fetch postfix.bcc "$POP3S_PORT" u2 200
    stop_servers
}

same_as_maildir()
{
    circle same "$MAIL_DIR/rest/Maildir/cur" "$T/postfix.rest.mails" 200
    circle same "$MAIL_DIR/u1/Maildir/cur" "$T/postfix.cc.mails" 200
    circle same "$MAIL_DIR/u2/Maildir/cur" "$T/postfix.bcc.mails" 200
}

echo pw >"$T/password"
chmod 600 "$T/password"
circle make "$T/campaign"

case_begin "the whole list passes the preflight"
expect_exit 0 "$MB_BIN/mmerge" check "$T/campaign/template.txt" "$T/campaign/rows.csv"

if need_servers "the circle on postfix and dovecot"; then
    case_begin "postfix and dovecot: sent over STARTTLS with AUTH, archived over POP3S"
    on_postfix_and_dovecot
    case_run "postfix and dovecot: archived bytes are the Maildir's" same_as_maildir
    case_run "postfix and dovecot: Python reads what was meant" as_meant postfix.rest
    case_run "postfix and dovecot: Cc's copy" as_meant postfix.cc
    case_run "postfix and dovecot: Bcc's copy" as_meant postfix.bcc
    case_run "postfix and dovecot: mparse takes out what went in" extract postfix.rest
    case_run "postfix and dovecot: the sealed archive" sealed postfix.rest
    case_run "postfix and dovecot: mparse on the sealed archive" extract postfix.rest
fi

on_mailsink()
{
    start_mailsink "$T/sink" --store "$T/sink/store"
    send mailsink "$SINK_SMTP" u1
    fetch mailsink "$SINK_POP3S" u1 200
    stop_background "$SINK_PID"
}

case_begin "mailsink: sent over STARTTLS with AUTH, archived over POP3S"
on_mailsink
case_run "mailsink: archived bytes are the store's" \
    circle same "$T/sink/store/new" "$T/mailsink.mails" 200
case_run "mailsink: Python reads what was meant" as_meant mailsink
case_run "mailsink: mparse takes out what went in" extract mailsink
