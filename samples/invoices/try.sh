#!/usr/bin/env bash
# Invoices to customers: a PDF a row, the account manager in Cc, a copy for the archive in Bcc. All
# goes to a mail server of your own on loopback; nothing leaves this machine.
#
#   samples/invoices/try.sh [FOLDER]      FOLDER takes the results (build/invoices)
#
# The tools are those of build/release/bin (samples/quickstart.sh builds them), or of MB_BIN.
set -euo pipefail
cd "$(dirname "$0")/../.."

out=${1:-build/invoices}
bin=${MB_BIN:-build/release/bin}
sample=samples/invoices

run()
{
    printf '\n$'
    printf ' %q' "$@"
    printf '\n'
    "$@"
}

rm -rf "$out"
mkdir -p "$out"
"$bin/mailsink" --smtp 127.0.0.1:0 --store "$out/mailsink" --ready-file "$out/ready" \
    >"$out/mailsink.log" 2>&1 </dev/null &
trap 'kill %1 2>/dev/null; wait' EXIT
for _ in {1..200}; do
    [ ! -s "$out/ready" ] || break
    sleep 0.05
done
port=$(sed -n 's/^smtp=.*://p' "$out/ready")

# Who a row is: the number of the invoice, whatever else changes in the list.
campaign=(--key number "$sample/template.txt" "$sample/invoices.csv")
send=("$bin/mmerge" send --server "smtp://127.0.0.1:$port" --tls off)
ledger=(--ledger "$out/invoices.db")

run "$bin/mmerge" check "${campaign[@]}"
run "$bin/mmerge" preview --row 4 --out "$out/preview" "${campaign[@]}"

# First one to yourself, then the two that are the most urgent, then all that are left.
run "${send[@]}" --redirect-to you@green-street.example --limit 1 "${campaign[@]}"
run "${send[@]}" "${ledger[@]}" --limit 2 "${campaign[@]}"
run "${send[@]}" "${ledger[@]}" "${campaign[@]}"
run "$bin/mmerge" status "$out/invoices.db"

printf '\nThe messages, as they arrived: %s\n' "$out/mailsink/new"
