#!/usr/bin/env bash
# mailsink as clients that are not ours see it: Python's smtplib and poplib, and bare sockets.
. "$(dirname "$0")/../support/lib.sh"

# What every Python part below begins with: the doors of $1, a ready file.
cat >"$T/sink.py" <<'PYTHON'
import json, poplib, smtplib, socket, ssl, sys, time

doors = dict(line.rstrip("\n").split("=", 1) for line in open(sys.argv[1]))
tls = ssl.create_default_context(cafile=doors["cert"])

def port(name):
    return int(doors[name].rpartition(":")[2])

def smtp(**more):
    return smtplib.SMTP("127.0.0.1", port("smtp"), timeout=20, **more)

def pop3(user="u1", password="pw"):
    client = poplib.POP3("127.0.0.1", port("pop3"), timeout=20)
    if user:
        client.user(user)
        client.pass_(password)
    return client

def mails(client):
    # poplib splits lines; a CRLF each puts the octets back together
    found = [b"".join(line + b"\r\n" for line in client.retr(n + 1)[1]) for n in range(client.stat()[0])]
    client.quit()
    return found

class Wire:
    """A bare socket that reads whole lines."""

    def __init__(self, door):
        self.socket = socket.create_connection(("127.0.0.1", port(door)), timeout=20)
        self.file = self.socket.makefile("rb")

    def say(self, *lines):
        self.socket.sendall(b"".join(lines))

    def line(self):
        return self.file.readline()

    def reply(self):
        while True:
            line = self.line()
            if line[3:4] != b"-":
                return line

    def at_end(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

def refused(error, function, *arguments):
    try:
        function(*arguments)
    except error as found:
        return found
    raise AssertionError("was not refused")
PYTHON

# sink_python READY <<PYTHON: runs the program with the definitions above.
sink_python()
{
    cat "$T/sink.py" - >"$T/part.py"
    "$MB_PYTHON" "$T/part.py" "$@"
}

# start DIR [ARG…]: mailsink on all doors; its ready file is DIR/ready.
start()
{
    local dir=$1

    shift
    mkdir -p "$dir"
    rm -f "$dir/ready"
    start_background "$dir/log" "$MB_BIN/mailsink" --ready-file "$dir/ready" "$@"
    SINK_PID=$STARTED_PID
    wait_for mb_ready_or_gone "$dir/ready" "$SINK_PID"
    [ -s "$dir/ready" ] || { cat "$dir/log" >&2; fail "mailsink did not start"; }
}

stop()
{
    stop_background "$SINK_PID"
    expect_equal "exit code" 0 "$STOPPED_CODE"
}

goes_in_and_out()
{
    start "$T/plain" --user u1:pw
    sink_python "$T/plain/ready" <<'PYTHON'
text = b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n\xff\xfe 8-bit \xc3\xbc\r\n" + b"y" * 2000 + b"\r\n"
with smtp() as client:
    client.ehlo()
    for name in "pipelining 8bitmime smtputf8 size chunking dsn starttls auth enhancedstatuscodes".split():
        assert client.has_extn(name), name
    assert client.sendmail("a@example.org", ["b@example.net", "c@example.net"], text) == {}
    client.sendmail("ü@example.org", ["ö@example.net"], b"Subject: utf8\r\n\r\n", ["SMTPUTF8", "BODY=8BITMIME"])
client = pop3()
capabilities = client.capa()
for name in "TOP UIDL USER PIPELINING STLS SASL RESP-CODES EXPIRE".split():
    assert name in capabilities, name
assert client.stat() == (2, len(text) + 17)
assert client.list()[1] == [b"1 %d" % len(text), b"2 17"]
ids = [line.split()[1] for line in client.uidl()[1]]
assert len(set(ids)) == 2 and all(len(i) <= 70 for i in ids)
assert client.top(1, 1)[1] == [b"Subject: dots", b"", b"."]
assert mails(client) == [text, b"Subject: utf8\r\n\r\n"]
PYTHON
    stop
    expect_line "2 messages taken" "$T/plain/log"
}

goes_over_tls()
{
    start "$T/tls" --user u1:pw
    sink_python "$T/tls/ready" <<'PYTHON'
with smtp() as client:
    client.starttls(context=tls)
    client.ehlo()
    assert not client.has_extn("starttls")
    client.login("u1", "pw")
    client.sendmail("a@example.org", ["b@example.net"], "Subject: one\r\n\r\n")
with smtplib.SMTP_SSL("127.0.0.1", port("smtps"), context=tls, timeout=20) as client:
    client.sendmail("a@example.org", ["b@example.net"], b"Subject: two\r\n\r\n" + b"line\r\n" * 500000)
client = pop3(None)
client.stls(context=tls)
assert "STLS" not in client.capa()
client.user("u1")
client.pass_("pw")
assert len(mails(client)) == 2
client = poplib.POP3_SSL("127.0.0.1", port("pop3s"), context=tls, timeout=20)
client.user("u1")
client.pass_("pw")
assert [len(mail) for mail in mails(client)] == [16, 16 + 3000000]

# The certificate is for this machine only, and trusted by those who were told.
refused(ssl.SSLCertVerificationError, lambda: smtplib.SMTP_SSL("127.0.0.1", port("smtps"), context=ssl.create_default_context()))
PYTHON
    stop
}

refuses_what_follows_starttls()
{
    start "$T/surplus"
    sink_python "$T/surplus/ready" <<'PYTHON'
wire = Wire("smtp")
wire.line()
wire.say(b"EHLO x\r\n")
wire.reply()
wire.say(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
assert wire.line().startswith(b"503 ")
assert wire.at_end()
wire = Wire("pop3")
wire.line()
wire.say(b"STLS\r\nUSER evil\r\n")
assert wire.line().startswith(b"-ERR ")
assert wire.at_end()
PYTHON
    stop
}

checks_logins()
{
    start "$T/login" --user u1:pw --user box@example.net:pw2
    sink_python "$T/login/ready" <<'PYTHON'
with smtp() as client:
    assert refused(smtplib.SMTPAuthenticationError, client.login, "u1", "wrong").smtp_code == 535
    client.login("u1", "pw")
    client.sendmail("a@example.org", ["box@EXAMPLE.NET", "other@example.net"], "Subject: for box\r\n\r\n")
    client.sendmail("a@example.org", ["Box@example.net"], "Subject: for another\r\n\r\n")
with smtp() as client:
    client.ehlo()
    client.user, client.password = "u1", "pw"
    assert client.auth("LOGIN", client.auth_login)[0] == 235
assert b"[AUTH]" in refused(poplib.error_proto, pop3, "u1", "wrong").args[0]
assert len(mails(pop3())) == 2
assert mails(pop3("box@example.net", "pw2")) == [b"Subject: for box\r\n\r\n"]
wire = Wire("pop3")
wire.line()
wire.say(b"AUTH PLAIN AHUxAHB3\r\nSTAT\r\n")
assert wire.line().startswith(b"+OK") and wire.line().startswith(b"+OK 2 ")
PYTHON
    stop
}

takes_chunks()
{
    start "$T/chunks" --store "$T/chunks/store"
    sink_python "$T/chunks/ready" <<'PYTHON'
wire = Wire("smtp")
wire.line()
wire.say(b"EHLO x\r\n")
wire.reply()
content = b".\r\n\r\n.\r\nbare\nand no end"
group = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nBDAT 7\r\n" + content[:7] + \
    b"BDAT %d LAST\r\n" % (len(content) - 7) + content[7:]
wire.say(group * 100)
for _ in range(100):
    assert [wire.reply()[:3] for _ in range(4)] == [b"250"] * 4
wire.say(b"QUIT\r\n")
assert wire.reply()[:3] == b"221" and wire.at_end()
PYTHON
    printf '.\r\n\r\n.\r\nbare\nand no end' >"$T/chunks/want"
    for n in 1 50 100; do
        expect_same "$T/chunks/want" "$T/chunks/store/new/$n.eml"
    done
    expect_equal "files" 100 "$(find "$T/chunks/store/new" -name '*.eml' | wc -l)"
    expect_equal "envelopes" 100 "$(wc -l <"$T/chunks/store/envelopes.jsonl")"
    stop
}

goes_on_after_a_restart()
{
    local store=$T/restart/store

    start "$T/restart" --store "$store"
    sink_python "$T/restart/ready" <<'PYTHON' >"$T/restart/ids"
with smtp() as client:
    for n in range(5):
        client.sendmail("a@example.org", ["b%d@example.net" % n], "Subject: %d\r\n\r\n.%d\r\n" % (n, n))
client = pop3("b1@example.net")
assert client.stat()[0] == 1
client.quit()
client = pop3()
client.dele(1)
client.rset()
client.dele(3)
client.quit()
print([line.split()[1] for line in pop3().uidl()[1]])
# A connection in the middle of a message, when the process is killed
wire = Wire("smtp")
wire.line()
wire.say(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n")
for _ in range(4):
    wire.reply()
wire.say(b"x" * 1000000)
PYTHON
    {
        kill -KILL "$SINK_PID"
        wait "$SINK_PID" || true
    } 2>/dev/null

    start "$T/restart" --store "$store"
    expect_equal "unfinished" 0 "$(find "$store/tmp" -type f | wc -l)"
    sink_python "$T/restart/ready" <<'PYTHON' >"$T/restart/ids2"
print([line.split()[1] for line in pop3().uidl()[1]])
assert mails(pop3()) == [b"Subject: %d\r\n\r\n.%d\r\n" % (n, n) for n in (0, 1, 3, 4)]
assert mails(pop3("b3@Example.Net")) == [b"Subject: 3\r\n\r\n.3\r\n"]
with smtp() as client:
    client.sendmail("a@example.org", ["b@example.net"], "Subject: new\r\n\r\n")
PYTHON
    expect_same "$T/restart/ids" "$T/restart/ids2"
    [ -e "$store/new/6.eml" ] || fail "the next number is not 6"
    expect_equal "recipients" '["b3@example.net"]' "$(sed -n 's/^{"number":4,.*"recipients":\(\[.*\]\),"size".*/\1/p' "$store/envelopes.jsonl")"

    # One at a time
    expect_exit 75 "$MB_BIN/mailsink" --store "$store" --smtp :0
    expect_line "another mailsink uses this folder" "$T/err"
    stop
}

makes_faults()
{
    cat >"$T/script" <<'SCRIPT'
smtp mail 2 451 4.3.0 later      # the second MAIL of all
smtp rcpt 2 550 5.1.1 unknown
smtp dot 3 lose
smtp dot 4 drop
smtp noop 1 garbage
smtp noop 2 silence
pop3 retr 2 truncate 12
pop3 retr 3 -ERR [SYS/TEMP] not now
SCRIPT
    start "$T/faults" --fault "$T/script" --fault 'smtp greeting 6 421 4.3.2 busy; smtp connect 7 drop'
    sink_python "$T/faults/ready" <<'PYTHON'
def send(n, to=("b@example.net",)):
    with smtp() as client:
        return client.sendmail("a@example.org", list(to), "Subject: %d\r\n\r\n" % n)

assert send(1) == {}
assert refused(smtplib.SMTPSenderRefused, send, 2).smtp_code == 451
assert send(3, ("bad@example.net", "b@example.net"))["bad@example.net"][0] == 550
refused(smtplib.SMTPServerDisconnected, send, 4)   # kept, but the reply is lost
refused(smtplib.SMTPServerDisconnected, send, 5)   # dropped, nothing is kept
assert refused(smtplib.SMTPConnectError, smtp).smtp_code == 421
refused(smtplib.SMTPServerDisconnected, smtp)

wire = Wire("smtp")
wire.line()
wire.say(b"NOOP\r\n")
assert not wire.line()[:1].isdigit()
wire.say(b"NOOP\r\nQUIT\r\n")
wire.socket.settimeout(0.3)
refused(TimeoutError, wire.line)

wire = Wire("pop3")
wire.line()
wire.say(b"USER x\r\nPASS y\r\nSTAT\r\nRETR 1\r\nRETR 2\r\n")
assert [wire.line() for _ in range(2)][1].startswith(b"+OK 3 ")
wire.line()
while wire.line() != b".\r\n":
    pass
assert wire.line().startswith(b"+OK")
assert wire.file.read() == b"Subject: 3\r\n"[:12]
wire = Wire("pop3")
wire.line()
wire.say(b"USER x\r\nPASS y\r\nRETR 1\r\nRETR 3\r\n")
lines = [wire.line() for _ in range(5)]
assert lines[2].startswith(b"-ERR [SYS/TEMP]") and lines[3].startswith(b"+OK"), lines
PYTHON
    stop
}

# The last reply must not be lost because more was on its way to us when we closed.
says_the_last_word()
{
    start "$T/last" --fault 'smtp rcpt 1 421 4.3.2 enough'
    sink_python "$T/last/ready" <<'PYTHON'
wire = Wire("smtp")
wire.line()
wire.say(b"EHLO x\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\n" + b"NOOP\r\n" * 20000)
wire.reply()
assert wire.reply()[:3] == b"250"
assert wire.reply()[:3] == b"421"
PYTHON
    stop
}

is_far_away()
{
    start "$T/far" --delay 300 --discard
    sink_python "$T/far/ready" <<'PYTHON'
def timed(function):
    begin = time.monotonic()
    result = function()
    return result, time.monotonic() - begin

wire, _ = None, None
begin = time.monotonic()
wire = Wire("smtp")
wire.line()
assert time.monotonic() - begin >= 0.29
wire.say(b"EHLO x\r\n")
_, took = timed(wire.reply)
assert 0.29 <= took < 5, took

# A hundred replies to a group arrive together, after one round trip
wire.say(b"MAIL FROM:<a@example.org>\r\n" + b"RCPT TO:<b@example.net>\r\n" * 98 + b"DATA\r\n")
replies, took = timed(lambda: [wire.reply()[:3] for _ in range(100)])
assert replies == [b"250"] * 99 + [b"354"]
assert 0.29 <= took < 5, took

# Octets are late, not slow
wire.say(b"line\r\n" * 2000000 + b".\r\nQUIT\r\n")
replies, took = timed(lambda: [wire.reply()[:3] for _ in range(2)])
assert replies == [b"250", b"221"] and took < 10, took
assert wire.at_end()

# Several connections do not wait for each other
begin = time.monotonic()
wires = [Wire("pop3") for _ in range(20)]
assert all(w.line().startswith(b"+OK") for w in wires)
assert time.monotonic() - begin < 5

# After STARTTLS nothing may be on its way either
wire = Wire("smtp")
wire.line()
wire.say(b"EHLO x\r\n")
wire.reply()
wire.say(b"STARTTLS\r\n")
time.sleep(0.05)
wire.say(b"NOOP\r\n")
wire.line()
assert wire.at_end()
PYTHON
    stop
}

serves_many_at_once()
{
    start "$T/many"
    sink_python "$T/many/ready" <<'PYTHON'
import threading

text = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 20000

def send(secure):
    with smtp() as client:
        if secure:
            client.starttls(context=tls)
        for _ in range(5):
            client.sendmail("a@example.org", ["b@example.net"], text)

threads = [threading.Thread(target=send, args=(n % 2,)) for n in range(20)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

# Everything is asked for before anything is read
wire = Wire("pop3")
wire.line()
wire.say(b"USER x\r\nPASS y\r\n" + b"".join(b"RETR %d\r\n" % n for n in range(1, 101)) + b"QUIT\r\n")
got = wire.file.read()
assert got.startswith(b"+OK and the password?\r\n+OK 100 messages\r\n")
assert got.count(text + b".\r\n") == 100
PYTHON
    stop
}

hides_what_it_is_told_to()
{
    start "$T/hide" --hide PIPELINING,CHUNKING,stls,uidl --max-size 1K
    sink_python "$T/hide/ready" <<'PYTHON'
with smtp() as client:
    client.ehlo()
    for name in ("pipelining", "chunking", "starttls"):
        assert not client.has_extn(name), name
    assert client.esmtp_features["size"] == "1024"
    assert client.docmd("BDAT 0 LAST")[0] == 502
    refused(smtplib.SMTPSenderRefused, client.sendmail, "a@example.org", ["b@example.net"], "x" * 2000)
client = pop3()
assert "PIPELINING" not in client.capa() and "UIDL" not in client.capa() and "STLS" not in client.capa()
refused(poplib.error_proto, client.uidl)
PYTHON
    stop
}

opens_all_doors_by_default()
{
    start_background "$T/default" "$MB_BIN/mailsink"
    SINK_PID=$STARTED_PID
    wait_for grep -q '^pop3s=127.0.0.1:' "$T/default"
    expect_equal "doors" "pop3 pop3s smtp smtps " "$(sed -n 's/=127\.0\.0\.1:[0-9]*$//p' "$T/default" | sort | tr '\n' ' ')"
    kill -INT "$SINK_PID"
    wait_for mb_process_gone "$SINK_PID"
    STOPPED_CODE=0
    wait "$SINK_PID" || STOPPED_CODE=$?
    expect_equal "exit code" 0 "$STOPPED_CODE"

    start "$T/quiet" --quiet --smtp 127.0.0.1:0 --smtp '[::1]:0' --cert "$T/cert/cert.pem" --key "$T/cert/key.pem"
    expect_equal "smtp doors" 2 "$(grep -c '^smtp=' "$T/quiet/ready")"
    expect_line "cert=$T/cert/cert.pem" "$T/quiet/ready"
    stop
    expect_equal "words" 0 "$(wc -c <"$T/quiet/log")"
}

# EXIT TEXT ARG…: one line (and for usage errors the hint) says what is wrong.
expect_refusal()
{
    local code=$1 text=$2

    shift 2
    expect_exit "$code" timeout 10 "$MB_BIN/mailsink" "$@"
    expect_line "$text" "$T/err"
    [ "$(wc -l <"$T/err")" -le 2 ] || fail "more than a line and a hint: $*"
    [ ! -s "$T/out" ] || fail "something on stdout: $*"
}

explains_bad_settings()
{
    local port

    expect_refusal 64 "--nonsense" --nonsense
    expect_refusal 64 "operand" operand
    expect_refusal 64 "not an address to listen on" --smtp nowhere
    expect_refusal 64 "--store and --discard" --store "$T/x" --discard
    expect_refusal 64 "--cert and --key" --cert "$T/cert/cert.pem"
    expect_refusal 64 "write NAME:PASSWORD" --user secret
    expect_refusal 64 "unknown command" --fault 'smtp fly 1 drop'
    expect_refusal 64 "not a capability" --hide FLYING
    expect_refusal 64 "--delay" --delay -5
    expect_refusal 65 "bad-script: line 2" --fault "$T/bad-script"
    expect_refusal 78 "$T/missing.pem" --cert "$T/missing.pem" --key "$T/cert/key.pem"
    expect_refusal 78 "$T/cert/ca-key.pem" --cert "$T/cert/cert.pem" --key "$T/cert/ca-key.pem"
    expect_refusal 73 "cannot make the folder" --store /dev/null/store
    expect_missing "$T/x"
    start "$T/taken" --smtp 127.0.0.1:0
    port=$(sed -n 's/^smtp=.*://p' "$T/taken/ready")
    expect_refusal 69 "127.0.0.1:$port: cannot listen" --smtp "127.0.0.1:$port"
    stop
    expect_exit 0 "$MB_BIN/mailsink" --help
    expect_line "--ready-file" "$T/out"
    expect_exit 0 "$MB_BIN/mailsink" --version
}

make_certificate "$T/cert"
printf '# fine\nsmtp rcpt x drop\n' >"$T/bad-script"

case_run "mail goes in by SMTP and out by POP3, octet by octet" goes_in_and_out
case_run "the same over TLS, from the start or later" goes_over_tls
case_run "nothing may follow STARTTLS and STLS" refuses_what_follows_starttls
case_run "logins are checked, and say who sees what" checks_logins
case_run "chunks are taken as they are" takes_chunks
case_run "a folder goes on after a kill" goes_on_after_a_restart
case_run "faults happen where the script says" makes_faults
case_run "the last reply arrives, whatever was still coming" says_the_last_word
case_run "a delay is one round trip for a whole group" is_far_away
case_run "many connections are served at once" serves_many_at_once
case_run "what is hidden is not offered" hides_what_it_is_told_to
case_run "doors open by default, and signals end it" opens_all_doors_by_default
case_run "settings without sense are explained" explains_bad_settings
