#!/usr/bin/python3
"""SMTP servers that mailsink is too well-mannered to be. One a mode, on a free port of 127.0.0.1.

    smtp-hostile.py MODE PORTFILE LOG

    tight    small TCP windows and long replies; while a reply does not fit, nothing is read: a
             client that does not read while it writes stands still with it
    sip      reads a byte a second of a message's content, through the smallest window
    clock    a plain server that writes when each MAIL came, in microseconds, to LOG

PORTFILE gets the port when it listens. LOG gets a line a message: its recipients.
"""
import os
import socket
import sys
import threading
import time

MODE, PORTFILE, LOG = sys.argv[1:4]
EXTENSIONS = {"tight": ("PIPELINING", "CHUNKING"), "sip": ("PIPELINING",), "clock": ("PIPELINING",)}[MODE]
log_lock = threading.Lock()
log = open(LOG, "w", buffering=1)


def note(text):
    with log_lock:
        log.write(text + "\n")


class Session:
    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""
        self.recipients = []

    def fill(self, most=4096):
        data = self.connection.recv(most)
        if not data:
            raise EOFError
        self.buffer += data

    def line(self):
        while b"\r\n" not in self.buffer:
            self.fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("latin-1")

    def say(self, text):
        if MODE == "tight" and text.startswith("250 "):
            text = "".join("250-%s\r\n" % ("x" * 1000) for _ in range(100)) + text
        # Blocks for as long as it does not fit, and reads nothing meanwhile.
        self.connection.sendall(text.encode() + b"\r\n")

    def content(self):
        if MODE == "sip":
            while True:
                time.sleep(1)
                self.fill(1)
        while b"\r\n.\r\n" not in self.buffer:
            self.fill()
        self.buffer = self.buffer.split(b"\r\n.\r\n", 1)[1]

    def chunk(self, octets):
        while len(self.buffer) < octets:
            octets -= len(self.buffer)
            self.buffer = b""
            self.fill(65536)
        self.buffer = self.buffer[octets:]

    def accepted(self):
        note(" ".join(self.recipients))
        self.say("250 kept")
        self.recipients = []

    def talk(self):
        self.connection.sendall(b"220 hostile\r\n")
        while True:
            line = self.line()
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                lines = ["250-" + name for name in ("hostile",) + EXTENSIONS] + ["250 SIZE"]
                self.connection.sendall("".join(line + "\r\n" for line in lines).encode())
            elif verb == "MAIL":
                if MODE == "clock":
                    note("%d" % (time.monotonic() * 1e6))
                self.say("250 sender")
            elif verb == "RCPT":
                self.recipients.append(line[9:].split(">")[0])
                self.say("250 recipient")
            elif verb == "DATA":
                self.connection.sendall(b"354 go on\r\n")
                self.content()
                self.accepted()
            elif verb == "BDAT":
                self.chunk(int(line.split(" ")[1]))
                self.accepted()
            elif verb == "QUIT":
                self.connection.sendall(b"221 bye\r\n")
                return
            else:
                self.recipients = []
                self.say("250 well")


def serve(connection):
    try:
        Session(connection).talk()
    except (EOFError, OSError):
        pass
    finally:
        connection.close()


listener = socket.socket()
if MODE != "clock":
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048 if MODE == "sip" else 16384)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
listener.bind(("127.0.0.1", 0))
listener.listen(64)
with open(PORTFILE + ".new", "w") as ready:
    ready.write("%d\n" % listener.getsockname()[1])
os.rename(PORTFILE + ".new", PORTFILE)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
