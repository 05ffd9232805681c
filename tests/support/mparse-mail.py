"""Generated mail of ordinary kinds, the same for the same number: mparse-mail.py FILE MESSAGES"""
import base64
import random
import sys

draw = random.Random(5)
WORDS = "lorem ipsum dolor sit amet consetetur sadipscing elitr sed diam nonumy eirmod tempor".split()


def text(lines):
    return "".join(" ".join(draw.choices(WORDS, k=10)) + "\n" for _ in range(lines)).encode()


def head(n):
    hops = "".join(
        "Received: from host%d.example (host%d.example [192.0.2.%d])\n\tby mx%d.example with ESMTP id %06x\n"
        "\tfor <list@b.example>; Mon, 23 Nov 2026 16:%02d:50 +0100\n" % (k, k, k, k, n, 30 - k) for k in range(1, 5))
    return (hops + "From: Name %d <sender%d@a.example>\nTo: list@b.example\nDate: Mon, 23 Nov 2026 16:34:50 +0100\n"
            "Subject: message %d =?utf-8?q?=C3=A4?=\nMessage-ID: <%d@a.example>\nMIME-Version: 1.0\n"
            "List-Id: <list.b.example>\nX-Mailer: generated\n" % (n, n % 97, n, n)).encode()


def body(n):
    kind = n % 5
    if kind < 3:
        return b"Content-Type: text/plain; charset=utf-8\n\n" + text(draw.randint(20, 80))
    parts = [b"Content-Type: text/plain; charset=utf-8\n\n" + text(30),
             b"Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n"
             b"<p>=E4 " + text(40)]
    if kind == 4:
        content = base64.encodebytes(draw.randbytes(draw.randint(2000, 12000)))
        parts.append(b"Content-Type: application/octet-stream; name=a.bin\nContent-Transfer-Encoding: base64\n\n" + content)
    return (b"Content-Type: multipart/mixed; boundary=\"b%d\"\n\n" % n +
            b"".join(b"--b%d\n" % n + part + b"\n" for part in parts) + b"--b%d--\n" % n)


with open(sys.argv[1], "wb") as out:
    for number in range(int(sys.argv[2])):
        out.write(b"From a@b Mon Nov 23 16:34:50 2026\n" + head(number) + body(number) + b"\n")
