#!/usr/bin/env bash
# The accounts files of msmtp and mpop, in the form that msmtp(1) and mpop(1) show, serve mmerge and
# popdump as they are: against Postfix and Dovecot with STARTTLS, STLS and SCRAM-SHA-256, with
# passwords from the file, a command and ~/.netrc. A file that is bad is told from a good one.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

mmerge=$MB_BIN/mmerge
popdump=$MB_BIN/popdump
cd "$T"
printf 'From: Green Shop <shop@example.org>\nTo: {{ email }}\nSubject: s\n\nbody\n' >letter
printf 'email\nu1@example.net\n' >people.csv

# send EXIT [OPTION…]: to a fresh ledger
send()
{
    local code=$1

    shift
    rm -f people.csv.mmerge.db* said
    expect_exit "$code" timeout 60 "$mmerge" send --wait 1s --transcript said "$@" letter people.csv
}

# rc FILE: a private file out of standard input
rc()
{
    cat >"$1"
    chmod 600 "$1"
}

# --- msmtp's ------------------------------------------------------------------------------------

# The newest message of u1's, once N have come: within a second names are in no order.
newest()
{
    wait_for mail_arrived u1 "$1"
    find "$MAIL_DIR/u1/Maildir" -path '*/new/*' -type f -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2-
}

if need_servers "accounts against Postfix and Dovecot"; then
    start_postfix_dovecot "$T/servers"
    echo pw | rc "$HOME/.smtp-password"
    rc "$HOME/.msmtprc" <<RC
# What holds for all accounts: the port for submission, and TLS.
# On this port TLS begins with STARTTLS.
defaults
port $SUBMISSION_PORT
tls on
tls_trust_file ~/ca.pem
logfile ~/.msmtp.log

# The shop's own account
account shop

# Where the server is
host localhost

# Who is named as the sender of the envelope
from news@example.org

# The login. The password is what a command prints …
auth on
user u1
passwordeval cat ~/.smtp-password

# A second address of the same shop
account orders : shop
from orders@example.org

# The same machine, with TLS from the first octet …
account direct
host localhost
port $SMTPS_PORT
tls_starttls off
domain desk.example.org
auth scram-sha-256
user "u2"
# … or it stands here
password "pw"

# … or in ~/.netrc.
account quiet : direct
user u3
password
eval echo timeout 50

# Which one it is when none is named
account default : orders
RC
    cp "$CA_FILE" "$HOME/ca.pem"
    fingerprint=$(openssl x509 -in "$T/servers/cert.pem" -noout -fingerprint -sha256 | sed 's/.*=//')

    case_begin "the default account of ~/.msmtprc, without another word"
    send 0
    expect_equal "warnings" "" "$(grep -v '^mmerge: sent' err | grep warning || true)"
    expect_line " ~> AUTH SCRAM-SHA-256" said
    expect_line "MAIL FROM:<orders@example.org>" said
    expect_line " -> STARTTLS" said
    message=$(newest 1)
    expect_line "Return-Path: <orders@example.org>" "$message"
    expect_line "From: Green Shop <shop@example.org>" "$message"

    case_begin "an account by name, in full as the default hands it on"
    send 0 --account shop
    expect_line " ~> EHLO localhost" said
    message=$(newest 2)
    expect_line "Return-Path: <news@example.org>" "$message"

    case_begin "TLS at once, the password in the file, a name for EHLO, From's address in the envelope"
    send 0 --account direct
    expect_no_line "STARTTLS" said
    expect_line " ~> EHLO desk.example.org" said
    expect_line " ~> AUTH SCRAM-SHA-256" said
    message=$(newest 3)
    expect_line "Return-Path: <shop@example.org>" "$message"
    expect_line "from desk.example.org" "$message"

    case_begin "the template's Return-Path comes before the account's from"
    sed -i '1i Return-Path: <bounce@example.org>' letter
    send 0 --account shop
    expect_line "MAIL FROM:<bounce@example.org>" said
    sed -i 1d letter

    case_begin "the command line comes before the account"
    send 0 --account direct --auth LOGIN
    expect_line " ~> AUTH LOGIN" said
    echo wrong | rc wrong
    send 77 --account direct --password-file wrong
    expect_line "the password is the first line of wrong" err
    send 0 --account shop --passwordeval 'echo pw'
    cp "$HOME/ca.pem" "$HOME/other.pem"
    make_certificate "$T/other"
    cp "$T/other/ca.pem" "$HOME/ca.pem"
    send 78 --account direct
    send 0 --account direct --tls-fingerprint "$fingerprint"
    send 0 --account direct --tls-trust "$HOME/other.pem"
    cp "$HOME/other.pem" "$HOME/ca.pem"

    case_begin "the password is in ~/.netrc where it is nowhere else"
    send 78 --account quiet
    expect_line "or write it into ~/.netrc" err
    expect_one_line err
    echo "machine localhost login u3 password pw" | rc "$HOME/.netrc"
    send 0 --account quiet
    echo "machine localhost login u3 password wrong" | rc "$HOME/.netrc"
    send 77 --account quiet
    expect_line "the password is ~/.netrc's" err
    echo "default login u3 password pw" | rc "$HOME/.netrc"
    chmod 644 "$HOME/.netrc"
    send 78 --account quiet
    expect_line "chmod 600 $HOME/.netrc" err
    expect_one_line err
    rc "$HOME/.netrc" <<<"default password pw"
    send 0 --server "smtp://u4@localhost:$SUBMISSION_PORT" --tls-trust "$T/servers/ca.pem"

    # --- mpop's ---------------------------------------------------------------------------------

    printf 'Subject: a\n\none\n' >mail-1
    printf 'Subject: b\n\ntwo\n' >mail-2
    seed_mail u5 mail-1 mail-2
    seed_mail u6 mail-1
    rc "$HOME/.mpoprc" <<RC
# What holds for all accounts
defaults

# Always TLS. With mpop it begins with STLS here.
tls on
tls_starttls on
port $POP3_PORT
tls_trust_file ~/ca.pem

# Mail at the provider
account mailbox
host localhost
user u5
passwordeval cat ~/.smtp-password
delivery maildir ~/Mail/incoming
filter "spam-filter -q"
keep on

# The other box there
account second : mailbox
user u6
auth scram-sha-256

# With TLS from the first octet, and the password in ~/.netrc
account direct
host localhost
port $POP3S_PORT
tls_starttls off
user u6
auth cram-md5

account default : mailbox
RC
    case_begin "mpop: STLS and SCRAM-SHA-256 by ~/.mpoprc"
    expect_exit 0 timeout 60 "$popdump" fetch --account default --account second "$T/boxes"
    expect_line "default: 2 new messages archived" out
    expect_line "second: 1 new message archived" out
    expect_line "filter: not supported, ignored" err
    for name in default second; do
        grep -rqF 'AUTH SCRAM-SHA-256 <hidden>' "$T/boxes/$name/journal" || fail "no SCRAM of $name's"
        grep -rqF '> STLS' "$T/boxes/$name/journal" || fail "no STLS of $name's"
    done

    case_begin "popdump: TLS at once, CRAM-MD5, ~/.netrc"
    expect_exit 0 timeout 60 "$popdump" fetch --account direct "$T/boxes"
    grep -rqF 'AUTH CRAM-MD5' "$T/boxes/direct/journal" || fail "no CRAM-MD5"
    rc "$HOME/.netrc" <<<"machine localhost login u6 password wrong"
    expect_exit 77 timeout 60 "$popdump" fetch --account direct "$T/boxes"
    rm "$HOME/.netrc"
    expect_exit 78 timeout 60 "$popdump" fetch --account direct "$T/boxes"
    expect_line "no password" err
    expect_exit 0 timeout 60 "$popdump" fetch --account direct --password-file "$HOME/.smtp-password" "$T/boxes"
    stop_servers
fi

# --- bad files ----------------------------------------------------------------------------------

rm -f "$HOME/.msmtprc" "$HOME/.mpoprc" "$HOME/.netrc"
start_mailsink "$T/sink" --user ann:secret
good="account a\nhost localhost\nport $SINK_SMTP\ntls_trust_file $CA_FILE\nuser ann\n"

# bad NAME TEXT SAYS [OPTION…]: refused with 78 and one line, nothing is asked of a server or made
bad()
{
    local name=$1 text=$2 says=$3

    shift 3
    case_begin "bad file: $name"
    printf '%b' "$text" | rc accounts
    send 78 --accounts accounts "$@"
    expect_line "$says" err
    expect_one_line err
    expect_no_line Secret-1 err
    expect_missing people.csv.mmerge.db said
}

bad "unknown account" "$good" "accounts: no account b in it; there is a" --account b
bad "no default among several" "${good}password Secret-1\naccount b\nhost h\n" \
    "accounts: no account default in it; there are a, b"
bad "empty" "" "there are none"
bad "no host" "account a\nuser u\npassword Secret-1\n" "accounts: line 1: account a: no host"
bad "a port that is none" "${good}port 70000\n" "line 6: port 70000: a number between 1 and 65535"
bad "a command that fails" "${good}eval echo Secret-1; exit 7\n" "line 6: eval: the command failed with exit status 7"
bad "a password command that fails" "${good}passwordeval echo Secret-1; exit 7\n" \
    "passwordeval of ann@localhost: the command failed with exit status 7"
bad "accounts in a circle" "account a : b\naccount b : a\n" "line 1: account a: no account b is defined above"
bad "an account as its own base" "account a : a\n" "line 1: account a: no account a is defined above"
bad "a from that is none" "${good}password Secret-1\nfrom a b@x\n" "account a: a b@x: "
bad "a name for EHLO that is none" "${good}password Secret-1\ndomain a b\n" "account a: a b: not a host name to say EHLO with"
bad "no password" "$good" "ann@localhost: no password"

case_begin "bad file: a password that others can read"
printf '%bpassword Secret-1\n' "$good" | rc accounts
for mode in 640 604 660; do
    chmod "$mode" accounts
    send 78 --accounts accounts
    expect_line "chmod 600 accounts" err
    expect_one_line err
    expect_no_line Secret-1 err
done
chmod 622 accounts
printf '%b' "$good" >accounts
send 78 --accounts accounts
expect_line "everybody can write to it" err
statement M-32

case_begin "bad file: not there, a folder"
send 78 --accounts nowhere
expect_line "nowhere: cannot read the accounts: No such file" err
send 78 --accounts "$T/home"
expect_line "cannot read the accounts: Is a directory" err

case_begin "what is not known or not supported is ignored with a word"
printf '%bpassword secret\nshoe_size 44\nproxy_host h\nfrom *@example.org\ndomain %%H\nprotocol smtp\nsyslog on\n' \
    "$good" | rc accounts
send 0 --accounts accounts
expect_line "accounts: line 7: shoe_size: unknown option, ignored" err
expect_line "accounts: line 8: proxy_host: not supported, ignored" err
expect_line "from *@example.org: a pattern, ignored" err
expect_line "domain %H: a pattern, ignored" err
expect_equal "warnings" 4 "$(grep -c warning err)"
expect_line "MAIL FROM:<shop@example.org>" said
expect_line " ~> EHLO localhost" said
send 0 --accounts accounts --quiet
expect_equal "words" "" "$(cat err)"

case_begin "a certificate that is not checked is warned about"
printf '%bpassword secret\ntls_trust_file\ntls_certcheck off\n' "$good" | rc accounts
send 0 --accounts accounts
expect_line "the certificate is not checked" err

case_begin "the own file: mailbatch's, msmtp's, msmtp's XDG one; and none"
send 64
expect_line "no server: say --server smtp://[user@]host or smtps://[user@]host, or --account NAME" err
send 78 --account a
expect_line "neither ~/.config/mailbatch/accounts nor ~/.msmtprc is there; --accounts FILE names one" err
mkdir -p "$HOME/.config/msmtp" "$HOME/.config/mailbatch"
for file in .config/msmtp/config .msmtprc .config/mailbatch/accounts; do
    printf '%bpassword secret\nfrom %s@example.org\n' "$good" "${file//[\/.]/-}" | rc "$HOME/$file"
    send 0
    expect_line "MAIL FROM:<${file//[\/.]/-}@example.org>" said
done

case_begin "options that exclude each other"
for words in "--server smtp://h --account a" "--server smtp://h --accounts accounts"; do
    # shellcheck disable=SC2086 # it is several words
    send 64 $words
    expect_line "--server stands for itself" err
done
printf 'account a\nhost localhost\nport %s\ntls off\n' "$SINK_SMTP" | rc accounts
send 64 --accounts accounts --passwordeval 'echo x'
expect_line "the account names none" err
send 0 --accounts accounts
expect_no_line "-> AUTH" said
