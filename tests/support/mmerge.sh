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
