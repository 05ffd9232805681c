#!/usr/bin/env bash
# What people change between two runs of `mmerge send`: the list, the template, the options. Nobody is mailed twice by
# that, and nobody is skipped without being listed.
. "$(dirname "$0")/../support/lib.sh"
# shellcheck source=tests/support/mmerge.sh
. "$(dirname "$0")/../support/mmerge.sh"

cd "$T"
make_certificate "$T/cert"

# fresh [MAILSINK-ARG…]: an empty store, no ledger, the letter and a list of three.
fresh()
{
    fresh_sink "$@"
    cat >letter <<'LETTER'
From: Green Shop <news@example.org>
To: <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }}.
LETTER
    list 1,Ann,ann 2,Bob,bob 3,Eva,eva
}

# list ID,NAME,LOCAL-PART …: the CSV.
list()
{
    local row

    echo id,name,email >people.csv
    for row in "$@"; do
        echo "$row@example.net" >>people.csv
    done
}

send()
{
    "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --wait 0 --retry 1 "$@" \
        letter people.csv
}

all_once()
{
    expect_equal "who has mail" "${1:-ann bob eva}" "$(mailed)"
}

case_begin "--key comes, goes and changes: the same rows, each mailed once"
fresh
expect_exit 0 send --limit 1
expect_exit 0 send --limit 1 --key id
expect_exit 0 send --key email
all_once
expect_exit 0 send
expect_exit 0 send --key id --accept-changes
all_once

case_begin "two columns that hold each other's values take nobody for somebody else"
fresh
list 1,2,ann 2,1,bob
expect_exit 0 send --key id --limit 1
expect_exit 0 send --key name --accept-changes
all_once "ann bob"
fresh
list 1,2,ann 2,1,bob
expect_exit 0 send --key id --limit 1
list 2,1,bobby 1,2,ann
expect_exit 0 send --key name
all_once "ann bobby"

case_begin "rows with one key: the second stays listed, and is not forgotten when the first is bad"
fresh
list 1,Ann,ann 1,Other,other 2,Bob,bob
expect_exit 10 send --key id --bad-rows skip --limit 1
expect_equal invalid other "$(in_state invalid)"
echo again >>letter
expect_exit 10 send --key id --bad-rows skip
expect_equal invalid other "$(in_state invalid)"
all_once "ann bob"
fresh
list '1,Bad,no address ' 1,Ann,ann 2,Bob,bob
expect_exit 10 send --key id --bad-rows skip
all_once "ann bob"
echo again >>letter
expect_exit 10 send --key id --bad-rows skip
all_once "ann bob"

case_begin "an edited row that was sent stops it; --accept-changes mails it not again"
fresh
expect_exit 0 send --limit 1
list 1,Anne,ann 2,Bob,bob 3,Eva,eva
expect_exit 65 send
expect_line "ann@example.net" "$T/err"
all_once ann
expect_exit 0 send --accept-changes
all_once
expect_exit 0 send
all_once

case_begin "an edited row is named, by its row with --key"
fresh
expect_exit 0 send --key id --limit 2
list 1,Anne,ann 2,Bob,bob 3,Eva,eva
expect_exit 65 send --key id
expect_line "(row 2): put them back" "$T/err"

case_begin "duplicates that are skipped may change places"
fresh
list 1,Ann,ann 2,Ann,ann 3,Eva,eva
expect_exit 10 send --duplicates skip --limit 1
list 2,Ann,ann 1,Ann,ann 3,Eva,eva
expect_exit 10 send --duplicates skip
all_once "ann eva"

case_begin "deferred duplicates may change places"
fresh --fault <(echo 'smtp rcpt 1 451 later')
list 1,Ann,ann 2,Ann,ann 3,Eva,eva
expect_exit 75 send --duplicates skip
list 2,Ann,ann 1,Ann,ann 3,Eva,eva
expect_exit 10 send --duplicates skip
all_once "ann eva"

case_begin "a deferred row leaves the list: nothing is left to do, and it is listed as suppressed"
fresh --fault <(echo 'smtp rcpt 1 451 later')
expect_exit 75 send
list 2,Bob,bob 3,Eva,eva
expect_exit 0 send
all_once "bob eva"

case_begin "a row of which a part is deferred leaves the list"
fresh --fault <(echo 'smtp rcpt 2 451 later')
sed -i 's/^Subject/Cc: copy-{{ email }}\nSubject/' letter
expect_exit 75 send
expect_equal deferred copy-ann "$(in_state deferred)"
list 2,Bob,bob 3,Eva,eva
expect_exit 65 send
expect_exit 0 send --accept-changes
expect_equal suppressed copy-ann "$(in_state suppressed)"
all_once "ann bob copy-bob copy-eva eva"
list 1,Ann,ann 2,Bob,bob 3,Eva,eva
expect_exit 75 send --limit 1
expect_equal deferred copy-ann "$(in_state deferred)"

case_begin "the address of a deferred row is mended: the old one gets nothing"
fresh --fault <(echo 'smtp rcpt 1 451 later')
expect_exit 75 send --key id
list 1,Ann,anne 2,Bob,bob 3,Eva,eva
expect_exit 0 send --key id
all_once "anne bob eva"

case_begin "a suppression counts as long as it is said"
fresh --fault <(echo 'smtp rcpt 1 451 later')
echo ann@example.net >never
expect_exit 75 send
expect_exit 0 send --suppress never
expect_equal suppressed ann "$(in_state suppressed)"
expect_equal deferred "" "$(in_state deferred)"
expect_exit 75 send
expect_equal deferred ann "$(in_state deferred)"

case_begin "a copy that the template adds: open rows get it, for sent rows it is listed"
fresh
expect_exit 0 send --limit 1
sed -i 's/^Subject/Cc: copy-{{ email }}\nSubject/' letter
expect_exit 0 send
all_once "ann bob copy-bob copy-eva eva"
expect_equal suppressed copy-ann "$(in_state suppressed)"
echo again >>letter
expect_exit 0 send
all_once "ann bob copy-bob copy-eva eva"

case_begin "a ledger by another name is the same ledger"
fresh
ln -s people.csv.mmerge.db other.db
expect_exit 0 send --limit 1
expect_exit 0 send --ledger other.db --campaign letter-people
all_once
expect_missing other.db.marks

case_begin "the rows of a state, after the list has changed"
fresh --fault <(echo 'smtp rcpt 2 550 no')
expect_exit 10 send
list 9,New,new 3,Eva,eva 2,Bob,bob 1,Ann,ann
expect_exit 0 "$MB_BIN/mmerge" status --csv --state refused people.csv.mmerge.db
expect_equal "rows" "id,name,email 2,Bob,bob@example.net" "$(tr -d '\r' <"$T/out" | xargs)"
list 9,New,new 3,Eva,eva 2,Bo,bob 1,Ann,ann
expect_exit 65 "$MB_BIN/mmerge" status --csv --state refused people.csv.mmerge.db
expect_line "people.csv: 1 rows" "$T/err"

case_begin "--limit 0 mails nobody"
fresh
expect_exit 64 send --limit 0
expect_equal "who has mail" "" "$(mailed)"
expect_missing people.csv.mmerge.db

case_begin "what goes on is quoted for a shell, and resends nothing by itself"
fresh --fault <(echo 'smtp dot 1 lose') --hide CHUNKING
mkdir "with blank"
expect_exit 75 send --ledger "with blank/it's.db" --limit 1 --in-doubt resend
expect_line "in-doubt 'with blank/it'\\''s.db'" "$T/out"
expect_line "to go on: $MB_BIN/mmerge send" "$T/out"
! grep '^to go on:.*--in-doubt' "$T/out" >&2 || fail "those in doubt would be sent again"

case_begin "the clock was set back: what is deferred is not due in a year"
fresh --fault <(echo 'smtp rcpt 1 451 later')
expect_exit 75 send
"$MB_PYTHON" - <<'PYTHON'
import sqlite3
with sqlite3.connect("people.csv.mmerge.db") as ledger:
    ledger.execute("UPDATE entry SET not_before = not_before + 31536000, updated = updated + 31536000")
PYTHON
expect_exit 0 send --rate 10/second
all_once

case_begin "a list that changes while it is sent: nobody gets another's mail, and the next run goes on"
fresh --delay 5
"$MB_PYTHON" - people.csv <<'PYTHON'
import sys
with open(sys.argv[1], "w") as out:
    out.write("id,name,email,more\n")
    for n in range(600):
        out.write("%d,N%d,p%d@example.net,%s\n" % (n, n, n, "x" * 1000))
PYTHON
{ sed -n 1p people.csv && echo 'new,New,new@example.net,' && sed 1d people.csv; } >longer.csv
started()
{
    [ "$(mailed | wc -w)" -ge 5 ]
}
start_background "$T/run.log" "$MB_BIN/mmerge" send --server "smtp://127.0.0.1:$SINK_SMTP" --tls off --window 1 \
    letter people.csv
wait_for started
cat longer.csv >people.csv
code=0
wait "$STARTED_PID" || code=$?
expect_equal "exit code" 65 "$code"
expect_line "changed since the run began" "$T/run.log"
expect_exit 0 send
mailed | tr ' ' '\n' >recipients
expect_equal "who has mail" 601 "$(wc -l <recipients)"
expect_equal "mailed twice" "" "$(uniq -d recipients)"
for file in sink/store/new/*; do
    to=$(sed -n 's/^To: \([^@]*\)@.*/\1/p' "$file")
    grep -q "^Subject: N${to#p}, " "$file" || [ "$to" = new ] || fail "$file: $to got another's subject"
done
