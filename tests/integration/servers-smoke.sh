#!/usr/bin/env bash
# The servers of the other tests themselves: what comes in by submission and SMTPS is delivered,
# and goes out by POP3 with STLS and by POP3S, checked with Python's own clients.
. "$(dirname "$0")/../support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"

mail_smoke()
{
    "$MB_PYTHON" - "$SUBMISSION_PORT" "$SMTPS_PORT" "$POP3_PORT" "$POP3S_PORT" "$CA_FILE" <<'PYTHON'
import poplib, smtplib, ssl, sys, time

submission, smtps, pop3, pop3s = map(int, sys.argv[1:5])
tls = ssl.create_default_context(cafile=sys.argv[5])
text = "From: <a@example.net>\r\nTo: <%s>\r\nSubject: %s\r\n\r\nHello\r\n"

with smtplib.SMTP("127.0.0.1", submission) as client:
    client.ehlo()
    try:
        client.sendmail("a@example.net", ["u1@example.net"], text % ("u1@example.net", "refused"))
    except smtplib.SMTPResponseException as refusal:
        assert refusal.smtp_code == 530, refusal
    else:
        raise AssertionError("submission took mail in clear")
    client.starttls(context=tls)
    client.login("u1", "pw")
    client.sendmail("a@example.net", ["u1@example.net"], text % ("u1@example.net", "one"))
with smtplib.SMTP_SSL("127.0.0.1", smtps, context=tls) as client:
    client.login("u1", "pw")
    client.sendmail("a@example.net", ["someone@example.org"], text % ("someone@example.org", "two"))
    try:
        client.sendmail("a@example.net", ["a@elsewhere.example"], text % ("a", "outside"))
    except smtplib.SMTPException:
        pass
    # Accepted or refused, the default transport keeps it from leaving the machine.

def fetch(client, user):
    client.user(user)
    client.pass_("pw")
    mails = [b"\n".join(client.retr(n + 1)[1]) for n in range(client.stat()[0])]
    client.quit()
    return mails

def fetch_by(connect, user, subject):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        mails = fetch(connect(), user)
        if mails:
            assert len(mails) == 1 and b"Subject: " + subject in mails[0], mails
            return
        time.sleep(0.05)
    raise AssertionError("nothing arrived for " + user)

def clear_then_tls():
    client = poplib.POP3("127.0.0.1", pop3)
    client.stls(context=tls)
    return client

fetch_by(clear_then_tls, "u1", b"one")
fetch_by(lambda: poplib.POP3_SSL("127.0.0.1", pop3s, context=tls), "rest", b"two")
PYTHON
}

seeded_smoke()
{
    printf 'Subject: seeded\n\nbody without a line end' >"$T/seed"
    seed_mail u2 "$T/seed" "$T/seed"
    "$MB_PYTHON" - "$POP3_PORT" <<'PYTHON'
import poplib, sys

client = poplib.POP3("127.0.0.1", int(sys.argv[1]))
client.user("u2")
client.pass_("pw")
assert client.stat()[0] == 2
assert client.retr(1)[1] == [b"Subject: seeded", b"", b"body without a line end"], client.retr(1)
PYTHON
}

sink_smoke()
{
    start_smtp_sink "$T/sink"
    "$MB_PYTHON" - "$SMTP_SINK_PORT" <<'PYTHON'
import smtplib, sys

with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as client:
    client.sendmail("a@example.net", ["b@example.net"], "Subject: sink\r\n\r\nHello\r\n")
    assert client.has_extn("pipelining")
PYTHON
}

# The processes of the servers' PID namespace, by the host's numbers, and their mounts.
servers_left()
{
    local process

    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/ns/pid" 2>/dev/null)" = "$1" ] || continue
        mb_process_gone "${process#/proc/}" || echo "$process"
    done
    grep -F "$T/mail" /proc/mounts || true
}

nothing_left()
{
    [ -z "$(servers_left "$1")" ]
}

stopped_smoke()
{
    local namespace

    namespace=$(cat "$T/mail/both/namespace")
    [ "$(servers_left "$namespace" | wc -l)" -gt 5 ] || fail "the namespace is not found"
    stop_servers
    nothing_left "$namespace" || fail "left: $(servers_left "$namespace")"
}

killed_smoke()
{
    local test

    TMPDIR=$T "$BASH" "$T/killed.sh" "$T/mail/killed" >"$T/killed.log" 2>&1 &
    test=$!
    wait_for test -s "$T/mail/killed/ready"
    { kill -KILL "$test"; wait "$test"; } 2>/dev/null || true
    wait_for nothing_left "$(cat "$T/mail/killed/namespace")"
}

cat >"$T/killed.sh" <<'SCRIPT'
. "$MB_SOURCE/tests/support/lib.sh"
. "$MB_SOURCE/tests/support/servers.sh"
start_dovecot_only "$1"
wait_for false
SCRIPT

if need_servers "postfix and dovecot"; then
    case_begin "both start"
    start_postfix_dovecot "$T/mail/both"
    case_run "submission and smtps in, pop3 with stls and pop3s out" mail_smoke
    case_run "a seeded maildir is served" seeded_smoke
    case_begin "stopped servers leave no process and no mount"
    stopped_smoke
    case_run "a killed test leaves no process and no mount" killed_smoke
fi
if need_smtp_sink "smtp-sink"; then
    case_run "smtp-sink takes mail" sink_smoke
fi
