#!/usr/bin/env bash
# The newcomer's script, with the tools under test: it ends well, tells each step, and its results
# are where it says.
. "$(dirname "$0")/../support/lib.sh"

quickstart=$MB_SOURCE/samples/quickstart.sh

case_begin "quickstart passes and tells its seven steps"
expect_exit 0 "$quickstart" "$T/results"
expect_equal "words on stderr" "" "$(cat "$T/err")"
for step in 1 2 3 4 5 6 7; do
    expect_line "[$step/7] " "$T/out"
done
expect_line "came back byte for byte" "$T/out"
expect_line "$T/results/archive" "$T/out"

case_begin "its results stand where it says"
for result in archive/open/000001.tar archive/journal/000001.jsonl parts/manifest.jsonl news.db; do
    [ -e "$T/results/$result" ] || fail "there is no $result"
done

case_begin "it may be run again"
expect_exit 0 "$quickstart" "$T/results"

case_begin "a step that fails is named, and the server is gone"
mkdir "$T/bin"
for tool in mmerge mparse mailsink; do
    ln -s "$MB_BIN/$tool" "$T/bin/$tool"
done
cat >"$T/bin/popdump" <<'SCRIPT'
#!/bin/sh
case $1 in
    --version) echo "popdump 0" ;;
    *) echo "popdump: out of order" >&2; exit 69 ;;
esac
SCRIPT
chmod 755 "$T/bin/popdump"
expect_exit 69 env MB_BIN="$T/bin" "$quickstart" "$T/broken"
expect_line "popdump: out of order" "$T/out"
expect_line "step 5 did not work (exit code 69)" "$T/err"
expect_equal "servers left" "" "$(pgrep -f "$T/broken/cert.pem" || true)"
