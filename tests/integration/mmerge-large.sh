#!/usr/bin/env bash
# Lists, rows and fields that are large: memory stays flat, duplicates are found on disk, a quote that is never closed
# is named by its line, and every recipient of a row with 500 gets its mail once. `mmerge-large.sh full` takes
# 1,000,000 rows and files of 1 GB (minutes, 4 GB of disk in TMPDIR).
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/mmerge.sh
. "$(dirname "$0")/../support/mmerge.sh"

few=10000 many=120000 megabytes=48 small=0 large=0
[ "${1:-}" != full ] || many=1000000 megabytes=1024

cd "$T"
make_certificate "$T/cert"
mkdir sink
cp "$T/cert/"*.pem sink
cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }}, number {{ number }} is ready.
LETTER

# rows N: the list.
rows()
{
    awk -v n="$1" 'BEGIN {
        print "number,name,email"
        for (i = 1; i <= n; i++) printf "%d,Person %d,p%d@example.net\n", i, i, i
    }'
}

send=("$MB_BIN/mmerge" send --quiet --tls off --connections 2)

# flat WHAT SMALL LARGE: within a tenth, and under 64 MiB (a sanitizer's own memory is not ours).
flat()
{
    echo "  $1: $2 KiB for $few rows, $3 KiB for $many" >&2
    [ -z "${sanitized:-}" ] || return 0
    [ "$3" -le $(($2 * 11 / 10)) ] || fail "$1: $3 KiB for $many rows, $2 KiB for $few"
    [ "$3" -lt 65536 ] || fail "$1: $3 KiB"
}
sanitized=$(grep -a -m1 -o -F __asan_init "$MB_BIN/mmerge" || true)

rows "$few" >few.csv
rows "$many" >many.csv
start_mailsink "$T/sink" --discard
server=smtp://127.0.0.1:$SINK_SMTP

case_begin "check takes no more memory for a long list"
peak small 0 "$MB_BIN/mmerge" check --quiet letter few.csv
peak large 0 "$MB_BIN/mmerge" check --quiet letter many.csv
flat check "$small" "$large"

case_begin "send takes no more memory for a long list, nor when it goes on with a longer one"
peak small 0 "${send[@]}" --server "$server" letter few.csv
peak large 0 "${send[@]}" --server "$server" letter many.csv
flat send "$small" "$large"
expect_line "$many sent" "$T/out"
echo '0,New,new@example.net' | tee -a few.csv >>many.csv
peak small 0 "${send[@]}" --server "$server" letter few.csv
peak large 0 "${send[@]}" --server "$server" letter many.csv
flat "going on" "$small" "$large"
expect_line "1 sent in" "$T/out"

case_begin "duplicates are found, however far apart, and not in memory"
rows "$many" >many.csv
echo '0,Again,P1@EXAMPLE.net' >>many.csv
echo '0,Again,p1@EXAMPLE.net' >>many.csv
peak large 65 "$MB_BIN/mmerge" check --quiet letter many.csv
expect_line "row $((many + 3)): has the same To as row 2" "$T/err"
expect_no_line "row $((many + 2))" "$T/err"
flat "check with duplicates" "$small" "$large"

case_begin "equal rows are numbered on disk: each is known again, each is mailed as often as it stands there"
{ rows "$few" && rows "$few"; } | sed '1!{/^number/d}' >twice.csv
peak small 0 "${send[@]}" --server "$server" --duplicates send letter twice.csv
expect_line "$((2 * few)) sent" "$T/out"
echo '0,New,new@example.net' >>twice.csv
expect_exit 0 "${send[@]}" --server "$server" --duplicates send letter twice.csv
expect_line "1 sent in" "$T/out"
expect_line "$((2 * few + 1)) sent" "$T/out"

case_begin "a large file of wide rows"
awk -v n=$((megabytes * 100)) 'BEGIN {
    wide = "x"; while (length(wide) < 10000) wide = wide wide
    print "number,name,email,more"
    for (i = 1; i <= n; i++) printf "%d,Person %d,p%d@example.net,%s\n", i, i, i, wide
}' >wide.csv
peak large 0 "$MB_BIN/mmerge" check --quiet letter wide.csv
expect_line "$((megabytes * 100)) rows: $((megabytes * 100)) good" "$T/out"
flat "wide rows" "$small" "$large"
rm wide.csv

# too_long NAME: the list is refused by its line, in bounded memory.
too_long()
{
    peak large 65 "$MB_BIN/mmerge" check --quiet letter "$1"
    expect_line "$1: line 3: the row that begins here is over 16.0 MiB: is a quote not closed?" "$T/err"
    expect_one_line "$T/err"
    [ -n "$sanitized" ] || [ "$large" -lt 65536 ] || fail "$1: $large KiB"
    peak large 65 "${send[@]}" --server "$server" letter "$1"
    expect_line "$1: line 3: " "$T/err"
    expect_missing "$1.mmerge.db" "$1.mmerge.db.marks"
    rm "$1"
}

case_begin "one field that is large"
{
    printf 'number,name,email,more\n1,Ann,ann@example.net,\n2,Bob,bob@example.net,'
    head -c "${megabytes}M" /dev/zero | tr '\0' x
    echo
} >field.csv
too_long field.csv

case_begin "a quote at the beginning of a large file is never closed"
{
    printf 'number,name,email\n1,Ann,ann@example.net\n2,"Bob,bob@example.net\n'
    rows $((megabytes * 30000)) | sed 1d
} >quote.csv
too_long quote.csv

# 452 4.5.3 from the 101st recipient of each message on, as RFC 5321 (4.5.3.1.8) lets a server.
crowd()
{
    case_begin "a row with 500 recipients, a server that takes 100 at a time: $1"
    stop_background "$SINK_PID"
    rm -rf sink/store people.csv.mmerge.db*
    start_mailsink "$T/sink" --store "$T/sink/store" --fault crowd --hide "$1"
    expect_exit 0 "${send[@]}" --wait 0 --retry 1 --limit 1 --server "smtp://127.0.0.1:$SINK_SMTP" crowd.letter people.csv
    expect_line "500 sent" "$T/out"
    expect_equal "messages" 5 "$(wc -l <sink/store/envelopes.jsonl)"
    grep -o '"[a-z0-9]*@example.net"' sink/store/envelopes.jsonl | sort >arrived
    expect_equal "recipients" 500 "$(wc -l <arrived)"
    expect_equal "mailed twice" "" "$(uniq -d arrived)"
    expect_equal "Message-IDs" 1 "$(cat sink/store/new/* | grep -i '^Message-ID:' | sort -u | wc -l)"
}

{
    echo 'name,more'
    seq -s ', ' -f 'c%g@example.net' 499 | sed 's/.*/All,"&"/'
} >people.csv
printf 'From: a@example.org\nTo: first@example.net\nCc: {{ more }}\nSubject: {{ name }}\n\nHello\n' >crowd.letter
seq 101 500 >refused
seq 601 900 >>refused
seq 1001 1200 >>refused
seq 1301 1400 >>refused
sed 's/.*/smtp rcpt & 452 4.5.3 too many recipients/' refused >crowd
crowd STARTTLS
crowd CHUNKING
crowd PIPELINING,CHUNKING

case_begin "a server that takes none of them: all are deferred"
stop_background "$SINK_PID"
rm -rf sink/store people.csv.mmerge.db*
start_mailsink "$T/sink" --store "$T/sink/store" --fault 'smtp rcpt * 452 4.5.3 too many recipients'
expect_exit 75 "${send[@]}" --wait 0 --server "smtp://127.0.0.1:$SINK_SMTP" crowd.letter people.csv
expect_line "500 deferred" "$T/out"
expect_equal "messages" "" "$(cat sink/store/envelopes.jsonl)"
