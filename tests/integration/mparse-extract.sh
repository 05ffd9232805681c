#!/usr/bin/env bash
# mparse -x writes what Python's email decodes; where the two differ, mparse says what is wrong.
. "$(dirname "$0")/../support/lib.sh"

cd "$T"

# compares NAME LEAST FILE…: at least LEAST messages are alike.
compares()
{
    local name=$1 least=$2 alike

    shift 2
    case_begin "$name"
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-extract.py" "$MB_BIN/mparse" "$@"
    read -r alike _ <"$T/out" || alike=0
    echo "  alike, different with a defect: $(cat "$T/out")"
    [ "$alike" -ge "$least" ] || fail "only $alike are alike"
}

# One message a file: Python does not know mailboxes' quoting.
"$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-mail.py" mail.mbox 60
csplit -sz -f generated. -b %03d.eml mail.mbox '/^From a@b /' '{*}'
sed -i 1d generated.*.eml
compares "generated mail" 60 generated.*.eml
compares "our own mail" 1 "$MB_SOURCE"/tests/data/mail/*.eml
compares "what the fuzzer starts from" 5 "$MB_SOURCE"/tests/fuzz/corpus/scan/*

{
    printf 'From: a@b.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n'
    printf -- '--b\nContent-Type: message/rfc822\n\nFrom: c@d.example\n\ninner\n--b--\n'
} >nested.eml
case_begin "what is in a part that is named"
expect_exit 0 "$MB_BIN/mparse" -qf shape -x two nested.eml:2
expect_equal "files" 1 "$(wc -l <two/manifest.jsonl)"
expect_equal "content" inner "$(cat two/000001-2.1-*)"
expect_exit 0 "$MB_BIN/mparse" -qf shape -x both nested.eml:TEXT
expect_equal "files" 2 "$(wc -l <both/manifest.jsonl)"

case_begin "a file that stands elsewhere too is not written to"
mkdir linked
echo precious >precious
ln precious linked/.part-0
expect_exit 0 "$MB_BIN/mparse" -qf shape -x linked nested.eml
ln -f precious linked/manifest.jsonl
expect_exit 74 "$MB_BIN/mparse" -qf shape -x linked nested.eml
expect_line "linked/manifest.jsonl: cannot write" "$T/err"
rm linked/manifest.jsonl
mkfifo linked/manifest.jsonl
expect_exit 74 timeout 20 "$MB_BIN/mparse" -qf shape -x linked nested.eml
expect_equal "the file" precious "$(cat precious)"

case_begin "the comparison can fail"
mkdir wrong
cat >wrong/mparse <<END
#!/bin/sh
"$MB_BIN/mparse" "\$@" | sed 's/"defects":\[[^]]*\]/"defects":[]/'
END
chmod +x wrong/mparse
expect_exit 1 "$MB_PYTHON" "$MB_SOURCE/tests/support/mparse-extract.py" wrong/mparse \
    "$MB_SOURCE/tests/data/mail/broken.eml"
expect_line "differs without a defect" "$T/err"

corpora=$MB_SOURCE/../shared/corpora
if [ -d "$corpora" ]; then
    grep -rlIE --include='*.eml' --include='*.msg' --include='*.txt' -m 1 '^[A-Za-z-]+: ' "$corpora" |
        sort >files
    # What does not begin with a header field is a mailbox, or no mail.
    while IFS= read -r file; do
        head -n 1 "$file" | grep -qaE '^[A-Za-z-]+:' && printf '%s\n' "$file"
    done <files >mails || true
    mapfile -t mails <mails
    compares "real mail of other projects" 100 "${mails[@]}"
fi
