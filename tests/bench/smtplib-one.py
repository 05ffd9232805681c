"""Python's smtplib on one connection.

    smtplib-one.py PORT N OCTETS
"""
import smtplib
import sys

line = "x" * 70 + "\r\n"
body = "Subject: smtplib\r\n\r\n" + line * (int(sys.argv[3]) // len(line))
with smtplib.SMTP("127.0.0.1", int(sys.argv[1])) as client:
    for number in range(int(sys.argv[2])):
        client.sendmail("news@example.org", [f"user{number}@example.net"], body)
