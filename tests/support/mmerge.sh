# What the tests of mmerge have in common. Sourced after lib.sh.
# shellcheck shell=bash

# make_letter FILE: a template for the columns name and email.
make_letter()
{
    cat >"$1" <<'LETTER'
From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }}.
LETTER
}

# fresh_sink [MAILSINK-ARG…]: mailsink with an empty store, $T/sink/store, and the certificate of $T/cert; no ledger.
fresh_sink()
{
    [ -z "${SINK_PID:-}" ] || stop_background "$SINK_PID"
    rm -rf sink ./*.db* ./*.db*.marks
    mkdir sink
    cp "$T/cert/"*.pem sink
    start_mailsink "$T/sink" --store "$T/sink/store" "$@"
}

# in_state STATE [LEDGER]: who is in it (people.csv.mmerge.db), without their domain, on one line.
in_state()
{
    "$MB_BIN/mmerge" status --json --state "$1" "${2:-people.csv.mmerge.db}" |
        sed 's/^{"address":"\([^"@]*\)@.*/\1/' | sort | xargs
}

# mailed: who has mail in $T/sink/store, as often as it came.
mailed()
{
    { grep -oh '"recipients":\[[^]]*\]' "$T/sink/store/envelopes.jsonl" 2>/dev/null || true; } |
        sed 's/","/\n/g;s/"recipients":\["//g' | sed 's/@.*//' | sort | xargs
}

# peak NAME EXIT COMMAND…: runs it; its highest resident size in KiB goes to the variable NAME.
peak()
{
    local -n mb_peak=$1
    local code=0

    "$MB_PYTHON" - "${@:3}" >"$T/out" 2>"$T/err" <<'PYTHON' || code=$?
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
open("peak", "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
PYTHON
    [ "$code" = "$2" ] || { cat "$T/err" >&2 && fail "exit code $code instead of $2: ${*:3}"; }
    # shellcheck disable=SC2034 # it is the caller's variable
    mb_peak=$(cat peak)
}
