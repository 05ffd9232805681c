"""Sends N messages on one connection, waiting for each reply: what a client without a window does.

    lockstep.py PORT N OCTETS
"""
import socket
import sys


def main(port, count, octets):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    replies = peer.makefile("rb")
    line = b"x" * 70 + b"\r\n"
    body = b"Subject: lock-step\r\n\r\n" + line * (octets // len(line)) + b".\r\n"

    def ask(command, code):
        peer.sendall(command)
        answer(code)

    def answer(code):
        while True:
            reply = replies.readline()
            if reply[:3] != code:
                sys.exit(f"lockstep: {reply!r}")
            if reply[3:4] != b"-":
                return

    answer(b"220")
    ask(b"EHLO bench.example\r\n", b"250")
    for number in range(count):
        ask(b"MAIL FROM:<news@example.org>\r\n", b"250")
        ask(b"RCPT TO:<user%d@example.net>\r\n" % number, b"250")
        ask(b"DATA\r\n", b"354")
        ask(body, b"250")
    ask(b"QUIT\r\n", b"221")


main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
