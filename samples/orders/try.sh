#!/usr/bin/env bash
# Orders: a list with a row an item, and one mail an order with all of its items. All goes to a mail
# server of your own on loopback; nothing leaves this machine.
#
#   samples/orders/try.sh [FOLDER]      FOLDER takes the results (build/orders)
#
# The tools are those of build/release/bin (samples/quickstart.sh builds them), or of MB_BIN; beside
# an installed mailbatch they are the installed ones, and FOLDER is mailbatch-orders.
set -euo pipefail
# shellcheck source=samples/local-server.sh
. "$(dirname "$0")/../local-server.sh" orders "$@"

# The rows of an order stand where they were typed in; its number keeps them together.
campaign=(--group-by order "$sample/template.txt" "$sample/orders.csv")

run "$bin/mmerge" check "${campaign[@]}"
run "$bin/mmerge" preview --row 4 --out "$out/preview" "${campaign[@]}"
run "$bin/mmerge" send --server "smtp://127.0.0.1:$port" --tls off --ledger "$out/orders.db" \
    "${campaign[@]}"

# An item that comes to an order whose mail has gone is not passed over, nor is it mailed by itself.
cp "$sample/orders.csv" "$out/orders.csv"
echo '7002,Bob Smith,bob.smith@post.example,Basil,1,1.9,' >>"$out/orders.csv"
run "$bin/mmerge" send --server "smtp://127.0.0.1:$port" --tls off --ledger "$out/orders.db" \
    --group-by order "$sample/template.txt" "$out/orders.csv" || true

printf '\nThe messages, as they arrived: %s\n' "$out/mailsink/new"
