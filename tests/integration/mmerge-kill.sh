#!/usr/bin/env bash
# Campaigns ended by SIGKILL at random points and started again: sent and in doubt are all rows, nobody is mailed twice,
# a kill leaves no more in doubt than were handed over and unanswered; once the server's side has settled those, each
# has its mail exactly once. First against mailsink with DATA and with BDAT, on one connection and on several; then
# 5,000 rows against Postfix's smtp-sink. `mmerge-kill.sh full [SEED]` has 10,000 rows and 100 kills each (minutes);
# MB_SCALE=0.1 takes a tenth of the rows of the last.
. "$(dirname "$0")/../support/lib.sh"
. "$(dirname "$0")/../support/servers.sh"

# table DIALOGUE CONNECTIONS: the kills are spread over the preflight, the start, the run, its end and resuming.
table()
{
    local name="killed: $1, $2 connections" size=(--rows 800 --kills 12)

    [ -z "$full" ] || size=(--rows 10000 --kills 100)
    case_begin "$name"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/endure.py" kill "$T/kill-$1-$2" "${size[@]}" \
        --seed "$seed" --dialogue "$1" --connections "$2" --delay 5
    cat "$T/out"
    statement M-27
}

full=
[ "${1:-}" != full ] || full=1
seed=${2:-$RANDOM}
for dialogue in DATA BDAT; do
    table "$dialogue" 1
    table "$dialogue" 4
done

rows=$(awk "BEGIN { print int(5000 * ${MB_SCALE:-1}) }")
kills=3
mails=$T/sink/mails
ledger=$T/ledger.db

mmerge()
{
    "$MB_BIN/mmerge" "$@"
}

send()
{
    mmerge send --server "smtp://127.0.0.1:$SMTP_SINK_PORT" --tls off --ledger "$ledger" --quiet \
        --wait 5 "$@" "$T/letter" "$T/people.csv"
}

sink_count()
{
    find "$mails" -type f | wc -l
}

sink_grown_to()
{
    [ "$(sink_count)" -ge "$1" ] || mb_process_gone "$STARTED_PID"
}

# The envelope's recipients of all that the sink has, a line each.
sink_recipients()
{
    grep -rhm1 '^X-Rcpt-Args: ' "$mails" | sed 's/^[^<]*<\([^>]*\)>.*/\1/' | sort
}

in_state()
{
    mmerge status --json --state "$1" "$ledger"
}

count_state()
{
    in_state "$1" | wc -l
}

addresses_in_state()
{
    in_state "$1" | sed 's/^{"address":"\([^"]*\)".*/\1/' | sort
}

kill_once()
{
    local had code=0

    had=$(sink_count)
    start_background "$T/killed.log" "$MB_BIN/mmerge" send \
        --server "smtp://127.0.0.1:$SMTP_SINK_PORT" --tls off --ledger "$ledger" --quiet \
        "$T/letter" "$T/people.csv"
    wait_for sink_grown_to $((had + 1 + RANDOM % (rows / 5)))
    kill -KILL "$STARTED_PID" 2>/dev/null || true
    wait "$STARTED_PID" 2>/dev/null || code=$?
    expect_equal "exit code of the killed run" 137 "$code"
    echo "  killed with $(sink_count) of $rows at the sink" >&2
}

need_smtp_sink "mmerge killed three times" || exit 0

case_begin "$kills kills within $rows rows, then a run to the end"
mkdir -p "$mails"
cat >"$T/letter" <<'LETTER'
From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }},

number {{ number }} is ready.
LETTER
awk -v n="$rows" 'BEGIN {
    print "number,name,email"
    for (i = 1; i <= n; i++) printf "%d,Person %d,p%d@example.net\n", i, i, i
}' >"$T/people.csv"
start_smtp_sink "$T/sink" -d 'mails/%M.'
for ((i = 0; i < kills; i++)); do
    kill_once
    doubtful[i]=$(count_state in-doubt)
done
code=0
send >"$T/last.out" 2>"$T/last.err" || code=$?
sent=$(count_state sent)
doubt=$(count_state in-doubt)
printf '  after kill %s\n' "1: ${doubtful[0]} in doubt" "2: ${doubtful[1]}" "3: ${doubtful[2]}" >&2
echo "  sent $sent, in doubt $doubt, at the sink $(sink_count)" >&2
expect_equal "sent and in doubt" "$rows" $((sent + doubt))
expect_equal "exit code" "$([ "$doubt" = 0 ] && echo 0 || echo 75)" "$code"
for ((i = 0; i < kills; i++)); do
    [ "${doubtful[i]}" -le $((i + 1)) ] || fail "${doubtful[i]} in doubt after kill $((i + 1))"
done

case_begin "nobody was mailed twice, and nobody counts as sent who was not"
sink_recipients >"$T/arrived"
expect_equal "mailed twice" "" "$(uniq -d "$T/arrived")"
expect_equal "sent, but not arrived" "" "$(comm -23 <(addresses_in_state sent) "$T/arrived")"
expect_equal "arrived, but neither sent nor in doubt" "" \
    "$(comm -13 <({ addresses_in_state sent; addresses_in_state in-doubt; } | sort) "$T/arrived")"

case_begin "resolved from what the sink has, and sent again: each exactly once"
expect_exit 0 mmerge resolve --sent "$T/arrived" "$ledger"
addresses_in_state in-doubt >"$T/not-arrived"
expect_exit 0 mmerge resolve --unsent "$T/not-arrived" "$ledger"
expect_exit 0 send
sink_recipients >"$T/arrived"
expect_equal "mails at the sink" "$rows" "$(wc -l <"$T/arrived")"
expect_equal "mailed twice" "" "$(uniq -d "$T/arrived")"
expect_equal "sent" "$rows" "$(count_state sent)"
statement M-27

case_begin "another run has nothing to do"
expect_exit 0 send
expect_equal "mails at the sink" "$rows" "$(sink_count)"
