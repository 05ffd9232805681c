#!/usr/bin/env bash
# What people read of an archive: list with sender and subject, extract for other programs, progress
# on a terminal, and how it compares with what the server lists.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/pop3-box.sh"

popdump=$MB_BIN/popdump
echo pw >"$T/password"
chmod 600 "$T/password"

# --- list ----------------------------------------------------------------------------------------

mkdir -p "$T/sink/store/new"
"$MB_PYTHON" - "$T/sink/store/new" <<'PYTHON'
import sys
mails = [
    b"From: =?UTF-8?Q?Zo=C3=AB_M=C3=BCller?= <zoe@example.org>\r\nDate: Mon, 1 Mar 2021 10:00:00 +0000\r\n"
    b"Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n =?UTF-8?Q?_aus_K=C3=B6ln?=\r\n\r\nbody\r\n",
    b"Subject: \x1b]0;owned\x07\x1b[31mred\r\nFrom: plain@example.org\r\n\r\n",
    b"From: =?UTF-8?Q?=1B[2J=E2=80=AEevil?= <e@example.org>\r\nSubject: =?UTF-8?Q?a=0D=0Ab?=\r\n\r\nx\r\n",
    b"no header at all\r\n",
    b"Subject: " + b"y" * 3000 + b"\r\n folded\r\nFrom: \"A very long name, indeed longer than a column\" <l@x>\r\n\r\n",
    b"From: a@example.org\r\nSubject: raw \xe4\xf6\xfc latin\r\n\r\nx\r\n",
    b"From: From here <f@example.org>\r\nSubject: lines\r\n\r\nFrom the start\r\n>From quoted\r\n.\r\nno end",
]
for number, mail in enumerate(mails, 1):
    with open("%s/%d.eml" % (sys.argv[1], number), "wb") as out:
        out.write(mail)
PYTHON
start_mailsink "$T/sink" --store "$T/sink/store"
archive=$T/archive
fetch()
{
    expect_exit "$1" "$popdump" fetch --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off \
        --password-file "$T/password" "${@:2}"
}
fetch 0 "$archive"

case_begin "list shows sender and subject, decoded and harmless"
expect_exit 0 "$popdump" list "$archive"
cp "$T/out" "$T/list"
expect_equal "lines" 7 "$(wc -l <"$T/list")"
expect_line "Zoë Müller                Grüße aus Köln" "$T/list"
expect_line "plain@example.org         \\x1b]0;owned\\x07\\x1b[31mred" "$T/list"
expect_line "\\x1b[2J\\u{202e}evil" "$T/list"
expect_line "A very long name, indee…  yyy" "$T/list"
expect_line "raw äöü latin" "$T/list"
if LC_ALL=C grep -q $'[\001-\010\013-\037]' "$T/list"; then
    fail "a control character reached the terminal"
fi

case_begin "list --json has both as they are"
expect_exit 0 "$popdump" list --json "$archive"
cp "$T/out" "$T/json"
cat >"$T/rows.py" <<'PYTHON'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert rows[0]["from"] == "Zoë Müller <zoe@example.org>", rows[0]
assert rows[0]["subject"] == "Grüße aus Köln", rows[0]
assert rows[1]["subject"].startswith("\x1b]0;owned"), rows[1]
assert "from" not in rows[3] and "subject" not in rows[3], rows[3]
assert len(rows[4]["subject"]) == 1000, rows[4]
PYTHON
expect_exit 0 "$MB_PYTHON" "$T/rows.py" "$T/json"

case_begin "the list of a rebuilt catalog is the same, sealed or not"
for step in open sealed; do
    [ "$step" = open ] || expect_exit 0 "$popdump" seal "$archive"
    expect_exit 0 "$popdump" list --json "$archive"
    cp "$T/out" "$T/before"
    rm "$archive"/catalog.db*
    expect_exit 0 "$popdump" rebuild "$archive"
    expect_exit 0 "$popdump" list --json "$archive"
    expect_same "$T/before" "$T/out"
done

# --- extract -------------------------------------------------------------------------------------

case_begin "other programs read what extract writes"
expect_exit 0 "$popdump" extract --to "$T/eml" "$archive"
expect_exit 0 "$popdump" extract --to "$T/mbox" --format mbox "$archive"
expect_exit 0 "$popdump" extract --to "$T/maildir" --format maildir "$archive"
cat >"$T/readers.py" <<'PYTHON'
import email, glob, mailbox, re, sys
root = sys.argv[1]
want = sorted(open(name, "rb").read() for name in glob.glob(root + "/sink/store/new/*"))
# POP3 ends every message with a line end.
want = sorted(mail if mail.endswith(b"\r\n") else mail + b"\r\n" for mail in want)
assert sorted(open(name, "rb").read() for name in glob.glob(root + "/eml/msgs/*/*/*.eml")) == want
lines = sorted(mail.replace(b"\r\n", b"\n") for mail in want)
box = mailbox.mbox(root + "/mbox/archive.mbox", create=False)
assert len(box) == len(want), len(box)
got = sorted(re.sub(rb"(?m)^>(>*From )", rb"\1", box.get_bytes(key)) for key in box.keys())
assert got == lines
folder = mailbox.Maildir(root + "/maildir", create=False)
assert sorted(folder.get_bytes(key) for key in folder.keys()) == lines
subjects = sorted(str(message["subject"]) for message in folder)
assert subjects == sorted(str(message["subject"]) for message in box)
PYTHON
expect_exit 0 "$MB_PYTHON" "$T/readers.py" "$T"

# --- against the server --------------------------------------------------------------------------

against()
{
    expect_exit "$1" "$popdump" verify --against-server --tls off --password-file "$T/password" \
        --server "pop3://u1@127.0.0.1:$PORT" "${@:2}"
}

PORT=$SINK_POP3
case_begin "verify --against-server: the same on both sides"
against 0 "$archive"
expect_line "server: 7 listed, 0 of them not archived, 0 of another size; 0 archived ones gone" "$T/out"
expect_line "clean: 7 messages" "$T/out"
expect_no_line "RETR" "$T/sink/log"
stop_background "$SINK_PID"

start_box '{"count": 10}'
expect_exit 0 "$popdump" fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off \
    --password-file "$T/password" "$T/box"
fetched=$(said "u1 RETR")

case_begin "what is on the server only is named: 10"
wish '{"count": 12}'
against 10 "$T/box"
expect_line "not-archived: message 11 (id11): " "$T/out"
expect_line "not-archived: message 12 (id12): " "$T/out"
expect_line "server: 12 listed, 2 of them not archived" "$T/out"

case_begin "what is here only is told, and no fault"
wish '{"count": 10, "remove": [4]}'
against 0 "$T/box"
expect_line "gone: msgs/1970/01/000000004-" "$T/out"
expect_line "1 archived ones gone" "$T/out"

case_begin "what was deleted on purpose is not gone"
wish '{"count": 10}'
expect_exit 0 "$popdump" fetch --server "pop3://u3@127.0.0.1:$PORT" --tls off --delete \
    --password-file "$T/password" "$T/emptied"
expect_exit 0 "$popdump" verify --against-server --tls off --password-file "$T/password" \
    --server "pop3://u3@127.0.0.1:$PORT" "$T/emptied"
expect_line "server: 0 listed, 0 of them not archived, 0 of another size; 0 archived ones gone" "$T/out"

case_begin "another size is: 65"
wish '{"count": 10, "larger": [4]}'
against 65 "$T/box"
expect_line "size-differs: message 4 (id4): the server lists " "$T/out"

case_begin "as JSON lines"
wish '{"count": 11, "larger": [4], "remove": [1]}'
against 65 --json "$T/box"
cp "$T/out" "$T/lines"
cat >"$T/against.py" <<'PYTHON'
import json, sys
lines = [json.loads(line) for line in open(sys.argv[1])]
assert sorted(line["finding"] for line in lines[:3]) == ["gone", "not-archived", "size-differs"], lines
assert lines[3] == {"listed": 10, "unnamed": 0, "not-archived": 1, "size-differs": 1, "gone": 1}, lines
assert lines[4]["clean"] is True, lines
PYTHON
expect_exit 0 "$MB_PYTHON" "$T/against.py" "$T/lines"

case_begin "new names of old messages are known"
wish '{"count": 10, "ids": "new"}'
expect_exit 0 "$popdump" fetch --server "pop3://u1@127.0.0.1:$PORT" --tls off \
    --password-file "$T/password" "$T/box"
against 0 "$T/box"
expect_line "server: 10 listed, 0 of them not archived, 0 of another size; 0 archived ones gone" "$T/out"
wish '{"count": 10, "ids": "new", "larger": [3]}'
against 65 "$T/box"

case_begin "damage here and more there: the worse of the two"
wish '{"count": 12, "ids": "new"}'
cp -a "$T/box" "$T/damaged"
printf x | dd of="$T/damaged/open/000001.tar" bs=1 seek=1100 conv=notrunc status=none
against 65 "$T/damaged"
expect_line "NOT CLEAN" "$T/out"

case_begin "no message was fetched for any of it"
expect_equal "RETRs" "$fetched" "$(said "u1 RETR")"

case_begin "a server that cannot be asked, another account's archive, options without sense"
expect_exit 78 "$popdump" verify --against-server --tls off --password-file "$T/password" \
    --server "pop3://u2@127.0.0.1:$PORT" "$T/box"
expect_line "another account's archive" "$T/err"
expect_exit 66 "$popdump" verify --against-server --tls off --password-file "$T/password" \
    --server "pop3://u1@127.0.0.1:$PORT" "$T/nowhere"
expect_exit 64 "$popdump" verify --against-server "$T/box"
expect_exit 64 "$popdump" verify --server "pop3://u1@127.0.0.1:$PORT" "$T/box"
stop_box
against 69 "$T/box"
expect_one_line "$T/err"
