#!/usr/bin/env bash
# An invitation that mail programs can accept or decline: a calendar beside text and HTML. All goes
# to a mail server of your own on loopback; nothing leaves this machine.
#
#   samples/invitation/try.sh [FOLDER]      FOLDER takes the results (build/invitation)
#
# The tools are those of build/release/bin (samples/quickstart.sh builds them), or of MB_BIN; beside
# an installed mailbatch they are the installed ones, and FOLDER is mailbatch-invitation.
set -euo pipefail
# shellcheck source=samples/local-server.sh
. "$(dirname "$0")/../local-server.sh" invitation "$@"

# Who a row is: the guest, whatever else changes. METHOD and UID tell a later mail that changes or
# cancels the evening (METHOD:CANCEL, SEQUENCE:1) what it is about.
campaign=(--key uid "$sample/template.txt" "$sample/guests.csv")

run "$bin/mmerge" check "${campaign[@]}"
run "$bin/mmerge" send --server "smtp://127.0.0.1:$port" --tls off --ledger "$out/guests.db" \
    "${campaign[@]}"
run "$bin/mparse" "$out/mailsink/new/"*1.eml

printf '\nThe messages, as they arrived: %s\n' "$out/mailsink/new"
