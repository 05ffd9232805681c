#!/usr/bin/env bash
# What people and disks do to a ledger between two runs: it is cut, zeroed, older, read-only, gone. Nobody is mailed
# twice by that, and the error names the file and what to do.
. "$(dirname "$0")/../support/lib.sh"

make_certificate "$T/cert"

# killed_half_way: a campaign of 600 rows, killed in the middle, so that the write-ahead log is still there.
killed_half_way()
{
    cd "$T"
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    chmod -R u+w here 2>/dev/null || true
    rm -rf sink here
    mkdir sink here
    cp "$T/cert/"*.pem sink
    start_mailsink "$T/sink" --store "$T/sink/store" --hide CHUNKING --fault <(echo 'smtp mail 300 silence')
    cd here
    printf 'From: a@example.org\nTo: {{ email }}\nSubject: {{ email }}\n\nHello\n' >letter
    { echo email && seq -f 'p%g@example.net' 600; } >people.csv
    start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off \
        --ledger "$PWD/ledger.db" letter people.csv
    wait_for mailed_at_least 299
    kill -KILL "$STARTED_PID"
    wait "$STARTED_PID" 2>/dev/null || true
    stop_background "$SINK_PID"
    start_mailsink "$T/sink" --store "$T/sink/store"
}

send()
{
    "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --quiet --wait 0 --ledger ledger.db "$@" \
        letter people.csv
}

mailed()
{
    grep -oh '"[a-z0-9]*@example.net"' "$T/sink/store/envelopes.jsonl" 2>/dev/null | sort || true
}

mailed_at_least()
{
    [ "$(mailed | wc -l)" -ge "$1" ]
}

# stops CODE TEXT: the run ends so, with one line that names the ledger; who has mail stays the same.
stops()
{
    mailed >"$T/before"
    expect_exit "$1" send
    expect_line "$2" "$T/err"
    expect_line "ledger.db" "$T/err"
    expect_one_line "$T/err"
    mailed >"$T/after"
    expect_same "$T/before" "$T/after"
}

nobody_twice()
{
    expect_equal "mailed twice" "" "$(mailed | uniq -d)"
}

case_begin "untouched: it goes on"
killed_half_way
cp -p ledger.db "$T/older.db"
expect_exit 0 send
expect_equal "who has mail" 600 "$(mailed | wc -l)"
nobody_twice

case_begin "cut short"
expect_exit 0 send
truncate -s 20000 ledger.db
stops 65 "is damaged: put a good copy in its place"
truncate -s 50 ledger.db
stops 65 "is damaged: put a good copy in its place"

case_begin "a page of zeros, each in turn: no word of it, or it stops; nobody is mailed twice"
killed_half_way
expect_exit 0 send --limit 100
mkdir whole
cp ledger.db* whole
pages=$(($(stat -c %s ledger.db) / 4096))
cp "$T/sink/store/envelopes.jsonl" "$T/had"
for ((page = 0; page < pages; page++)); do
    rm -f ledger.db*
    cp whole/* .
    cp "$T/had" "$T/sink/store/envelopes.jsonl"
    dd if=/dev/zero of=ledger.db bs=4096 count=1 seek="$page" conv=notrunc status=none
    code=0
    send >"$T/out" 2>"$T/err" || code=$?
    case $code in
        0 | 75) ;;
        65) grep -q "ledger.db: .*\(damaged\|holds no campaign\|another kind\)" "$T/err" || fail "page $page: $(cat "$T/err")" ;;
        *) fail "page $page: exit code $code: $(cat "$T/err")" ;;
    esac
    [ -z "$(mailed | uniq -d)" ] || fail "page $page: mailed twice: $(mailed | uniq -d | head -n 3)"
done

case_begin "an older copy is put back beside the marks"
killed_half_way
expect_exit 0 send --limit 10
cp ledger.db "$T/older.db"
expect_exit 0 send --limit 100
cp "$T/older.db" ledger.db
stops 65 "is an older copy, or has lost its -wal file: row"
nobody_twice

case_begin "an older copy again, and all that was sent since had been claimed twice"
killed_half_way
expect_exit 0 send --limit 10
cp ledger.db "$T/older.db"
stop_background "$SINK_PID"
start_mailsink "$T/sink" --store "$T/sink/store" --hide CHUNKING --fault 'smtp mail * drop'
expect_exit 75 send
stop_background "$SINK_PID"
start_mailsink "$T/sink" --store "$T/sink/store"
expect_exit 0 send
expect_equal "who has mail" 600 "$(mailed | wc -l)"
cp "$T/older.db" ledger.db
stops 65 "is an older copy, or has lost its -wal file: row"
nobody_twice

case_begin "the write-ahead log is removed"
killed_half_way
rm -f ledger.db-wal ledger.db-shm
stops 65 "has lost its rows, as when its -wal file is removed"
nobody_twice

case_begin "the ledger is removed, its marks stay: a campaign that begins anew is not taken for that one"
killed_half_way
rm ledger.db ledger.db-wal ledger.db-shm
stop_background "$SINK_PID"
start_mailsink "$T/sink" --store "$T/sink/store" --hide CHUNKING --fault <(echo 'smtp mail 1 silence')
rm "$T/sink/store/envelopes.jsonl"
start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off \
    --ledger ledger.db letter people.csv
claimed()
{
    "$MB_BIN/mmerge" status ledger.db 2>/dev/null | grep -q claimed
}
wait_for claimed
kill -KILL "$STARTED_PID"
wait "$STARTED_PID" 2>/dev/null || true
expect_exit 0 "$MB_BIN/mmerge" status --json --state sent ledger.db
expect_equal "sent" "" "$(cat "$T/out")"

if need_program "killed while the ledger is made" strace; then
    case_begin "killed while the ledger is made: status says so, a run goes on"
    stop_background "$SINK_PID"
    rm -rf "$T/sink/store" ledger.db*
    start_mailsink "$T/sink" --store "$T/sink/store"
    ASAN_OPTIONS="$ASAN_OPTIONS:detect_leaks=0" expect_exit 137 strace -f -qq -o /dev/null -e trace=unlink \
        -e inject=unlink:signal=KILL:when=1 "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off \
        --ledger ledger.db letter people.csv
    [ -s ledger.db-journal ] || fail "nothing was left half-written"
    expect_exit 65 "$MB_BIN/mmerge" status ledger.db
    expect_line "ledger.db: is empty: the program that began it was stopped" "$T/err"
    expect_missing ledger.db-journal
    expect_exit 0 send
    expect_equal "mailed" 600 "$(mailed | wc -l)"
fi

case_begin "a ledger with a second name, by which others would be mailed again"
killed_half_way
ln ledger.db other.db
mv ledger.db first.db
mv other.db ledger.db
stops 65 "ledger.db: has a second name (a hard link)"
expect_exit 0 "$MB_BIN/mmerge" status ledger.db
rm first.db
expect_exit 0 send
expect_equal "mailed" 600 "$(mailed | wc -l)"
nobody_twice

case_begin "a folder that is not there"
expect_exit 73 "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --ledger nowhere/ledger.db letter \
    people.csv
expect_line "nowhere/ledger.db" "$T/err"
expect_line "No such file or directory" "$T/err"

case_begin "something else by the ledger's name"
rm -f ledger.db*
echo "my notes" >ledger.db
stops 65 "is no database of ours, or is damaged"
expect_equal "the notes" "my notes" "$(cat ledger.db)"

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    case_begin "a ledger that may only be read"
    killed_half_way
    chmod 755 .
    chmod 444 ledger.db*
    chown -R 65534:65534 .
    chmod 555 .
    mailed >"$T/before"
    expect_exit 73 setpriv --reuid 65534 --regid 65534 --clear-groups env HOME=/ "$MB_BIN/mmerge" send \
        --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --ledger ledger.db letter people.csv
    expect_line "Permission denied" "$T/err"
    mailed >"$T/after"
    expect_same "$T/before" "$T/after"
fi
