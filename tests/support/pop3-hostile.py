"""A POP3 server that misbehaves by script.

pop3-hostile.py READY-FILE SCENARIO [CERT KEY [tls]]

Serves three mails to anybody on a free port of 127.0.0.1, which READY-FILE names, one connection after
the other, and writes what clients say to stdout. SCENARIO is a name from SCENARIOS; "good" does all
right. With CERT and KEY it offers STLS, with "tls" it speaks TLS from the first byte.
"""

import hashlib
import os
import socket
import ssl
import sys
import time

MAILS = [b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\n..second\r\n",
         b"Subject: three\r\n\r\nthird\r\n"]
SIZES = [23, 25, 25]
BLOCK = 65536


class Gone(Exception):
    """The script ends the connection."""


class Server:
    """The well-behaved one; scenarios replace its methods by name."""

    def __init__(self, connection, context):
        self.connection = connection
        self.context = context
        self.buffer = b""
        self.secure = isinstance(connection, ssl.SSLSocket)
        self.deleted = set()

    def send(self, data):
        self.connection.sendall(data)

    def endless(self, unit):
        block = unit * (BLOCK // len(unit) + 1)
        while True:
            self.send(block)

    def line(self):
        while b"\n" not in self.buffer:
            data = self.connection.recv(BLOCK)
            if not data:
                raise Gone
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        print(line.decode("latin-1").rstrip("\r"), flush=True)
        if line.startswith(b"USER"):
            LOGINS.append(time.monotonic())
        return line.rstrip(b"\r")

    def greeting(self, _):
        self.send(b"+OK ready\r\n")

    def capa(self, _):
        stls = b"" if self.secure or self.context is None else b"STLS\r\n"
        self.send(b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\nRESP-CODES\r\n" + stls + b".\r\n")

    def stls(self, _):
        self.send(b"+OK begin\r\n")
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.secure = True

    def auth(self, _):
        self.send(b"-ERR no such mechanism\r\n")

    def user(self, _):
        self.send(b"+OK\r\n")

    def passw(self, _):
        self.send(b"+OK\r\n")

    def present(self):
        return [i for i in range(len(MAILS)) if i not in self.deleted]

    def stat(self, _):
        self.send(b"+OK %d 100\r\n" % len(self.present()))

    def list(self, _):
        self.send(b"+OK\r\n" + b"".join(b"%d %d\r\n" % (i + 1, SIZES[i]) for i in self.present()) +
                  b".\r\n")

    def uidl(self, _):
        self.send(b"+OK\r\n" + b"".join(b"%d id%d\r\n" % (i + 1, i + 1) for i in self.present()) +
                  b".\r\n")

    def retr(self, words):
        number = int(words[1])
        if number < 1 or number > len(MAILS):
            self.send(b"-ERR no such message\r\n")
        else:
            self.send(b"+OK\r\n" + MAILS[number - 1] + b".\r\n")

    def dele(self, words):
        self.deleted.add(int(words[1]) - 1)
        self.send(b"+OK\r\n")

    def rset(self, _):
        self.deleted.clear()
        self.send(b"+OK\r\n")

    def noop(self, _):
        self.send(b"+OK\r\n")

    def quit(self, _):
        print("logins apart: %s" % [round(b - a, 1) for a, b in zip(LOGINS, LOGINS[1:])], flush=True)
        GONE.update(self.deleted)
        self.send(b"+OK bye\r\n")
        raise Gone

    def unknown(self, _):
        self.send(b"-ERR unknown command\r\n")

    def serve(self):
        self.deleted = set(GONE)
        self.greeting(None)
        while True:
            words = self.line().split()
            verb = words[0].decode().lower()
            getattr(self, {"pass": "passw"}.get(verb, verb), self.unknown)(words)


GONE = set()  # what a QUIT has deleted for good
LOGINS = []  # when


def say(data):
    return lambda server, _: server.send(data)


def say_and_go(data):
    def act(server, _):
        server.send(data)
        raise Gone
    return act


def endless(head, unit):
    def act(server, _):
        server.send(head)
        server.endless(unit)
    return act


def silence(_server, _):
    time.sleep(3600)


def on_second(data, go=False):
    """RETR 2 gets `data` instead."""
    def act(server, words):
        if words[1] != b"2":
            Server.retr(server, words)
            return
        server.send(data)
        if go:
            raise Gone
    return act


def bare_fin_in_retr(server, words):
    """Over TLS: a FIN without close_notify."""
    if words[1] != b"2":
        Server.retr(server, words)
        return
    server.send(b"+OK\r\nSubject: two\r\n")
    os.close(server.connection.detach())
    raise Gone


def close_notify_in_retr(server, words):
    if words[1] != b"2":
        Server.retr(server, words)
        return
    server.send(b"+OK\r\nSubject: two\r\n")
    server.connection.unwrap()
    raise Gone


def quit_lost(server, _):
    """The server deletes, and its answer is lost."""
    GONE.update(server.deleted)
    raise Gone


def quit_refused(server, _):
    server.send(b"-ERR some deleted messages not removed\r\n")
    raise Gone


def other_mail(server, words):
    """Somebody else's mailbox: as many messages, as large."""
    server.send(b"+OK\r\n" + MAILS[int(words[1]) - 1].replace(b"Subject", b"Betreff") + b".\r\n")


def huge(server, words):
    """The second mail has HUGE_MIB MiB; its SHA-256 is said on stdout."""
    if words[1] != b"2":
        Server.retr(server, words)
        return
    block = (b"x" * 62 + b"\r\n") * 16384
    digest = hashlib.sha256(MAILS[0])
    server.send(b"+OK\r\n" + MAILS[0])
    for _ in range(int(os.environ["HUGE_MIB"])):
        digest.update(block)
        server.send(block)
    server.send(b".\r\n")
    print("sha256 " + digest.hexdigest(), flush=True)


def drip(server, _):
    server.send(b"+OK\r\n")
    while True:
        server.send(b"x")
        time.sleep(0.2)


def slow(server, words):
    time.sleep(0.2)
    Server.retr(server, words)


def pieces(server, words):
    """Every byte in a packet of its own."""
    server.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"+OK\r\n" + MAILS[int(words[1]) - 1] + b".\r\n":
        server.send(bytes([byte]))


SASL = b"+OK\r\nSASL LOGIN\r\nUIDL\r\n.\r\n"
SCENARIOS = {
    "good": {},
    "greeting-silent": {"greeting": silence},
    "greeting-endless": {"greeting": endless(b"+OK ", b"x")},
    "greeting-lines": {"greeting": endless(b"+OK ready\r\n", b"+OK and more\r\n")},
    "greeting-garbage": {"greeting": say(b"220 mail.example.org ESMTP\r\n")},
    "greeting-okay": {"greeting": say(b"+OKAY\r\n")},
    "greeting-lower": {"greeting": say(b"+ok ready\r\n")},
    "greeting-escape": {"greeting": say(b"\033]0;owned\007\033[31mred\r\n")},
    "greeting-refused": {"greeting": say_and_go(b"-ERR closed for today\r\n")},
    "greeting-end": {"greeting": say_and_go(b"+O")},
    "capa-expire": {"capa": say(b"+OK\r\nUSER\r\nUIDL\r\nEXPIRE 0\r\n.\r\n")},
    "capa-expire-silent": {"capa": say(b"+OK\r\nUSER\r\nUIDL\r\nEXPIRE 0\r\n.\r\n"),
                           "retr": silence},
    "capa-delay": {"capa": say(b"+OK\r\nUSER\r\nUIDL\r\nLOGIN-DELAY 2\r\n.\r\n")},
    "capa-endless": {"capa": endless(b"+OK\r\n", b"FEATURE\r\n")},
    "capa-one-line": {"capa": endless(b"+OK\r\n", b"x")},
    "stls-surplus": {"stls": say(b"+OK begin\r\n+OK injected\r\n")},
    "stls-refused": {"stls": say(b"-ERR not today\r\n")},
    "login-refused": {"passw": say(b"-ERR wrong\r\n")},
    "login-auth": {"passw": say(b"-ERR [AUTH] wrong\r\n")},
    "login-in-use": {"passw": say(b"-ERR [IN-USE] another session\r\n")},
    "login-locked": {"passw": say(b"-ERR maildrop already locked\r\n")},
    "login-temp": {"passw": say(b"-ERR [SYS/TEMP] later\r\n")},
    "login-perm": {"passw": say(b"-ERR [SYS/PERM] account gone\r\n")},
    "sasl-no-base64": {"capa": say(SASL), "auth": say(b"+ !!!\r\n")},
    "sasl-endless": {"capa": say(SASL), "auth": endless(b"", b"+ QUFB\r\n")},
    "uidl-refused": {"uidl": say(b"-ERR unknown command\r\n")},
    "uidl-endless": {"uidl": endless(b"+OK\r\n", b"7 x\r\n")},
    "uidl-one-line": {"uidl": endless(b"+OK\r\n", b"x")},
    "uidl-empty": {"uidl": say(b"+OK\r\n1 \r\n2 id2\r\n3 id3\r\n.\r\n")},
    "uidl-other": {"uidl": say(b"+OK\r\n1 o1\r\n2 o2\r\n3 o3\r\n.\r\n"),
                   "retr": other_mail, "top": other_mail},
    "six": {"uidl": say(b"+OK\r\n" + b"".join(b"%d six%d\r\n" % (i, i) for i in range(1, 7)) + b".\r\n"),
            "list": say(b"+OK\r\n" + b"".join(b"%d 23\r\n" % i for i in range(1, 7)) + b".\r\n"),
            "retr": lambda server, words: server.send(b"+OK\r\n" + MAILS[0] + b".\r\n")},
    "uidl-path": {"uidl": say(b"+OK\r\n1 ../../etc/x\r\n2 /etc/passwd\r\n3 ..\r\n.\r\n")},
    "uidl-escape": {"uidl": say(b"+OK\r\n1 a\033[31mb\r\n2 id2\r\n3 c\0d\r\n.\r\n")},
    "uidl-long": {"uidl": say(b"+OK\r\n1 " + b"x" * 65536 + b"\r\n2 id2\r\n3 id3\r\n.\r\n")},
    "uidl-once": {"uidl": say(b"+OK\r\n1 same\r\n2 id2\r\n3 id3\r\n.\r\n")},
    "uidl-twice": {"uidl": say(b"+OK\r\n1 same\r\n2 same\r\n3 id3\r\n.\r\n")},
    "uidl-numbers": {"uidl": say(b"+OK\r\n0 a\r\n1 id1\r\n2 id2\r\n3 id3\r\n99 b\r\n"
                                 b"4294967297 c\r\n.\r\n")},
    "stat-wrong": {"stat": say(b"+OK 18446744073709551616 -1\r\n")},
    "list-huge": {"list": say(b"+OK\r\n1 2147483648\r\n2 18446744073709551615\r\n3 -1\r\n.\r\n")},
    "list-one-line": {"list": endless(b"+OK\r\n", b"1")},
    "list-wrong": {"list": say(b"+OK\r\n1 0\r\n2 9223372036854775808\r\n3 99999999999999999999\r\n"
                               b".\r\n")},
    "list-refused": {"list": say(b"-ERR no\r\n")},
    "list-endless": {"list": endless(b"+OK\r\n", b"1 1\r\n")},
    "retr-refused": {"retr": on_second(b"-ERR [SYS/TEMP] cannot open \033[31mit\r\n")},
    "retr-end-after-ok": {"retr": on_second(b"+OK\r\n", go=True)},
    "retr-end-in-line": {"retr": on_second(b"+OK\r\nSubject", go=True)},
    "retr-end-after-cr": {"retr": on_second(b"+OK\r\nSubject: two\r", go=True)},
    "retr-end-after-dot": {"retr": on_second(b"+OK\r\nSubject: two\r\n.\r", go=True)},
    "retr-no-reply": {"retr": on_second(b"HTTP/1.1 200 fine\r\n")},
    "retr-okay": {"retr": on_second(b"+OKAY\r\n" + MAILS[1] + b".\r\n")},
    "retr-lower": {"retr": on_second(b"+ok\r\n" + MAILS[1] + b".\r\n")},
    "retr-long-line": {"retr": endless(b"+OK\r\n", b"x")},
    "retr-status-endless": {"retr": endless(b"+OK ", b"x")},
    "retr-long-status": {"retr": on_second(b"+OK " + b"x" * 102400 + b"\r\n" + MAILS[1] + b".\r\n")},
    "retr-forged": {"retr": on_second(b"+OK\r\nSubject: two\r\n\r\na\r\n.\r\n+OK forged\r\nx\r\n.\r\n")},
    "retr-empty": {"retr": on_second(b"+OK\r\n.\r\n")},
    "retr-odd": {"retr": on_second(b"+OK\r\nA\n.\nB\rC\0\xff\r\n..\r\n.x\r\n.\r\n")},
    "retr-endless": {"retr": endless(b"+OK\r\n", b"x" * 76 + b"\r\n")},
    "retr-huge": {"retr": huge},
    "retr-pieces": {"retr": pieces},
    "retr-slow": {"retr": slow},
    "retr-silent": {"retr": silence},
    "retr-drip": {"retr": drip},
    "retr-fin": {"retr": bare_fin_in_retr},
    "retr-close-notify": {"retr": close_notify_in_retr},
    "dele-refused": {"dele": say(b"-ERR read-only\r\n")},
    "dele-back": {"quit": say_and_go(b"+OK bye\r\n")},
    "quit-silent": {"quit": silence},
    "quit-refused": {"quit": quit_refused},
    "quit-lost": {"quit": quit_lost},
}


def main():
    ready, name = sys.argv[1:3]
    context = None
    if len(sys.argv) > 4:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3], sys.argv[4])
    listener = socket.create_server(("127.0.0.1", 0))
    kind = type("Scripted", (Server,), SCENARIOS[name])
    with open(ready + ".new", "w", encoding="ascii") as file:
        file.write("%d\n" % listener.getsockname()[1])
    os.rename(ready + ".new", ready)
    while True:
        connection = listener.accept()[0]
        try:
            if sys.argv[5:] == ["tls"]:
                connection = context.wrap_socket(connection, server_side=True)
            kind(connection, context).serve()
        except (Gone, OSError, ValueError):
            pass
        try:
            connection.close()
        except OSError:
            pass


main()
