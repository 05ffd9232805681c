#!/usr/bin/env bash
# mmerge --dkim: what arrives through Postfix verifies with an implementation that is not ours, by
# DATA and by BDAT; preview shows the same octets; unfit keys are refused.
#
# MB_DKIM_ROWS is the number of messages (60).
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

rows=${MB_DKIM_ROWS:-60}
verify=$MB_SOURCE/tests/support/dkim-verify.py

cd "$T"
echo pw >password
chmod 600 password

# --- keys ----------------------------------------------------------------------------------------

umask 077
openssl genrsa -out rsa.pem 2048 2>/dev/null
openssl genpkey -algorithm ed25519 -out ed25519.pem
openssl genrsa -traditional -out pkcs1.pem 1024 2>/dev/null
openssl genrsa -out rsa512.pem 512 2>/dev/null
openssl genrsa -out rsa768.pem 768 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem
openssl genpkey -algorithm ed448 -out ed448.pem
openssl genrsa -aes128 -passout pass:x -out encrypted.pem 1024 2>/dev/null
openssl genrsa -aes128 -traditional -passout pass:x -out encrypted-pkcs1.pem 1024 2>/dev/null
openssl rsa -in rsa.pem -pubout -out public.pem 2>/dev/null
cp rsa.pem open.pem
: >empty.pem
mkdir folder.pem
umask 022
chmod 640 open.pem
for key in rsa ed25519; do
    openssl pkey -in $key.pem -pubout -outform DER -out $key.der 2>/dev/null
done

"$MB_PYTHON" "$MB_SOURCE/tests/support/dkim-rows.py" "$rows" .
both=(--dkim example.org:r2048:rsa.pem --dkim example.org:ed:ed25519.pem)

# --- what is refused -----------------------------------------------------------------------------

# refused CODE WORDS SETTING
refused()
{
    expect_exit "$1" "$MB_BIN/mmerge" check --dkim "$3" rich rows.csv
    expect_one_line "$T/err"
    expect_line "$2" "$T/err"
    expect_no_line "PRIVATE" "$T/err"
}

case_begin "unfit keys are refused before anything is done"
refused 78 "rsa512.pem: an RSA key of 512 bits: at least 1024 are needed" example.org:s:rsa512.pem
refused 78 "rsa768.pem: an RSA key of 768 bits: at least 1024 are needed" example.org:s:rsa768.pem
refused 78 "ec.pem: a key of the kind EC: RSA or Ed25519 is needed" example.org:s:ec.pem
refused 78 "ed448.pem: a key of the kind ED448: RSA or Ed25519 is needed" example.org:s:ed448.pem
refused 78 "encrypted.pem: the key is under a passphrase" example.org:s:encrypted.pem
refused 78 "encrypted-pkcs1.pem: the key is under a passphrase" example.org:s:encrypted-pkcs1.pem
refused 78 "public.pem: a public key: signing needs the private one" example.org:s:public.pem
refused 78 "open.pem: a private key that others may read: chmod 600 it" example.org:s:open.pem
refused 78 "empty.pem: no private key in PEM form" example.org:s:empty.pem
refused 78 "rich: a private key that others may read" example.org:s:rich
refused 66 "folder.pem: not a regular file" example.org:s:folder.pem
refused 66 "missing.pem: " example.org:s:missing.pem
refused 78 "no domain name to sign for" com:s:rsa.pem
refused 78 "no selector" "example.org:a b:rsa.pem"
refused 64 "write DOMAIN:SELECTOR:KEYFILE" example.org:rsa.pem

case_begin "a key in the older form, and a domain beyond ASCII"
expect_exit 0 "$MB_BIN/mmerge" preview --dkim bücher.example:s:pkcs1.pem rich rows.csv
expect_line "d=xn--bcher-kva.example;" "$T/out"

case_begin "From beside d=: one below the other is aligned, others are warned about, with both names"
for domain in example.org mail.example.org; do
    expect_exit 0 "$MB_BIN/mmerge" check --dkim "$domain:s:ed25519.pem" rich rows.csv
    expect_equal "words on stderr" "" "$(cat "$T/err")"
done
expect_exit 0 "$MB_BIN/mmerge" check --dkim example.net:s:ed25519.pem rich rows.csv
expect_line "--dkim signs for example.net, From is at example.org (row 2; $rows in all)" "$T/err"
expect_exit 0 "$MB_BIN/mmerge" check --dkim example.net:s:ed25519.pem "${both[@]}" rich rows.csv
expect_equal "words on stderr" "" "$(cat "$T/err")"

case_begin "--max-size and check count the signatures, and make none"
size=$(SOURCE_DATE_EPOCH=1763900000 "$MB_BIN/mmerge" preview "${both[@]}" rich rows.csv | wc -c)
head -2 rows.csv >one.csv
expect_exit 0 "$MB_BIN/mmerge" check --json --max-size "$size" "${both[@]}" rich one.csv
expect_line "\"bytes\":$size" "$T/out"
expect_exit 65 "$MB_BIN/mmerge" check --max-size $((size - 1)) "${both[@]}" rich one.csv
expect_line "the message has" "$T/err"

case_begin "two previews at the same time are the same octets; another time is another t="
for run in 1 2; do
    SOURCE_DATE_EPOCH=1763900000 "$MB_BIN/mmerge" preview "${both[@]}" rich rows.csv >"once$run"
done
expect_same once1 once2
expect_line "t=1763900000;" once1
SOURCE_DATE_EPOCH=1763900001 "$MB_BIN/mmerge" preview "${both[@]}" rich rows.csv >once3
expect_line "t=1763900001;" once3

case_begin "what goes out is what preview shows at the time of its Date, signatures included"
start_mailsink "$T/sink" --store "$T/trial"
expect_exit 0 "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off \
    --redirect-to me@example.net "${both[@]}" rich one.csv
stop_background "$SINK_PID"
sent=$(sed -En 's/.* t=([0-9]+);.*/\1/p' "$T"/trial/new/*.eml | head -1)
SOURCE_DATE_EPOCH=$sent "$MB_BIN/mmerge" preview "${both[@]}" rich one.csv >again
expect_same again "$T"/trial/new/*1.eml

# --- what arrives --------------------------------------------------------------------------------

all_arrived()
{
    [ "$(find "$MAIL_DIR" -path '*/new/*' -type f -size +0 | wc -l)" = "$rows" ]
}

# through NAME TEMPLATE COMMAND ARGUMENT…
through()
{
    local name=$1 template=$2 command=$3

    shift 3
    case_begin "$name: $rows messages, $template, verify, by RSA and by Ed25519"
    rm -rf "${MAIL_DIR:?}"/* rows.csv.mmerge.db*
    expect_exit 0 "$MB_BIN/mmerge" send "$@" "${both[@]}" --transcript said --connections 3 \
        "$template" rows.csv
    expect_equal "contents by" "$command" "$(grep -Eo '[-~]> (DATA|BDAT)' said | sed 's/.* //' | sort -u)"
    grep -q 'BODY=8BITMIME' said || fail "nothing went as 8BITMIME"
    [ "$(grep 'MAIL FROM' said | grep -cv 'BODY=8BITMIME')" != 0 ] || fail "all went as 8BITMIME"
    wait_for all_arrived
    "$MB_PYTHON" "$verify" rsa.der ed25519.der "$rows" "$MAIL_DIR" >verified ||
        fail "not all verify: $(tail -3 verified)"
    cat verified
    statement M-29
}

if need_servers "postfix"; then
    case_begin "postfix starts"
    start_postfix_dovecot "$T/postfix"
    for template in plain rich; do
        through "Postfix, BDAT" $template BDAT --server "smtps://u1@localhost:$SMTPS_PORT" \
            --tls-trust "$CA_FILE" --password-file password
        through "Postfix, DATA" $template DATA --server "smtp://localhost:$SMTP_PORT" \
            --tls-trust "$CA_FILE"
    done
    stop_servers
fi
