#!/usr/bin/env bash
# The archive as others see it: any tar lists it, sums check, the same mailbox gives the same bytes,
# a lost catalog is made anew, verify finds each kind of damage, and nothing else is taken for one.
. "$(dirname "$0")/../support/lib.sh"

popdump=$MB_BIN/popdump
mails=120

# --- a mailbox and its archive -------------------------------------------------------------------

fill_mailbox()
{
    "$MB_PYTHON" - "$SINK_SMTP" "$mails" <<'PYTHON'
import random, smtplib, sys
dice = random.Random(7)
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as smtp:
    for number in range(int(sys.argv[2])):
        lines = ["line %d" % dice.randrange(10 ** 9) for _ in range(dice.randrange(300))]
        lines += [".", "..x", "From here", ">From there"][: dice.randrange(5)]
        smtp.sendmail("a@example.org", ["u1@example.net"],
                      "Date: %d Mar 2021 10:00:00 +0000\r\nSubject: mail %d\r\n\r\n%s\r\n"
                      % (number % 28 + 1, number, "\r\n".join(lines)))
PYTHON
}

fetch()
{
    "$popdump" fetch --server "pop3://u1@127.0.0.1:$SINK_POP3" --tls off \
        --password-file "$T/password" --segment-size 96K "$@"
}

echo pw >"$T/password"
chmod 600 "$T/password"
start_mailsink "$T/sink"
fill_mailbox
archive=$T/archive

case_begin "a fetch fills sealed segments and an open one"
expect_exit 0 fetch "$archive"
expect_exit 0 "$popdump" list --json "$archive"
cp "$T/out" "$T/list.json"
expect_equal "messages" "$mails" "$(wc -l <"$T/list.json")"
sealed=("$archive"/seg/*.tar.gz)
open=("$archive"/open/*.tar)
[ "${#sealed[@]}" -ge 2 ] || fail "only ${#sealed[@]} sealed segments"
[ -s "${open[0]}" ] || fail "no open segment"

# --- other programs ------------------------------------------------------------------------------

case_begin "tar, bsdtar and Python list the same, without a warning"
cat >"$T/list.py" <<'PYTHON'
import sys, tarfile
with tarfile.open(sys.argv[1]) as tar:
    print("\n".join(tar.getnames()))
PYTHON
: >"$T/names"
for segment in "${sealed[@]}" "${open[@]}"; do
    expect_exit 0 tar tf "$segment"
    cp "$T/out" "$T/by-tar"
    expect_equal "warnings of tar" "" "$(cat "$T/err")"
    expect_exit 0 bsdtar tf "$segment"
    expect_equal "warnings of bsdtar" "" "$(cat "$T/err")"
    expect_same "$T/by-tar" "$T/out"
    expect_exit 0 "$MB_PYTHON" -W error "$T/list.py" "$segment"
    expect_equal "warnings of Python" "" "$(cat "$T/err")"
    expect_same "$T/by-tar" "$T/out"
    cat "$T/by-tar" >>"$T/names"
done
sed 's/.*"member":"\([^"]*\)".*/\1/' "$T/list.json" >"$T/listed"
expect_same "$T/listed" "$T/names"
statement P-16

case_begin "tar extracts what the names, the sums and the list say"
mkdir "$T/untarred"
for segment in "${sealed[@]}" "${open[@]}"; do
    expect_exit 0 tar xf "$segment" -C "$T/untarred"
    expect_equal "warnings of tar" "" "$(cat "$T/err")"
done
sed 's/.*"member":"\([^"]*\)".*"sha256":"\([^"]*\)".*/\2  \1/' "$T/list.json" >"$T/digests"
cd "$T/untarred"
expect_exit 0 sha256sum --quiet -c "$T/digests"
cd "$archive"
expect_exit 0 sha256sum --quiet -c SHA256SUMS
cd "$T"
expect_equal "files" "$mails" "$(find "$T/untarred" -type f | wc -l)"
expect_equal "modes" "600" "$(find "$T/untarred" -type f -printf '%m\n' | sort -u)"

# --- the same again ------------------------------------------------------------------------------

case_begin "two archives of one mailbox are the same, however often one was interrupted"
for limit in 1 30 31 7; do
    expect_exit 0 fetch --limit "$limit" "$T/second"
done
expect_exit 0 fetch "$T/second"
expect_exit 0 diff -r "$archive/seg" "$T/second/seg"
expect_exit 0 diff -r "$archive/open" "$T/second/open"
statement P-13

case_begin "a lost catalog is made anew with the same rows"
rm "$archive"/catalog.db*
expect_exit 65 "$popdump" list "$archive"
expect_line "popdump rebuild" "$T/err"
expect_one_line "$T/err"
expect_exit 0 "$popdump" rebuild "$archive"
expect_exit 0 "$popdump" list --json "$archive"
expect_same "$T/list.json" "$T/out"
expect_exit 0 "$popdump" verify "$archive"
expect_line "clean: $mails messages" "$T/out"
statement P-14

# --- extract -------------------------------------------------------------------------------------

case_begin "extract gives eml, mbox and Maildir"
expect_exit 0 "$popdump" extract --to "$T/eml" "$archive"
expect_exit 0 diff -r "$T/untarred/msgs" "$T/eml/msgs"
expect_exit 73 "$popdump" extract --to "$T/eml" "$archive"
expect_exit 0 "$popdump" extract --to "$T/mbox" --format mbox "$archive"
expect_exit 0 "$popdump" extract --to "$T/maildir" --format maildir "$archive"
cat >"$T/compare.py" <<'PYTHON'
import glob, mailbox, re, sys
want = sorted(open(name, "rb").read().replace(b"\r\n", b"\n")
              for name in glob.glob(sys.argv[1] + "/eml/msgs/*/*/*.eml"))
box = mailbox.mbox(sys.argv[1] + "/mbox/archive.mbox")
unquote = lambda data: re.sub(rb"(?m)^>(>*From )", rb"\1", data)
assert sorted(unquote(box.get_bytes(key)) for key in box.keys()) == want, "mbox"
folder = mailbox.Maildir(sys.argv[1] + "/maildir", create=False)
assert sorted(folder.get_bytes(key) for key in folder.keys()) == want, "maildir"
PYTHON
expect_exit 0 "$MB_PYTHON" "$T/compare.py" "$T"
first=$(head -n 1 "$T/listed")
expect_exit 0 "$popdump" extract --to "$T/one" "$archive" "$first"
expect_same "$T/untarred/$first" "$T/one/$first"
expect_exit 65 "$popdump" extract --to "$T/none" "$archive" nobody
expect_line "nobody: no such member" "$T/err"
expect_exit 64 "$popdump" extract --format tar "$archive"

# --- damage --------------------------------------------------------------------------------------

# damage NAME TEXT COMMAND…: COMMAND runs in a copy of the archive; verify says TEXT and exits 65.
damage()
{
    local text=$2

    case_begin "verify finds $1"
    shift 2
    rm -rf "$T/damaged"
    cp -a "$archive" "$T/damaged"
    chmod -R u+w "$T/damaged"
    (cd "$T/damaged" && "$@")
    expect_exit 65 "$popdump" verify "$T/damaged"
    expect_line "$text" "$T/out"
    expect_line "NOT CLEAN" "$T/out"
}

flip()
{
    "$MB_PYTHON" - "$1" "$2" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    at = file.seek(int(sys.argv[2]), 2 if sys.argv[2].startswith("-") else 0)
    octet = file.read(1)
    file.seek(at)
    file.write(bytes([octet[0] ^ 16]))
PYTHON
}

unpacked_and_packed()
{
    gzip -dk seg/000001.tar.gz && flip seg/000001.tar 3000
}

zero_tail()
{
    truncate -s -2000 open/*.tar && truncate -s +2000 open/*.tar
}

damage "a flipped bit in a sealed segment" "seg/000001.tar.gz" flip seg/000001.tar.gz 5000
damage "a flipped bit in the open segment" "changed: msgs/2021/03/" flip "open/$(basename "${open[0]}")" 1700
damage "a segment cut short" "damaged: seg/000002.tar.gz: " truncate -s 9000 seg/000002.tar.gz
damage "the open segment cut short" "truncated" truncate -s -700 "open/$(basename "${open[0]}")"
damage "a tail of zeros" "msgs/2021/03/" zero_tail
damage "a missing segment" "missing: seg/000002.tar.*" rm seg/000002.tar.gz
damage "a missing manifest" "missing: seg/000001.manifest.jsonl" rm seg/000001.manifest.jsonl
damage "a changed manifest" "line 3 does not fit" sed -i '3s/"length":1/"length":2/;3s/$/ /' seg/000001.manifest.jsonl
damage "a missing journal" "missing: journal/000001.jsonl" rm journal/000001.jsonl
damage "a changed line in the journal" "the chain is broken" sed -i '1s/u1/u2/' journal/000001.jsonl
damage "a missing catalog" "missing: catalog.db" rm catalog.db
damage "a plain segment beside its compressed one, damaged" "changed: msgs/2021/03/" unpacked_and_packed

# tear_open_segment: a copy of the archive, whose open segment keeps its first message only
tear_open_segment()
{
    rm -rf "$T/damaged"
    cp -a "$archive" "$T/damaged"
    truncate -s 3000 "$T/damaged/open/$(basename "${open[0]}")"
}

case_begin "messages lost with a torn segment are fetched again"
tear_open_segment
expect_exit 65 fetch "$T/damaged"
expect_line "shorter than it was" "$T/err"
expect_line "messages were missing; all of them are archived again" "$T/err"
expect_exit 0 "$popdump" verify "$T/damaged"

case_begin "what the server does not have any more is told by name"
last=$(tail -n 1 "$T/listed")
"$MB_PYTHON" - "$SINK_POP3" "$mails" <<'PYTHON'
import poplib, sys
server = poplib.POP3("127.0.0.1", int(sys.argv[1]))
server.user("u1")
server.pass_("pw")
server.dele(int(sys.argv[2]))
server.quit()
PYTHON
tear_open_segment
expect_exit 65 fetch "$T/damaged"
expect_line "$last" "$T/err"
expect_exit 65 "$popdump" verify "$T/damaged"
expect_line "missing: $last" "$T/out"
expect_exit 0 "$popdump" verify "$archive"

case_begin "a segment that is gone is 65 until its messages are there again, to verify for ever"
cp -a "$archive" "$T/gap"
expect_exit 0 "$popdump" seal "$T/gap"
rm -f "$T/gap"/seg/000001.tar*
expect_exit 65 fetch "$T/gap"
expect_line "put it back from a copy" "$T/err"
expect_exit 0 fetch "$T/gap"
expect_line "put it back from a copy" "$T/err"
expect_line "nothing new" "$T/out"
expect_exit 65 "$popdump" verify "$T/gap"
expect_line "missing: seg/000001" "$T/out"

case_begin "a full standard output is told"
to_full()
{
    "$popdump" "$1" "$archive" >/dev/full
}
for command in list verify; do
    expect_exit 74 to_full $command
    expect_line "standard output: cannot write" "$T/err"
done

# --- a copy that may only be read ------------------------------------------------------------------

case_begin "a read-only archive is listed, verified and extracted from"
if need_root "a read-only archive"; then
    # $T is reached by others; the tool may stand where nobody reaches it.
    cp "$popdump" "$T/popdump-copy"
    cp -a "$archive" "$T/read-only"
    rm -f "$T/read-only/lock"
    chmod -R a=rX "$T/read-only" "$T/popdump-copy"
    chmod a+x "$T/popdump-copy"
    for command in list verify; do
        expect_exit 0 setpriv --reuid 65534 --clear-groups "$T/popdump-copy" $command "$T/read-only"
    done
    expect_line "clean: " "$T/out"
    expect_exit 0 "$popdump" extract --to "$T/from-read-only" "$T/read-only" 1
    expect_exit 73 setpriv --reuid 65534 --clear-groups "$T/popdump-copy" seal "$T/read-only"
    expect_one_line "$T/err"
fi

# --- the lock, and what is no archive ------------------------------------------------------------

case_begin "a second process is told to wait"
exec 9>"$archive/lock"
flock -x 9
for command in "fetch --server pop3://u1@127.0.0.1:$SINK_POP3 --tls off --password-file $T/password" \
    seal rebuild verify; do
    # shellcheck disable=SC2086 # words of a command
    expect_exit 75 "$popdump" $command "$archive"
    expect_one_line "$T/err"
    expect_line "locked" "$T/err"
done
exec 9>&-
expect_exit 0 "$popdump" verify "$archive"
statement P-12

# not_an_archive NAME CODE TEXT PATH: each command says TEXT in one line, and changes nothing.
not_an_archive()
{
    local command

    case_begin "$1 is no archive"
    for command in list verify extract seal rebuild; do
        expect_exit "$2" "$popdump" "$command" "$4"
        expect_one_line "$T/err"
        expect_line "$3" "$T/err"
    done
}

mkdir "$T/folder" "$T/empty"
echo x >"$T/folder/letter"
echo x >"$T/file"
not_an_archive "a missing folder" 66 "no such archive" "$T/nowhere"
not_an_archive "a file" 65 "not an archive" "$T/file"
not_an_archive "a folder of other things" 65 "not an archive" "$T/folder"
not_an_archive "an empty folder" 65 "not an archive" "$T/empty"
expect_equal "what the folder holds" "letter" "$(ls "$T/folder")"
expect_equal "what the empty folder holds" "" "$(ls -A "$T/empty")"

case_begin "seal closes the open segment now"
expect_exit 0 "$popdump" seal --compress zstd "$archive"
expect_missing "${open[0]}"
last=$(basename "${open[0]}" .tar)
expect_exit 0 tar tf "$archive/seg/$last.tar.zst"
expect_equal "warnings of tar" "" "$(cat "$T/err")"
expect_exit 0 "$popdump" verify "$archive"
expect_exit 0 fetch "$archive"
expect_line "nothing new" "$T/out"
expect_exit 64 "$popdump" seal --compress rar "$archive"
expect_exit 64 "$popdump" seal
