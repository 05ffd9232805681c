#!/usr/bin/env python3
"""A mail that came back, on standard output.

bounce.py [--kind dsn|complaint|qmail|plain] [--id MESSAGE-ID] [--original ADDRESS] [--final ADDRESS]
          [--action ACTION] [--status STATUS] [--text WORDS] [--to ADDRESS] [--recipients N]
          [--preamble OCTETS] [--body OCTETS] [--nested ID:ADDRESS]

--preamble: so long is the text before the report; --body: and the message that comes back with it.
--recipients: so many others, before the one that is named. --nested: the message that came back holds
a report about another message and address.
"""
import argparse
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--kind", default="dsn", choices=("dsn", "complaint", "qmail", "plain"))
parser.add_argument("--id", default="")
parser.add_argument("--original")
parser.add_argument("--final")
parser.add_argument("--action", default="failed")
parser.add_argument("--status", default="5.1.1")
parser.add_argument("--text", default="550 5.1.1 user unknown")
parser.add_argument("--to", default="news@example.org")
parser.add_argument("--recipients", type=int, default=0)
parser.add_argument("--preamble", type=int, default=0)
parser.add_argument("--body", type=int, default=0)
parser.add_argument("--nested")
given = parser.parse_args()
out = sys.stdout
LINE = "x" * 78 + "\n"


def fill(octets):
    for _ in range(octets // len(LINE)):
        out.write(LINE)


def group(original, final, action=given.action, status=given.status, text=given.text):
    if original:
        out.write(f"Original-Recipient: rfc822;{original}\n")
    if final:
        out.write(f"Final-Recipient: rfc822; {final}\n")
    out.write(f"Action: {action}\nStatus: {status}\n")
    if text:
        out.write(f"Diagnostic-Code: smtp; {text}\n")
    out.write("\n")


def head(kind, boundary):
    out.write("From: Mailer <MAILER-DAEMON@mail.test>\n" f"To: {given.to}\nSubject: what came back\n")
    if kind:
        out.write(f"MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind};\n"
                  f" boundary={boundary}\n")
    out.write("\n")


def dsn_parts(boundary, message_id, write_groups):
    out.write(f"--{boundary}\nContent-Type: text/plain\n\nSorry.\n")
    fill(given.preamble if boundary == "outer" else 0)
    out.write(f"\n--{boundary}\nContent-Type: message/delivery-status\n\n"
              "Reporting-MTA: dns; mail.test\n\n")
    write_groups()
    returned(boundary, message_id)


def returned(boundary, message_id):
    out.write(f"--{boundary}\nContent-Type: message/rfc822\n\nFrom: news@example.org\n")
    if message_id:
        out.write(f"Message-ID: {message_id}\n")
    if boundary == "outer" and given.nested:
        nested_id, address = given.nested.rsplit(":", 1)
        out.write("Content-Type: multipart/report; report-type=delivery-status; boundary=inner\n\n")
        dsn_parts("inner", nested_id, lambda: group(address, address))
    else:
        out.write("Subject: hello\n\nHello.\n")
        fill(given.body)
    out.write(f"\n--{boundary}--\n")


def all_groups():
    for i in range(given.recipients):
        group(f"nobody{i}@example.com", None, text=None)
    group(given.original, given.final)


if given.kind == "dsn":
    head("delivery-status", "outer")
    dsn_parts("outer", given.id, all_groups)
elif given.kind == "complaint":
    head("feedback-report", "outer")
    out.write("--outer\nContent-Type: text/plain\n\nSomebody complains.\n"
              "--outer\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n"
              "User-Agent: test/1\nVersion: 1\n")
    if given.original:
        out.write(f"Original-Rcpt-To: {given.original}\n")
    out.write("\n")
    returned("outer", given.id)
elif given.kind == "qmail":
    head(None, None)
    out.write("Hi. This is the qmail-send program at mail.test.\nI'm afraid I wasn't able to deliver.\n"
              f"\n<{given.original}>:\n{given.text}\n\n--- Below this line is a copy of the message.\n\n"
              f"Return-Path: <news@example.org>\nMessage-ID: {given.id}\nSubject: hello\n\nHello.\n")
else:
    head(None, None)
    out.write("I am away until Monday.\n")
