#!/usr/bin/env bash
# What mparse -f json writes is what samples/mparse-schema.json says.
. "$(dirname "$0")/../support/lib.sh"

if ! "$MB_PYTHON" -c 'import jsonschema' 2>/dev/null; then
    mb_lacking "the schema of -f json" "needs Debian's python3-jsonschema" || exit 0
fi
cd "$T"

# validates NAME ARGUMENT…
validates()
{
    local code=0

    case_begin "$1"
    shift
    "$MB_BIN/mparse" -qf json --hash md5,sha1,sha256 "$@" >records 2>/dev/null || code=$?
    [ "$code" -le 2 ] || [ "$code" = 66 ] || fail "exit code $code"
    "$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-schema.py" "$MB_SOURCE/samples/mparse-schema.json" \
        <records >lines || fail "not by the schema"
    expect_equal "lines" "$(wc -l <records)" "$(cat lines)"
}

mail=$MB_SOURCE/tests/data/mail
printf 'no mail\n' >notes.txt
tar cf all.tar -C "$MB_SOURCE/tests/data" mail -C "$T" notes.txt
head -c 2000 all.tar >cut.tar
validates "our own mail, other files, what cannot be read" "$mail" all.tar cut.tar gone.eml
for record in message other failure summary; do
    expect_line "\"record\":\"$record\"" records
done
validates "both views" --views scan,gmime "$mail"
for corpus in scan source values; do
    validates "what the fuzzers start from: $corpus" "$MB_SOURCE/tests/fuzz/corpus/$corpus"
done
"$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-mail.py" generated.mbox 200
validates "generated mail" generated.mbox

case_begin "the check can fail"
sed 's/"severity":"warn"/"severity":"bad"/' records >wrong
sed 's/"defects":/"defect":/' records >>wrong
! "$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-schema.py" "$MB_SOURCE/samples/mparse-schema.json" \
    <wrong >/dev/null 2>&1 || fail "a wrong record was taken"

corpora=$MB_SOURCE/../shared/corpora
if [ -d "$corpora" ]; then
    for folder in "$corpora"/*/; do
        [ "$(basename "$folder")" = perf ] && [ -z "${MB_FULL:-}" ] ||
            validates "real mail: $(basename "$folder")" "$folder"
    done
fi
