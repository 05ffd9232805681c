#!/usr/bin/env bash
# No secret is in a transcript, in what --verbose says, or in the process list, whatever the
# mechanism; and the transcript is in swaks' notation.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

cd "$T"
printf 'From: a@example.net\nTo: {{ email }}\nSubject: s\n\nbody\n' >letter
printf 'email\nu1@example.net\n' >people.csv
echo pw >password
printf 'a-Secret_1' >wrong
chmod 600 password wrong

# swaks(1), TRANSCRIPT: what happened, ours, theirs, refusals; tildes within TLS.
in_notation()
{
    ! grep -Evn '^(=== | -> | ~> |<-  |<~  |<\*\* |<~\* )' "$1" >&2
}

# hidden FILE USER PASSWORD: neither the password nor what it is sent as is there.
hidden()
{
    local word

    for word in "$3" "$(printf %s "$3" | base64)" "$(printf '\0%s\0%s' "$2" "$3" | base64)"; do
        ! grep -qF -e "$word" "$1" || fail "'$word' is in $1"
    done
}

case_begin "mailsink: a wrong password, and a right one"
start_mailsink "$T/sink"
for mechanism in PLAIN LOGIN; do
    expect_exit 77 "$MB_BIN/mmerge" send --verbose --server "smtp://u1@localhost:$SINK_SMTP" --tls-trust "$CA_FILE" \
        --password-file wrong --auth "$mechanism" --transcript said letter people.csv
    cat out err said >all
    hidden all u1 a-Secret_1
    expect_line " ~> AUTH $mechanism" said
    expect_line "<~* 535 " said
    in_notation said || fail "no notation of swaks'"
    rm -f people.csv.mmerge.db*
done
statement M-32

if need_servers "dovecot's mechanisms"; then
    start_postfix_dovecot "$T/postfix"
    for mechanism in PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256; do
        case_begin "$mechanism"
        rm -f people.csv.mmerge.db* said
        expect_exit 0 "$MB_BIN/mmerge" send --verbose --server "smtp://u1@localhost:$SUBMISSION_PORT" \
            --tls-trust "$CA_FILE" --password-file password --auth "$mechanism" --transcript said letter people.csv
        cat out err said >all
        expect_line " ~> AUTH $mechanism" said
        expect_line "<hidden>" said
        expect_line "<~  235 " said
        in_notation said || fail "no notation of swaks'"
        # Of the exchange nothing is left but who speaks.
        ! sed -n '/ AUTH /,/ 235 /p' said | grep -Ev "AUTH $mechanism( <hidden>)?\$|^( ~>|<~ ) (334 )?<hidden>\$|^<~  (235 |334 <hidden>)" >&2 ||
            fail "more than that is shown"
        statement M-32
    done
fi
