#!/usr/bin/env bash
# mmerge beside its peers, on the loopback.
#
#   tests/bench/mmerge.sh [PART…]   fast, far, big, tls, dkim (all of them)
#
# BENCH_SCALE divides the amounts (1; 100 for a try that takes seconds), BENCH_ROUNDS are the rounds
# (5).
. "$(dirname "$0")/lib.sh"

scale=${BENCH_SCALE:-1}
rows=$((20000 / scale)) # 4 KB each
far=$((600 / scale))    # over 50 ms
big=$((1000 / scale))   # with 1 MiB
tls=$((10000 / scale))
dkim=$((6000 / scale))  # signed
far=$((far < 40 ? 40 : far))
big=$((big < 20 ? 20 : big))
dkim=$((dkim < 400 ? 400 : dkim))
lone=$((far / 20))      # of a client that waits for each reply
lone=$((lone < 4 ? 4 : lone > 20 ? 20 : lone))

# campaign NAME ROWS [ATTACHMENT]
campaign()
{
    mkdir -p "$T/$1"
    "$MB_PYTHON" "$MB_SOURCE/tests/bench/mmerge-rows.py" "$T/$1" "${@:2}"
}

# send NAME CAMPAIGN URL OPTION…: with a new ledger; notes how long sending itself took.
send()
{
    local name=$1 campaign=$2 url=$3

    shift 3
    rm -f "$T/$name.db"*
    "$MB_BIN/mmerge" send --server "$url" --ledger "$T/$name.db" --json --quiet "$@" \
        "$T/$campaign/letter.txt" "$T/$campaign/rows.csv" >"$T/$name.json" || return
    bench_note "$name" sending "$(sed -n 's/.*"sending_seconds":\([0-9.e+-]*\).*/\1/p' "$T/$name.json")"
}

octets_of_row()
{
    "$MB_BIN/mmerge" preview --row 2 "$T/$1/letter.txt" "$T/$1/rows.csv" | wc -c
}

# cpu PID: the processor seconds that a process has taken so far.
cpu()
{
    awk -v tick="$(getconf CLK_TCK)" '{ print ($14 + $15) / tick }' "/proc/$1/stat"
}

# where NAME CAMPAIGN URL OPTION…: one more run, looked at.
where()
{
    local campaign=$2 url=$3 before

    before=$(cpu "$SMTP_SINK_PID")
    rm -f "$T/where.db"*
    printf '%s: ' "$1"
    shift 3
    "$MB_PYTHON" "$MB_SOURCE/tests/bench/threads.py" "$MB_BIN/mmerge" send --server "$url" \
        --ledger "$T/where.db" --quiet "$@" "$T/$campaign/letter.txt" "$T/$campaign/rows.csv"
    echo "  the sink meanwhile: $(awk "BEGIN { print $(cpu "$SMTP_SINK_PID") - $before }") s"
}

# --- many small ones -----------------------------------------------------------------------------

run_source()
{
    "$SMTP_SOURCE" -d -s 10 -m "$rows" -l 4096 "127.0.0.1:$SMTP_SINK_PORT"
}

run_source_one()
{
    "$SMTP_SOURCE" -d -s 1 -m "$rows" -l 4096 "127.0.0.1:$SMTP_SINK_PORT"
}

run_mmerge()
{
    send mmerge small "smtp://127.0.0.1:$SMTP_SINK_PORT" --tls off --connections 10
}

run_check()
{
    "$MB_BIN/mmerge" check "$T/small/letter.txt" "$T/small/rows.csv"
}

run_smtplib()
{
    "$MB_PYTHON" "$MB_SOURCE/tests/bench/smtplib-one.py" "$SMTP_SINK_PORT" $((rows / 10)) 4096
}

run_msmtp()
{
    local i

    for ((i = 0; i < rows / 100; i++)); do
        "$MSMTP" --host=127.0.0.1 --port="$SMTP_SINK_PORT" --tls=off --auth=off \
            --from=news@example.org "user$i@example.net" <"$T/letter" || return
    done
}

bench_fast()
{
    campaign small "$rows"
    "$MB_BIN/mmerge" preview --row 2 "$T/small/letter.txt" "$T/small/rows.csv" >"$T/letter"
    start_smtp_sink "$T/sink"
    bench_rounds source mmerge
    echo
    bench_ratio "mmerge over smtp-source -s 10, first claim to last outcome" \
        "$(bench_median source wall)" "$(bench_median mmerge sending)" 1.5
    bench_ratio "mmerge over smtp-source -s 10, the whole process" \
        "$(bench_median source wall)" "$(bench_median mmerge wall)" 1.3
    bench_ratio "processor: smtp-source over mmerge, the whole process" \
        "$(bench_median source cpu)" "$(bench_median mmerge cpu)"
    bench_rounds source_one smtplib msmtp check
    bench_heads "$rows rows of 4 KB to smtp-sink" "messages/s"
    bench_row "smtp-source -d -s 10" source "$rows"
    bench_row "smtp-source -d -s 1" source_one "$rows"
    bench_row "mmerge, 10 connections, ledger" mmerge "$rows"
    echo "  of that sending: $(bench_median mmerge sending) s, $(bench_rate "$rows" \
        "$(bench_median mmerge sending)") messages/s"
    bench_row "mmerge check" check "$rows"
    bench_row "smtplib, 1 connection" smtplib $((rows / 10))
    bench_row "msmtp, a process each" msmtp $((rows / 100))
    where "where the time goes" small "smtp://127.0.0.1:$SMTP_SINK_PORT" --tls off --connections 10
    stop_background "$SMTP_SINK_PID"
}

# --- far away ------------------------------------------------------------------------------------

run_lockstep()
{
    "$MB_PYTHON" "$MB_SOURCE/tests/bench/lockstep.py" "$far_port" "$lone" 4096
}

run_chunking()
{
    send chunking far "smtp://127.0.0.1:$far_port" --tls off --connections 1
}

run_data()
{
    send data far-data "smtp://127.0.0.1:$far_data_port" --tls off --connections 1
}

bench_far()
{
    campaign far "$far"
    campaign far-data "$((far / 5))"
    start_mailsink "$T/far-sink" --discard --delay 50
    far_port=$SINK_SMTP far_pid=$SINK_PID
    start_mailsink "$T/far-data-sink" --discard --delay 50 --hide CHUNKING
    far_data_port=$SINK_SMTP
    bench_rounds lockstep chunking data
    echo
    bench_ratio "one connection, 50 ms away: CHUNKING over waiting for each reply" \
        "$(bench_rate "${far}000" "$(bench_median chunking sending)")" \
        "$(bench_rate "${lone}000" "$(bench_median lockstep wall)")" 20
    bench_ratio "one connection, 50 ms away: DATA over waiting for each reply" \
        "$(bench_rate "$((far / 5))000" "$(bench_median data sending)")" \
        "$(bench_rate "${lone}000" "$(bench_median lockstep wall)")" 3.5
    bench_heads "rows of 4 KB to mailsink --delay 50" "messages/s"
    bench_row "a client that waits, $lone messages" lockstep "$lone"
    bench_row "mmerge, CHUNKING, $far rows" chunking "$far"
    bench_row "mmerge, DATA, $((far / 5)) rows" data "$((far / 5))"
    stop_background "$SINK_PID"
    stop_background "$far_pid"
}

# --- large ---------------------------------------------------------------------------------------

run_source_big()
{
    "$SMTP_SOURCE" -d -s 10 -m "$big" -l 1400000 "127.0.0.1:$SMTP_SINK_PORT"
}

run_big()
{
    send big big "smtp://127.0.0.1:$SMTP_SINK_PORT" --tls off --connections 10
}

bench_big()
{
    local octets

    campaign big "$big" 1048576
    octets=$(octets_of_row big)
    start_smtp_sink "$T/sink"
    bench_rounds source_big big
    echo
    bench_ratio "1 MiB attached: octets/s over smtp-source -s 10 -l 1400000, sending" \
        "$(bench_rate $((big * octets)) "$(bench_median big sending)")" \
        "$(bench_rate $((big * 1400000)) "$(bench_median source_big wall)")" 0.9
    bench_ratio "1 MiB attached: the same, the whole process" \
        "$(bench_rate $((big * octets)) "$(bench_median big wall)")" \
        "$(bench_rate $((big * 1400000)) "$(bench_median source_big wall)")"
    bench_heads "$big messages with 1 MiB attached" "octets/s"
    bench_row "smtp-source -d -s 10 -l 1400000" source_big $((big * 1400000))
    bench_row "mmerge, 10 connections, ledger" big $((big * octets))
    where "where the time goes" big "smtp://127.0.0.1:$SMTP_SINK_PORT" --tls off --connections 10
    stop_background "$SMTP_SINK_PID"
}

# --- TLS -----------------------------------------------------------------------------------------

run_clear()
{
    send clear tls "smtp://127.0.0.1:$SINK_SMTP" --tls off --connections 10
}

run_tls()
{
    send tls tls "smtps://127.0.0.1:$SINK_SMTPS" --tls-trust "$CA_FILE" --connections 10
}

bench_tls()
{
    campaign tls "$tls"
    start_mailsink "$T/tls-sink" --discard
    bench_rounds clear tls
    echo
    bench_ratio "mailsink: TLS over clear, wall" "$(bench_median tls wall)" \
        "$(bench_median clear wall)"
    bench_ratio "mailsink: TLS over clear, mmerge's processor time" "$(bench_median tls cpu)" \
        "$(bench_median clear cpu)"
    bench_heads "$tls rows of 4 KB to mailsink" "messages/s"
    bench_row "mmerge, clear" clear "$tls"
    bench_row "mmerge, TLS" tls "$tls"
    stop_background "$SINK_PID"
}

# --- signatures ----------------------------------------------------------------------------------

run_unsigned()
{
    send unsigned dkim "smtp://127.0.0.1:$SINK_SMTP" --tls off --connections 10
}

run_rsa()
{
    send rsa dkim "smtp://127.0.0.1:$SINK_SMTP" --tls off --connections 10 \
        --dkim "example.org:r:$T/rsa.pem"
}

run_ed25519()
{
    send ed25519 dkim "smtp://127.0.0.1:$SINK_SMTP" --tls off --connections 10 \
        --dkim "example.org:e:$T/ed25519.pem"
}

run_check_unsigned()
{
    "$MB_BIN/mmerge" check "$T/dkim/letter.txt" "$T/dkim/rows.csv"
}

run_check_signed()
{
    "$MB_BIN/mmerge" check --dkim "example.org:r:$T/rsa.pem" "$T/dkim/letter.txt" \
        "$T/dkim/rows.csv"
}

# Seconds of processor a signature, by OpenSSL's own account.
run_openssl()
{
    openssl speed -seconds 2 rsa2048 ed25519 2>/dev/null >"$T/speed"
    bench_note openssl rsa "$(awk '/^rsa +2048 bits/ { print 1 / $6 }' "$T/speed")"
    bench_note openssl ed25519 "$(awk '/EdDSA \(Ed25519\)/ { print 1 / $(NF - 1) }' "$T/speed")"
}

# signature NAME: what one costs more than none.
signature()
{
    awk "BEGIN {
        more = ($(bench_median "$1" cpu) - $(bench_median unsigned cpu)) / $dkim
        print (more > 0 ? more : 0) }"
}

bench_dkim()
{
    local kind

    campaign dkim "$dkim"
    openssl genrsa -out "$T/rsa.pem" 2048 2>/dev/null
    openssl genpkey -algorithm ed25519 -out "$T/ed25519.pem"
    chmod 600 "$T/rsa.pem" "$T/ed25519.pem"
    start_mailsink "$T/dkim-sink" --discard
    bench_rounds unsigned rsa ed25519 openssl check_unsigned check_signed
    echo
    for kind in rsa ed25519; do
        bench_ratio "DKIM, $kind: processor a signature over openssl speed's" \
            "$(signature $kind)" "$(bench_median openssl $kind)" \
            "$([ $kind != rsa ] || echo "at most 1.15")"
    done
    echo "a signature: RSA-2048 $(signature rsa) s (openssl speed: $(bench_median openssl rsa) s)," \
        "Ed25519 $(signature ed25519) s (openssl speed: $(bench_median openssl ed25519) s)"
    bench_heads "$dkim rows of 4 KB to mailsink" "messages/s"
    bench_row "mmerge, unsigned" unsigned "$dkim"
    bench_row "mmerge, RSA-2048" rsa "$dkim"
    bench_row "mmerge, Ed25519" ed25519 "$dkim"
    bench_row "mmerge check, unsigned" check_unsigned "$dkim"
    bench_row "mmerge check, RSA-2048" check_signed "$dkim"
    stop_background "$SINK_PID"
}

case_begin "mmerge beside its peers"
need_peer "msmtp" msmtp || exit 0
MSMTP=$PEER
need_peer "smtp-source" smtp-source || exit 0
SMTP_SOURCE=$PEER
need_smtp_sink "smtp-sink" || exit 0
[ $# != 0 ] || set -- fast far big tls dkim
for part in "$@"; do
    "bench_$part"
done
