#!/usr/bin/env bash
# A newsletter that large receivers take: signed (DKIM), unsubscribed from by one click. The keys are
# made here; all goes to a mail server of your own on loopback, and nothing leaves this machine.
#
#   samples/newsletter/try.sh [FOLDER]      FOLDER takes the results (build/newsletter)
#
# The tools are those of build/release/bin (samples/quickstart.sh builds them), or of MB_BIN; beside
# an installed mailbatch they are the installed ones, and FOLDER is mailbatch-newsletter.
set -euo pipefail
# shellcheck source=samples/local-server.sh
. "$(dirname "$0")/../local-server.sh" newsletter "$@"

# Once for a domain: a key, of which the DNS gets the public half, at s1._domainkey.DOMAIN.
umask 077
openssl genrsa -out "$out/dkim.pem" 2048 2>/dev/null
printf '\nfor the DNS: s1._domainkey.green-street.example TXT "v=DKIM1; k=rsa; p=%s"\n' \
    "$(openssl pkey -in "$out/dkim.pem" -pubout -outform DER | base64 -w 0)"

# Once for a list: the secret that the page behind the URL shares with mmerge, so that it believes
# nobody but the reader: token == HMAC-SHA-256(secret, address), its first 32 digits.
openssl rand -hex 32 >"$out/token.key"

campaign=(--dkim "green-street.example:s1:$out/dkim.pem" --token-key "$out/token.key"
    --unsubscribe 'https://green-street.example/leave?who={{ email }}&token={{ email|token }}'
    --unsubscribe 'mailto:leave@green-street.example?subject={{ email }}'
    "$sample/template.txt" "$sample/people.csv")

run "$bin/mmerge" check "${campaign[@]}"
run "$bin/mmerge" send --server "smtp://127.0.0.1:$port" --tls off --verp \
    --ledger "$out/newsletter.db" "${campaign[@]}"

printf '\nThe messages, as they arrived: %s\n' "$out/mailsink/new"
