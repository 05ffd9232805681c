#!/usr/bin/env bash
# No secret is in a transcript, in what --verbose says, in popdump's archive, or in the process list,
# whatever the mechanism and wherever the password comes from; and the transcript is in swaks'
# notation.
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

    for word in "$3" "$(printf %s "$3" | base64)" "$(printf '\0%s\0%s' "$2" "$3" | base64)" \
        "$(printf 'user=%s\001auth=Bearer %s\001\001' "$2" "$3" | base64 -w 0)" \
        "$(printf 'n,a=%s,\001host=localhost\001auth=Bearer %s\001\001' "$2" "$3" | base64 -w 0)"; do
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

# --- wherever it comes from: mmerge and popdump ---

secret=s3cr-et_Word
printf '%s\n' "$secret" >right
printf 'machine localhost login ann password %s\n' "$secret" >netrc
printf '#!/bin/sh\ncat "%s"\n' "$T/right" >print
chmod 600 right netrc
chmod 755 print

# account SERVICE LINE: accounts of its own
account()
{
    local port=$SINK_SMTP

    [ "$1" = smtp ] || port=$SINK_POP3
    printf 'account default\nhost localhost\nport %s\ntls_trust_file %s\nuser ann\nauth %s\n%s\n' \
        "$port" "$CA_FILE" "$mechanism" "$2" >accounts
    chmod 600 accounts
}

own_words=

# watched COMMAND…: argv and environment of it and of all that it starts, in `calls`
watched()
{
    : >calls
    # LeakSanitizer does not work under ptrace.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 timeout 60 \
        strace -f -qq -v -s 100000 -e trace=execve -o calls "$@"
}

# try LINE: sends and fetches with it in the accounts file, and looks through all that is left
try()
{
    rm -rf people.csv.mmerge.db* box said
    account smtp "$1"
    expect_exit "$want" watched "$MB_BIN/mmerge" send --verbose --accounts accounts --transcript said letter people.csv
    expect_line 'mmerge", "send"' calls
    cat out err said >all
    [ -n "$own_words" ] || cat calls >>all
    expect_line "AUTH" said
    account pop3 "$1"
    expect_exit "$want" watched "$MB_BIN/popdump" fetch --verbose --accounts accounts --account default box
    expect_line 'popdump", "fetch"' calls
    cat out err >>all
    [ -n "$own_words" ] || cat calls >>all
    [ "$want" != 0 ] || grep -rqE 'AUTH|PASS' box || fail "no transcript is in the archive"
    [ ! -e box ] || find box -type f -exec cat {} + >>all
    tr -d '\0' <all >text
    hidden text ann "$secret"
}

if need_program "secrets of accounts files" strace; then
    start_mailsink "$T/ann" --user "ann:$secret"
    for mechanism in plain login oauthbearer xoauth2; do
        want=0
        case_begin "$mechanism: a password in the accounts file"
        try "password $secret"
        statement M-32
        case_begin "$mechanism: a command in the accounts file"
        try "passwordeval $T/print"
        expect_line '"-c"' calls
        statement M-32
        case_begin "$mechanism: ~/.netrc"
        cp netrc "$HOME/.netrc"
        try timeout\ 50
        rm "$HOME/.netrc"
        statement M-32
    done
    stop_background "$SINK_PID"
    start_mailsink "$T/nobody" --user ann:other
    for mechanism in plain oauthbearer xoauth2; do
        want=77
        case_begin "$mechanism: a password that is refused"
        try "password $secret"
        own_words=1 # in the shell's arguments, then
        try "passwordeval echo $secret | cat"
        own_words=
        statement M-32
    done
    stop_background "$SINK_PID"
fi

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
