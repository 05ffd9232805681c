#!/usr/bin/env bash
# Every byte has its place: whole files are built again from the byte ranges that mparse gives in JSON.
. "$(dirname "$0")/../support/lib.sh"

rebuild()
{
    expect_exit 0 "$MB_PYTHON" "$MB_SOURCE/tests/support/rebuild.py" "$MB_BIN/mparse" \
        --gaps "$MB_SOURCE/tests/data/gaps.tsv" "$@"
    tail -n 1 "$T/out"
}

# A Maildir, a folder of it all, and archives of that, compressed too.
make_sources()
{
    mkdir -p "$T/maildir/cur" "$T/maildir/new" "$T/maildir/tmp"
    cp "$MB_SOURCE/tests/data/mail/newsletter.eml" "$T/maildir/cur/1:2,S"
    cp "$MB_SOURCE/tests/data/mail/forwarded.eml" "$T/maildir/new/2"
    tar cf "$T/mail.tar" -C "$MB_SOURCE/tests/data" mail
    tar czf "$T/mail.tar.gz" -C "$MB_SOURCE/tests/data" mail
}

case_run "our own mail" rebuild "$MB_SOURCE/tests/data/mail"
case_run "what the fuzzer starts from" rebuild "$MB_SOURCE/tests/fuzz/corpus/scan"
case_run "sources are made" make_sources
case_run "a Maildir's files" rebuild "$T/maildir"
case_run "archives" rebuild "$T/mail.tar" "$T/mail.tar.gz"

case_begin "well-formed mail has no gap"
expect_exit 0 "$MB_BIN/mparse" -qf json "$MB_SOURCE/tests/data/mail/newsletter.eml" \
    "$MB_SOURCE/tests/data/mail/inbox.mbox"
expect_no_line '"kind":"gap"' "$T/out"

corpora=$MB_SOURCE/../shared/corpora
if [ -d "$corpora" ]; then
    case_run "real mail of other projects" rebuild "$corpora"
fi
