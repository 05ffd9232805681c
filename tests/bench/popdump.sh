#!/usr/bin/env bash
# popdump fetch beside a client that throws everything away, mpop and poplib: 20,000 messages of
# together about 107 MB from Dovecot on loopback; then a server that is 50 ms away.
#
#   popdump.sh [MESSAGES [DISTANT]]     20000, 2000
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/support/servers.sh
. "$MB_SOURCE/tests/support/servers.sh"

messages=${1:-20000}
distant=${2:-2000}
drain=$MB_BUILD/tests/pop3-drain
tool=$MB_SOURCE/tests/support/archive.py

need_servers "popdump's speed" || exit 0
need_peer "popdump's speed" mpop || exit 0
mpop=$PEER
echo pw >"$T/password"
chmod 600 "$T/password"

"$MB_PYTHON" "$tool" bench "$T/servers/mail/u1/Maildir/cur" "$messages" 7
mkdir -p "$T/servers/mail/u1/Maildir"/{new,tmp}
chown -R 65534:65534 "$T/servers/mail"
start_dovecot_only "$T/servers"

cat >"$T/mpoprc" <<CONF
defaults
host localhost
port $POP3_PORT
user u1
auth user
passwordeval echo pw
tls off
keep on
pipelining on
uidls_file $T/uidls
account mbox
delivery mbox $T/mbox
account maildir
delivery maildir $T/maildir
CONF
chmod 600 "$T/mpoprc"

fetch()
{
    "$MB_BIN/popdump" fetch --quiet --password-file "$T/password" "$@" "$T/archive"
}

prepare_popdump() { rm -rf "$T/archive"; }
run_popdump() { fetch --tls off --server "pop3://u1@localhost:$POP3_PORT"; }
prepare_popdump_tls() { rm -rf "$T/archive"; }
run_popdump_tls() { fetch --tls-trust "$CA_FILE" --server "pop3s://u1@localhost:$POP3S_PORT"; }
run_drain() { "$drain" localhost "$POP3_PORT" u1 pw; }
run_drain_tls() { "$drain" localhost "$POP3S_PORT" u1 pw "$CA_FILE"; }
prepare_mbox() { rm -rf "$T/mbox" "$T/uidls"; }
run_mbox() { "$mpop" -q -C "$T/mpoprc" mbox; }
prepare_maildir() { rm -rf "$T/maildir" "$T/uidls"; mkdir -p "$T/maildir"/{cur,new,tmp}; }
run_maildir() { "$mpop" -q -C "$T/mpoprc" maildir; }
prepare_poplib() { rm -f "$T/poplib.tar"; }
run_poplib() { "$MB_PYTHON" "$MB_SOURCE/tests/bench/poplib-tar.py" "$POP3_PORT" "$T/poplib.tar"; }

run_drain && run_drain_tls # the index of the box is made
bench_rounds drain popdump drain_tls popdump_tls mbox maildir poplib
case_begin "what was measured is an archive"
expect_exit 0 "$MB_BIN/popdump" verify "$T/archive"
expect_exit 0 "$MB_PYTHON" "$tool" compare "$T/archive" "$T/servers/mail/u1/Maildir/cur"
stop_servers

bench_ratio "popdump / bare drain, plain" "$(bench_median popdump wall)" \
    "$(bench_median drain wall)" "at most 1.25"
bench_ratio "popdump / bare drain, TLS" "$(bench_median popdump_tls wall)" \
    "$(bench_median drain_tls wall)" "at most 1.25"
bench_ratio "mpop into an mbox / popdump" "$(bench_median mbox wall)" \
    "$(bench_median popdump wall)" "at least 3"
bench_ratio "mpop into a Maildir / popdump" "$(bench_median maildir wall)" \
    "$(bench_median popdump wall)"
bench_ratio "poplib into a tar / popdump" "$(bench_median poplib wall)" \
    "$(bench_median popdump wall)"

"$MB_PYTHON" "$tool" store "$T/sink/store/new" "$distant" 7
start_mailsink "$T/sink" --store "$T/sink/store" --delay 50
prepare_far() { rm -rf "$T/archive"; }
run_far() { fetch --tls off --server "pop3://u1@localhost:$SINK_POP3"; }
run_wait() { "$drain" localhost "$SINK_POP3" u1 pw - 1; }
BENCH_ROUNDS=1 bench_rounds wait
bench_rounds far
stop_background "$SINK_PID"
bench_ratio "50 ms away: a client that waits for each reply / popdump" "$(bench_median wait wall)" \
    "$(bench_median far wall)" "at least 30"

bench_heads "$messages messages" "a second"
bench_row "bare drain, plain" drain "$messages"
bench_row "popdump, plain" popdump "$messages"
bench_row "bare drain, TLS" drain_tls "$messages"
bench_row "popdump, TLS" popdump_tls "$messages"
bench_row "mpop into an mbox" mbox "$messages"
bench_row "mpop into a Maildir" maildir "$messages"
bench_row "poplib into a tar" poplib "$messages"
bench_row "$distant messages, 50 ms away: popdump" far "$distant"
bench_row "$distant messages, 50 ms away: waiting" wait "$distant"
