"""A POP3 server whose mailboxes change, as a control file says.

pop3-box.py READY-FILE CONTROL-FILE

Serves on a free port of 127.0.0.1, which READY-FILE names, a thread a connection, and writes what
clients say to stdout. CONTROL-FILE is read at each connection: JSON, with any of

    count N         there are the messages 1 … N (20); the n-th is the same whatever its id
    ids P           their unique-ids are P1, P2 … ("id")
    remove [N …]    without these
    alter [N …]     these have another header line, of the same length
    part N          a session lists at most N, and none that was fetched before a clean QUIT
    lie true        each session lists messages that were never there before
    cut N           every N-th RETR of the process ends within the message
    cut-top N       the same for TOP
    lose-quit true  QUIT deletes, and the connection ends instead of the answer (once)
    login [TEXT …]  the replies to the first logins of the process; then "+OK"
    capa [TEXT …]   further capabilities
    top false       no TOP
    uidl-of false   no UIDL of a single message ("cut": the connection ends instead)
    twins [N …]     these are copies of the first of them
    one-id [N …]    these are listed under one unique-id
    endless-top N   TOP sends so many octets of header
    pause S         seconds before each RETR is answered
    larger [N …]    LIST says one octet more for these
    same true       all are of the same size
    forge [N …]     these have a line of one dot, that is sent as it is, and a forged reply behind it

A user's mailbox is the user's own: what is deleted stays so for that user.
"""

import collections
import json
import os
import socketserver
import sys
import threading
import time

READY, CONTROL = sys.argv[1:3]
LOCK = threading.Lock()
TOTAL = collections.Counter()  # commands so far
DELETED = collections.defaultdict(set)
SHOWN = collections.defaultdict(set)


def message(number, wish):
    if number in wish.get("twins", []):
        number = wish["twins"][0]
    altered = number in wish.get("alter", [])
    head = "Subject: mail %04d\r\nFrom: Sender %d <s%d@example.org>\r\nX-Mark: %s\r\n" % (
        number, number % 7, number % 7, "b" if altered else "a")
    body = "line %04d\r\n" % number * 5 if wish.get("same") else "line %d\r\n" % number * (number % 13 + 1)
    if number in wish.get("forge", []):
        body = body[:11] + ".\r\n+OK 9 9\r\nSubject: forged\r\n\r\n" + body[11:]
    return (head + "\r\n" + body).encode()


class Session(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def say_lines(self, lines):
        self.say("\r\n".join(["+OK"] + lines + ["."]))

    def choose(self):
        """The numbers that this session lists."""
        wish = self.wish
        first = TOTAL["login"] * 1000 if wish.get("lie") else 1
        gone = DELETED[self.user] | set(wish.get("remove", []))
        if "part" in wish:
            gone |= SHOWN[self.user]
        numbers = [n for n in range(first, first + wish.get("count", 20)) if n not in gone]
        self.numbers = numbers[:wish.get("part", len(numbers))]

    def listed_id(self, number):
        number = "-one" if number in self.wish.get("one-id", []) else number
        return "%s%s" % (self.wish.get("ids", "id"), number)

    def content(self, place):
        return message(self.numbers[place - 1], self.wish)

    def counted(self, verb):
        with LOCK:
            TOTAL[verb] += 1
            return TOTAL[verb]

    def login(self):
        replies = self.wish.get("login", [])
        count = self.counted("login")
        self.say(replies[count - 1] if count <= len(replies) else "+OK")
        self.choose()

    def answer(self, verb, words):
        body = self.content(int(words[1]))
        if verb == "TOP":
            body = body[:body.index(b"\r\n\r\n") + 4]
            body = b"X-More: and more\r\n" * (self.wish.get("endless-top", 0) // 18) + body
        every = self.wish.get("cut-top" if verb == "TOP" else "cut", 0)
        count = self.counted(verb)
        if self.wish.get("pause") and verb == "RETR":
            time.sleep(self.wish["pause"])
        if self.numbers[int(words[1]) - 1] in self.wish.get("forge", []):
            # The forged reply comes when the next command has been sent.
            end = body.index(b"\r\n.\r\n") + 5
            self.wfile.write(b"+OK\r\n" + body[:end])
            self.wfile.flush()
            time.sleep(0.1)
            self.wfile.write(body[end:] + b".\r\n")
            return
        self.wfile.write(b"+OK\r\n" + (body[:20] if every and count % every == 0 else body + b".\r\n"))
        self.wfile.flush()
        if every and count % every == 0:
            raise ConnectionError
        if verb == "RETR":
            self.fetched.add(self.numbers[int(words[1]) - 1])

    def quit(self):
        with LOCK:
            DELETED[self.user] |= self.marked
            SHOWN[self.user] |= self.fetched
        if self.wish.get("lose-quit") and self.marked and self.counted("lost") == 1:
            raise ConnectionError
        self.say("+OK bye")

    def command(self, line):
        words = line.split()
        verb = words[0].upper()
        if verb == "CAPA":
            top = ["TOP"] if self.wish.get("top", True) else []
            self.say_lines(["USER", "UIDL", "PIPELINING", "RESP-CODES"] + top +
                           self.wish.get("capa", []))
        elif verb == "USER":
            self.user = words[1]
            self.say("+OK")
        elif verb == "PASS":
            self.login()
        elif verb == "LIST":
            self.say_lines(["%d %d" % (i + 1, len(self.content(i + 1)) +
                                       (n in self.wish.get("larger", [])))
                            for i, n in enumerate(self.numbers)])
        elif verb == "STAT":
            self.say("+OK %d %d" % (len(self.numbers),
                                    sum(len(self.content(i + 1)) for i in range(len(self.numbers)))))
        elif verb == "UIDL":
            ids = ["%d %s" % (i + 1, self.listed_id(n)) for i, n in enumerate(self.numbers)]
            if len(words) == 1:
                self.say_lines(ids)
            elif self.wish.get("uidl-of", True) == "cut":
                raise ConnectionError
            elif self.wish.get("uidl-of", True) and 0 < int(words[1]) <= len(ids):
                self.say("+OK " + ids[int(words[1]) - 1])
            else:
                self.say("-ERR no such message")
        elif verb in ("RETR", "TOP"):
            self.answer(verb, words)
        elif verb == "DELE":
            self.marked.add(self.numbers[int(words[1]) - 1])
            self.say("+OK")
        elif verb == "QUIT":
            self.quit()
            return False
        else:
            self.say("-ERR unknown command")
        return True

    def handle(self):
        with open(CONTROL, encoding="utf-8") as file:
            self.wish = json.load(file)
        self.user, self.numbers, self.marked, self.fetched = "", [], set(), set()
        try:
            self.say("+OK ready")
            for line in self.rfile:
                text = line.decode("latin-1").rstrip("\r\n")
                with LOCK:
                    print("%.3f %s %s" % (time.monotonic(), self.user, text), flush=True)
                if not self.command(text):
                    break
        except (ConnectionError, BrokenPipeError):
            pass


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


with Server(("127.0.0.1", 0), Session) as server:
    with open(READY + ".new", "w", encoding="ascii") as out:
        out.write("%d\n" % server.server_address[1])
    os.rename(READY + ".new", READY)
    server.serve_forever()
