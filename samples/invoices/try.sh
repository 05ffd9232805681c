#!/usr/bin/env bash
# Invoices to customers: a PDF a row, the account manager in Cc, a copy for the archive in Bcc. All
# goes to a mail server of your own on loopback; nothing leaves this machine.
#
#   samples/invoices/try.sh [FOLDER]      FOLDER takes the results (build/invoices)
#
# The tools are those of build/release/bin (samples/quickstart.sh builds them), or of MB_BIN; beside
# an installed mailbatch they are the installed ones, and FOLDER is mailbatch-invoices.
set -euo pipefail
# shellcheck source=samples/local-server.sh
. "$(dirname "$0")/../local-server.sh" invoices "$@"

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
