#!/usr/bin/env bash
# The newsletter of samples/ as a browser shows it: sent to mailsink, taken apart by mparse, shown by
# headless Chromium with its inline picture, whose pixels are looked for in the screenshot.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

# On a busy machine a browser takes its time.
MB_WAIT=150
sample=$MB_SOURCE/samples/newsletter
look="$MB_SOURCE/tests/support/screenshot.py"

need_layer "the newsletter in Chromium" chromium chromium-headless-shell fonts-dejavu-core || exit 0

case_begin "the newsletter goes out, and its parts come out of what arrived"
start_mailsink "$T/sink" --store "$T/store"
expect_exit 0 "$MB_BIN/mmerge" send --quiet --server "smtp://127.0.0.1:$SINK_SMTP" --tls off \
    --limit 1 --ledger "$T/news.db" "$sample/template.txt" "$sample/people.csv"
mails=("$T"/store/new/*.eml)
expect_equal "mails" 1 "${#mails[@]}"
mkdir "$T/show"
expect_exit 0 "$MB_BIN/mparse" -f shape -x "$T/show/parts" "${mails[0]}"
expect_exit 0 "$MB_PYTHON" "$look" page "$T/show/parts" "${mails[0]}"
expect_equal "pictures of the page" 1 "$(cat "$T/out")"
# The same page without the picture.
sed 's/<img [^>]*>/<span>no picture<\/span>/' "$T/show/parts/page.html" >"$T/show/parts/bare.html"

case_begin "Chromium shows it"
start_in_layer "$T/show" chromium "export HOME=$T/show
    for page in page bare; do
        timeout 60 chromium-headless-shell --no-sandbox --disable-gpu --disable-dev-shm-usage \
            --user-data-dir=$T/show/profile --hide-scrollbars --force-device-scale-factor=1 \
            --window-size=500,500 --screenshot=$T/show/\$page.png file://$T/show/parts/\$page.html
    done"
stop_servers
[ -s "$T/show/page.png" ] || fail "there is no screenshot: $(cat "$T/show/log")"

case_begin "its inline picture is in the screenshot, pixel by pixel"
expect_exit 0 "$MB_PYTHON" "$look" holds "$T/show/page.png" "$sample/images/leaf.png" 64 64

case_begin "the check sees when it is not"
expect_exit 1 "$MB_PYTHON" "$look" holds "$T/show/bare.png" "$sample/images/leaf.png" 64 64
expect_line "the picture is not in the screenshot" "$T/err"
