#!/usr/bin/env bash
# popdump fetch with an accounts file: several accounts side by side, each into its own folder; one
# that fails does not stop the others; mpop's file serves as it is; secrets and folders are safe.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/pop3-box.sh"

popdump=$MB_BIN/popdump
tool=$MB_SOURCE/tests/support/archive.py

# begin_box JSON: a fresh server, and no archives
begin_box()
{
    rm -rf "$T/backup"
    start_box "$1"
}

# accounts TEXT: the accounts file, below some defaults
accounts()
{
    printf 'defaults\ntls off\nhost 127.0.0.1\nport %s\npasswordeval echo pw\n%b' "$PORT" "$1" \
        >"$T/accounts"
}

# fetch EXIT [OPTION…]: into backup
fetch()
{
    local code=$1

    shift
    expect_exit "$code" timeout 120 "$popdump" fetch --accounts "$T/accounts" "$@" "$T/backup"
}

# archived NAME COUNT
archived()
{
    expect_exit 0 "$popdump" verify "$T/backup/$1"
    expect_equal "messages of $1" "$2" "$("$MB_PYTHON" "$tool" count "$T/backup/$1")"
}

four='account a\nuser ua\naccount b\nuser ub\naccount c\nuser uc\naccount d : a\nuser ud\n'

case_begin "every account comes into its own folder, side by side"
begin_box '{"count": 7, "pause": 0.1}'
accounts "$four"
fetch 0 --all
cp "$T/out" "$T/said"
for name in a b c d; do
    archived "$name" 7
    expect_line "$name: 7 new messages archived" "$T/said"
done
# At some moment all four were logged in.
most=$(awk '/PASS/ { n++; if (n > most) most = n } /QUIT/ { n-- } END { print most }' "$T/server.log")
expect_equal "sessions at once" 4 "$most"

case_begin "one by one with -j 1, and only those that are named"
rm -rf "$T/backup"
: >"$T/server.log"
fetch 0 -j 1 --account c --account a --account c
archived a 7
archived c 7
expect_missing "$T/backup/b" "$T/backup/d"
most=$(awk '/PASS/ { n++; if (n > most) most = n } /QUIT/ { n-- } END { print most }' "$T/server.log")
expect_equal "sessions at once" 1 "$most"
stop_box

case_begin "one that fails does not stop the others, and the worst is the exit status"
begin_box '{"count": 3}'
free_port CLOSED
accounts "account a\nuser ua\naccount gone\nuser ux\nport $CLOSED\naccount bad\nuser uy\ntimeout x
account nobody\npasswordeval exit 1\nuser uz\naccount b\nuser ub\n"
fetch 78 --all
expect_line "popdump: gone: 127.0.0.1:$CLOSED" "$T/err"
expect_line "popdump: bad: $T/accounts: line 13: timeout x" "$T/err"
expect_line "popdump: nobody: passwordeval of uz@127.0.0.1: the command failed" "$T/err"
archived a 3
archived b 3
fetch 69 --account a --account gone
fetch 0 --account a
expect_line "a: nothing new" "$T/out"
fetch 78 --account a --account unknown
expect_line "no account unknown in it" "$T/err"
expect_missing "$T/backup/gone" "$T/backup/bad" "$T/backup/nobody" "$T/backup/unknown"

case_begin "JSON lines name the account"
rm -rf "$T/backup"
cat >"$T/events.py" <<'PYTHON'
import collections, json, sys
events = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
count = collections.Counter((event["account"], event["event"]) for event in events)
print(sorted(count.items()))
PYTHON
fetch 0 --account a --account b --json
cp "$T/out" "$T/events"
expect_exit 0 "$MB_PYTHON" "$T/events.py" "$T/events"
expect_line "[(('a', 'archived'), 3), (('a', 'summary'), 1), (('b', 'archived'), 3), (('b', 'summary'), 1)]" \
    "$T/out"

case_begin "a deletion that was not confirmed is 75 for all of them, until the next run settles it"
begin_box '{"count": 3}'
accounts "$four"
fetch 0 --account a --account b
wish '{"count": 3, "lose-quit": true}'
fetch 75 --account a --account b --delete --retry 1 -j 1
cat "$T/out" "$T/err" >"$T/said"
expect_line "a: 127.0.0.1: connection lost: the server closed while waiting for the reply to QUIT; run again" "$T/said"
expect_line ' unknown ' <("$popdump" list "$T/backup/a")
expect_line "b: nothing new, 3 already there, 3 deleted from the server" "$T/said"
fetch 0 --account a --account b --delete
expect_equal "DELEs" 6 "$(said DELE)"
stop_box

begin_box '{"count": 3}'
case_begin "no name is a way out of the folder"
mkdir "$T/inner"
accounts 'account ../out\nuser ua\naccount ..\nuser ua\naccount a/b\nuser ua\naccount .\nuser ua
account \033[31mred\nuser ua\naccount good\nuser ub\n'
expect_exit 78 timeout 60 "$popdump" fetch --accounts "$T/accounts" --all "$T/inner/backup"
expect_equal "refused" 5 "$(grep -c "its name cannot be a folder's" "$T/err")"
expect_no_line $'\033' "$T/err"
expect_equal "folders" "$T/inner
$T/inner/backup
$T/inner/backup/good" "$(find "$T/inner" -maxdepth 2 | sort)"
expect_missing "$T/out/journal" "$T/a"

case_begin "one account's archive is no folder of accounts"
accounts "$four"
expect_exit 78 timeout 60 "$popdump" fetch --accounts "$T/accounts" --all "$T/inner/backup/good"
expect_line "is one account's archive" "$T/err"
expect_missing "$T/inner/backup/good/a"

case_begin "passwords that others can read are refused before anything is asked"
: >"$T/server.log"
accounts 'account a\nuser ua\npassword pw\n'
chmod 644 "$T/accounts"
fetch 78 --all
expect_line "chmod 600 $T/accounts" "$T/err"
expect_one_line "$T/err"
expect_equal "the server's log" "" "$(cat "$T/server.log")"
chmod 600 "$T/accounts"
fetch 0 --all
expect_exit 78 timeout 60 "$popdump" fetch --accounts "$T/nowhere" --all "$T/backup"
expect_line "$T/nowhere: cannot read" "$T/err"

case_begin "the user's own files: mailbatch's, mpop's, and mpop's XDG one"
accounts "account default\nuser ua\n"
mkdir -p "$HOME/.config/mpop" "$HOME/.config/mailbatch"
expect_exit 78 timeout 60 "$popdump" fetch --account default "$T/own"
expect_line "no accounts file" "$T/err"
cp "$T/accounts" "$HOME/.config/mpop/config"
expect_exit 0 timeout 60 "$popdump" fetch --account default "$T/own"
accounts "account second\nuser ub\n"
cp "$T/accounts" "$HOME/.mpoprc"
expect_exit 0 timeout 60 "$popdump" fetch --all "$T/own"
accounts "account third\nuser uc\n"
cp "$T/accounts" "$HOME/.config/mailbatch/accounts"
expect_exit 0 timeout 60 "$popdump" fetch --all "$T/own"
expect_equal "folders" "default second third" "$(cd "$T/own" && echo *)"
rm -r "$HOME/.config" "$HOME/.mpoprc"
stop_box

case_begin "keep off and keep TIME delete, --keep keeps; skipsize leaves"
begin_box '{"count": 5}'
accounts 'account kept\nuser ua\naccount gone\nuser ub\nkeep off\naccount later\nuser uc\nkeep 30d
account small\nuser ud\nskipsize 100\n'
fetch 0 --account gone --keep
expect_equal "DELEs" 0 "$(said DELE)"
fetch 10 --all
expect_equal "DELEs of kept" 0 "$(said "ua DELE")"
expect_equal "DELEs of gone" 5 "$(said "ub DELE")"
expect_equal "DELEs of later" 0 "$(said "uc DELE")"
left=$(grep -c 'popdump: small: .*left on the server' "$T/err")
if [ "$left" -lt 1 ] || [ "$left" -gt 4 ]; then
    fail "$left messages left"
fi
archived small $((5 - left))
fetch 0 --account later --delete
expect_equal "DELEs of later" 5 "$(said "uc DELE")"
stop_box

case_begin "a password is asked for once, however often a run connects"
begin_box '{"count": 6, "cut": 2}'
accounts "account a\nuser ua\npasswordeval echo x >>$T/asked; echo pw\n"
fetch 0 --all --window 1
archived a 6
expect_equal "asked" 1 "$(wc -l <"$T/asked")"
stop_box

case_begin "Ctrl-C stops all of them, and the next run goes on"
begin_box '{"count": 40, "pause": 0.05}'
accounts "$four"
start_background "$T/stopped.log" "$popdump" fetch --accounts "$T/accounts" --all --window 1 \
    -j 3 "$T/backup"
several()
{
    [ "$(said RETR)" -ge 6 ]
}
wait_for several
kill -INT "$STARTED_PID"
code=0
wait "$STARTED_PID" || code=$?
expect_equal "exit code" 75 "$code"
expect_line "popdump: a: warning: stopping" "$T/stopped.log"
fetch 0 --all
for name in a b c d; do
    archived "$name" 40
done
expect_equal "RETRs" 160 "$(said RETR)"
stop_box

case_begin "options that exclude each other"
for words in "--server pop3s://u@h --account a" "--server pop3s://u@h --all" "--all --account a" \
    "--accounts x" "--accounts x --server pop3s://u@h" "--all --keep --delete" "--all -j 0"; do
    # shellcheck disable=SC2086 # it is several words
    expect_exit 64 "$popdump" fetch $words "$T/none"
done
expect_missing "$T/none"

# ---- the sample ----

sample=$MB_SOURCE/samples/systemd

case_begin "the systemd sample does what it says"
begin_box '{"count": 3}'
mkdir -p "$T/credentials" "$T/unit"
echo pw >"$T/credentials/anna.password"
sed -e "s/^host .*/host 127.0.0.1/" -e "s/^tls on/tls off\nport $PORT/" "$sample/accounts" >"$T/sample"
sed -n 's/^ExecStart=//p' "$sample/popdump.service" |
    sed -e "s|/usr/local/bin/popdump|$popdump|" -e "s|/etc/popdump/accounts|$T/sample|" \
        -e "s|/var/lib/popdump|$T/backup|" >"$T/command"
expect_exit 0 env -i CREDENTIALS_DIRECTORY="$T/credentials" HOME=/nonexistent PATH="$PATH" \
    LSAN_OPTIONS="${LSAN_OPTIONS:-}" ASAN_OPTIONS="${ASAN_OPTIONS:-}" sh "$T/command"
archived anna 3
stop_box

if command -v systemd-analyze >/dev/null; then
    case_begin "systemd takes the sample"
    cp "$sample/popdump.timer" "$T/unit"
    sed "s|/usr/local/bin/popdump|$popdump|" "$sample/popdump.service" >"$T/unit/popdump.service"
    expect_exit 0 systemd-analyze verify --man=no "$T/unit/popdump.service" "$T/unit/popdump.timer"
    expect_equal "its words" "" "$(cat "$T/err")"
else
    skip "systemd takes the sample" "needs the program systemd-analyze"
fi
