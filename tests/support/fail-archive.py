"""Lets each system call of `popdump fetch --delete` on the archive's files fail in turn, and says
what came of it.

usage: fail-archive.py POPDUMP LIBRARY FOLDER STEP

LIBRARY is tests/support/fail-calls.c. STEP: of the catalog's calls (there are hundreds) every
STEP-th one is tried; of the others all. For each call, with ENOSPC for what needs room and EIO for
the rest, once or from there on for good (with STEP 1: both):

- no DELE unless the intent was durable before;
- the exit code is not 0, unless the call is one that nothing depends on;
- any tar lists what is there, and so does popdump, once there is a journal;
- what the server lost is archived; the next run gets the rest, and verify is clean.
"""

import collections
import errno
import glob
import hashlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tarfile
import threading

MAILS = 150  # two batches beside the network, and a rest; three segments


class Server(threading.Thread):
    """A mailbox in memory; counts DELE."""

    def __init__(self, mails):
        super().__init__(daemon=True)
        self.mails, self.dele = dict(enumerate(mails, 1)), 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            with peer:
                try:
                    self.serve(peer)
                except OSError:
                    pass

    def serve(self, peer):
        marked, waiting = set(), b""
        peer.sendall(b"+OK ready\r\n")
        while chunk := peer.recv(65536):
            *lines, waiting = (waiting + chunk).split(b"\r\n")
            peer.sendall(b"".join(self.answer(line.decode().split(), marked) for line in lines))
            if b"QUIT" in lines:
                return

    def answer(self, words, marked):
        verb, number = words[0].upper(), int(words[1]) if words[1:] and words[1].isdigit() else 0
        if verb == "CAPA":
            return b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n"
        if verb in ("LIST", "UIDL"):
            lines = ["%d %s\r\n" % (key, len(mail) if verb == "LIST" else "id%d" % key)
                     for key, mail in self.mails.items()]
            return b"+OK\r\n" + "".join(lines).encode() + b".\r\n"
        if verb == "RETR":
            return b"+OK\r\n" + self.mails[number] + b".\r\n"
        if verb == "DELE":
            self.dele += 1
            marked.add(number)
        if verb == "QUIT":
            for key in marked:
                del self.mails[key]
        return b"+OK\r\n"


def make_mails():
    dice = random.Random(5)
    return [("Date: 1 Mar 2021 10:00:00 +0000\r\nSubject: mail %d\r\n\r\n%s"
             % (number, "line\r\n" * dice.randrange(150))).encode() for number in range(MAILS)]


class Rig:
    def __init__(self, popdump, library, folder):
        self.popdump, self.library, self.folder = popdump, library, folder
        self.archive, self.log = folder + "/archive", folder + "/log"
        self.mails = make_mails()
        self.server = None
        with open(folder + "/password", "w", encoding="ascii") as file:
            file.write("pw\n")
        os.chmod(folder + "/password", 0o600)

    def fresh(self):
        shutil.rmtree(self.archive, ignore_errors=True)
        if os.path.exists(self.log):
            os.unlink(self.log)
        if self.server:
            self.server.socket.close()
        self.server = Server(self.mails)

    def fetch(self, **settings):
        environment = dict(os.environ)
        if settings:
            environment.update(LD_PRELOAD=self.library, FAIL_CALLS_PREFIX=self.archive,
                               FAIL_CALLS_LOG=self.log, **settings)
            environment["ASAN_OPTIONS"] = (environment.get("ASAN_OPTIONS", "")
                                           + ":verify_asan_link_order=0")
        return subprocess.run(
            [self.popdump, "fetch", "--server", "pop3://u1@127.0.0.1:%d" % self.server.port,
             "--tls", "off", "--password-file", self.folder + "/password", "--segment-size", "60K",
             "--delete", self.archive],
            env=environment, capture_output=True, timeout=60, check=False)

    def calls(self):
        with open(self.log, encoding="utf-8") as file:
            return [line.split(" ", 2)[1:] for line in file.read().splitlines()]

    def listed(self, disk_is_dead=False):
        """Digests of all members; an error when any tar cannot be read."""
        got = collections.Counter()
        for path in glob.glob(self.archive + "/seg/*.tar*") + glob.glob(self.archive + "/open/*.tar"):
            if path.endswith(".part"):
                continue
            if os.path.getsize(path) == 0 and disk_is_dead:
                continue  # it could not even be removed
            with tarfile.open(path) as tar:
                for entry in tar:
                    got[hashlib.sha256(tar.extractfile(entry).read()).hexdigest()] += 1
        return got


def intent(calls):
    """The number of the call by which the intent is durable, in journal and catalog: what follows
    the read-back, which ends with the open segment."""
    at = max(i for i, (call, path) in enumerate(calls) if call == "pread" and "/open/" in path)
    for part in ("/journal/", "/catalog.db-wal"):
        while not (calls[at][0] == "fdatasync" and part in calls[at][1]):
            at += 1
    return at + 1


def harmless(calls, number, archive):
    """Nothing depends on: SQLite's tidying up when it closes, and what it takes for an effort only,
    the sync of the folder for the catalog's own name (the catalog can be made anew)."""
    call, path = calls[number - 1]
    following = calls[number] if number < len(calls) else (None, None)
    ours = ["fdatasync", archive]
    return ("/catalog.db" in path or [call, path] == ours
            or (path == archive and list(following) == ours))


def check(rig, when, before_intent, excused):
    ran = rig.fetch(FAIL_CALLS_WHEN=when[0], FAIL_CALLS_ERRNO=str(when[1]))
    problems = []
    calls = rig.calls()
    if not any(path.endswith(" FAILED") for _, path in calls):
        return ["was not reached"]
    if before_intent and rig.server.dele and not (excused and ran.returncode == 0):
        problems.append("%d DELE" % rig.server.dele)
    if ran.returncode == 0 and not excused:
        problems.append("exit 0")
    if ran.returncode < 0 or ran.returncode in (70, 99):
        problems.append("exit %d" % ran.returncode)
    if ran.returncode != 0 and len(ran.stderr.splitlines()) < 1:
        problems.append("nothing said")
    try:
        rig.listed(when[0][-1] == "+")
    except (tarfile.TarError, EOFError, OSError) as error:
        problems.append("tar: %s" % error)
    if os.path.exists(rig.archive + "/journal/000001.jsonl") and when[0][-1] != "+":
        listing = subprocess.run([rig.popdump, "list", rig.archive], capture_output=True, check=False)
        if listing.returncode not in (0, 65):
            problems.append("list: exit %d" % listing.returncode)
    again = rig.fetch()
    if again.returncode != 0:
        problems.append("next run: exit %d, %s" % (again.returncode, again.stderr.decode()[:200]))
    want = collections.Counter(hashlib.sha256(mail).hexdigest() for mail in rig.mails)
    got = rig.listed()
    if got != want:
        problems.append("%d missing, %d too many" % (sum((want - got).values()),
                                                     sum((got - want).values())))
    if rig.server.mails:
        problems.append("%d left on the server" % len(rig.server.mails))
    verify = subprocess.run([rig.popdump, "verify", rig.archive], capture_output=True, check=False)
    if verify.returncode != 0:
        problems.append("verify: " + verify.stdout.decode()[-200:])
    return problems


def main():
    rig = Rig(*sys.argv[1:4])
    step = int(sys.argv[4])
    rig.fresh()
    clean = rig.fetch(FAIL_CALLS_WHEN="0", FAIL_CALLS_ERRNO="5")
    if clean.returncode != 0:
        sys.exit("a clean run fails: " + clean.stderr.decode())
    calls = rig.calls()
    last = intent(calls)
    kinds, tried, failed = collections.Counter(), 0, 0
    for number, (call, path) in enumerate(calls, 1):
        if "/catalog.db" in path and number % step:
            continue
        if call in ("pread", "mmap") and "catalog" in path and number % (5 * step):
            continue
        error = errno.EIO if call in ("fsync", "fdatasync", "pread") else errno.ENOSPC
        both = [str(number), "%d+" % number]
        for when in both if step == 1 else both[number % 2:][:1]:
            rig.fresh()
            problems = check(rig, (when, error), number <= last,
                             harmless(calls, number, rig.archive))
            tried += 1
            place = path[len(rig.archive):].strip("/").split("/")[0].split("-")[0]
            kinds[call, "SHA256SUMS" if place.startswith("SHA256SUMS") else place or "."] += 1
            if problems:
                failed += 1
                print("%s %s (%s): %s" % (call, path[len(rig.archive):], when, "; ".join(problems)))
    for (call, place), count in sorted(kinds.items()):
        print("  %-10s %-12s %4d" % (call, place, count))
    print("%d calls of a clean run, %d failures tried, %d not as they should be"
          % (len(calls), tried, failed))
    sys.exit(1 if failed else 0)


main()
