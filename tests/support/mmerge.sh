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
