#!/usr/bin/python3
"""Runs the fault table of mmerge: a mailsink with a fault and a campaign of four rows a case.

    stages.py FOLDER     FOLDER holds letter, big-letter, people.csv, password, cert.pem, key.pem, ca.pem;
                         rows are read from standard input, see tests/faults/mmerge-stages.sh

Each case is checked by itself, whatever its row expects: who counts as sent is in the store, who
counts as refused, deferred or pending is not, nobody is there twice, nothing of it came in clear
where TLS is wanted, a transaction never begins within another, memory stays small, and it ends. The
same holds after another run without the fault, which sends to all who are pending and leaves alone
who is in doubt or refused. Prints the table; the exit code is 1 when a case failed.
"""
import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

BIN = pathlib.Path(os.environ["MB_BIN"])
SANITIZED = os.environ.get("MB_SANITIZED") == "1"
MEMORY_MAX = 64 * 1024  # KiB
PATIENCE = 40  # seconds a run may take
STATES = ("sent", "refused", "deferred", "in-doubt", "pending")
FAULTS = {
    "421": "421 4.3.2 enough",
    "4xx": "451 4.3.0 later",
    "5xx": "554 5.7.0 no",
    "535": "535 5.7.8 no",
    "bytes": "drip 0",
    "drip": "drip 400",
    "lines": "endless 250-more\\r\\n",
    "line": "endless 250-more",
    "extra": "more 250 ok\\r\\n",
    "354": "say 354 go on\\r\\n",
    "early": "say 250 ok\\r\\n",
}
HIDE = {"data": "CHUNKING", "bdat": "", "wait": "PIPELINING,CHUNKING", "tls": "CHUNKING"}


def whole(path):
    if not path.exists():
        return False
    with open(path, "rb") as mail:
        head = mail.read(4096)
        mail.seek(-2, os.SEEK_END)
        return b"\r\nTo: " in head and mail.read() == b"\r\n"


def peak_memory(pid):
    """VmHWM in KiB; 0 when it has ended."""
    try:
        for line in open("/proc/%d/status" % pid):
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


class Case:
    """A row, and the folder it plays in."""

    def __init__(self, base, number, line):
        fields = [field.strip() for field in line.split("|")]
        (self.stage, self.fault, self.mode, self.when, self.more, self.exit, self.want, self.text) = fields
        self.base = base
        self.dir = base / ("case-%d" % number)
        self.problems = []
        self.big = self.mode.endswith("+")
        self.mode = self.mode.rstrip("+")

    def script(self):
        action = FAULTS.get(self.fault, self.fault)
        lines = [] if self.fault == "-" else ["smtp %s %s %s" % (self.stage, self.when, action)]
        return "\n".join(lines + [part for part in self.more.split(";") if part])

    def sink(self, script, name):
        ready = self.dir / name
        command = [BIN / "mailsink", "--smtp", "127.0.0.1:0", "--store", self.dir / "store", "--quiet",
                   "--cert", self.base / "cert.pem", "--key", self.base / "key.pem", "--user", "u1:pw",
                   "--ready-file", ready]
        if HIDE[self.mode]:
            command += ["--hide", HIDE[self.mode]]
        if script:
            path = self.dir / "script"
            path.write_text(script.replace("; ", "\n") + "\n")
            command += ["--fault", path]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stderr=open(self.dir / (name + ".log"), "w"))
        end = time.monotonic() + 20
        while not ready.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        port = ready.read_text().split("=")[1].split("\n")[0].split(":")[1]
        return process, port

    def server(self, port):
        if self.mode == "tls":
            return ["--server", "smtp://u1@localhost:" + port, "--tls-trust", self.base / "ca.pem",
                    "--password-file", self.base / "password"]
        return ["--server", "smtp://127.0.0.1:" + port, "--tls", "off"]

    def send(self, port, name, *more):
        letter = "big-letter" if self.big else "letter"
        command = [BIN / "mmerge", "send", *self.server(port), "--wait", "1", "--max-failures", "100",
                   "--ledger", self.dir / "ledger", "--transcript", self.dir / (name + ".said"), *more]
        if self.big:
            command += ["--limit", "1"]
        if self.fault in ("silence", "drip", "mute"):
            command += ["--timeout", "3"]
        command += [letter, "people.csv"]
        begin = time.monotonic()
        with open(self.dir / (name + ".out"), "w") as out, open(self.dir / (name + ".err"), "w") as err:
            process = subprocess.Popen(command, cwd=self.base, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            peak = 0
            while process.poll() is None:
                peak = max(peak, peak_memory(process.pid))
                if time.monotonic() - begin > PATIENCE:
                    process.kill()  # a run that does not end is a failure, not a wait
                time.sleep(0.005)
        return process.returncode, peak, time.monotonic() - begin

    def ledger(self):
        done = subprocess.run([BIN / "mmerge", "status", "--json", self.dir / "ledger"], capture_output=True)
        states = {state: "" for state in STATES}
        for line in done.stdout.splitlines():
            entry = json.loads(line)
            if "address" in entry:
                states[entry["state"]] += entry["address"][0]
        return {state: "".join(sorted(names)) for state, names in states.items()}

    def stored(self):
        log = self.dir / "store" / "envelopes.jsonl"
        names = ""
        for line in log.read_text().splitlines() if log.exists() else []:
            envelope = json.loads(line)
            names += "".join(name[0] for name in envelope["recipients"])
            if self.mode == "tls" and (not envelope["tls"] or envelope["user"] != "u1"):
                self.problems.append("message %d came in clear" % envelope["number"])
            mail = self.dir / "store" / "new" / ("%d.eml" % envelope["number"])
            if not whole(mail):
                self.problems.append("message %d in the store is not whole" % envelope["number"])
        return "".join(sorted(names))

    def check_truth(self, states, stored, when):
        for name in states["sent"]:
            if name not in stored:
                self.problems.append("%s: %s counts as sent and is not in the store" % (when, name))
        for state in ("refused", "deferred", "pending"):
            for name in states[state]:
                if name in stored:
                    self.problems.append("%s: %s counts as %s and is in the store" % (when, name, state))
        for name in set(stored):
            if stored.count(name) > 1:
                self.problems.append("%s: %s is in the store %d times" % (when, name, stored.count(name)))

    def run(self):
        self.dir.mkdir()
        sink, port = self.sink(self.script(), "first")
        try:
            self.code, self.rss, self.seconds = self.send(port, "run")
        finally:
            sink.terminate()
            sink.wait()
        self.states = self.ledger()
        self.store = self.stored()
        self.check_truth(self.states, self.store, "first run")
        self.said = (self.dir / "run.out").read_text() + (self.dir / "run.err").read_text()
        self.expect()
        if not self.big:
            self.run_again()
        if not self.problems:
            shutil.rmtree(self.dir)
        return self

    def expect(self):
        got = " ".join(self.states[state] or "-" for state in STATES) + " " + (self.store or "-")
        self.got = got
        if got != " ".join(self.want.split()):
            self.problems.append("ledger and store: %s, expected %s" % (got, self.want))
        if str(self.code) != self.exit:
            self.problems.append("exit code %d, expected %s" % (self.code, self.exit))
        if self.text not in self.said:
            self.problems.append("it does not say '%s'" % self.text)
        said = (self.dir / "run.said").read_text(errors="replace")
        if "a message is under way already" in said and self.stage != "rset":
            self.problems.append("MAIL without RSET after a refusal")
        if self.mode == "tls" and any(word in said for word in ("-> AUTH", "-> MAIL")):
            self.problems.append("it went on in clear")
        if not SANITIZED and self.rss > MEMORY_MAX:
            self.problems.append("it took %d KiB of memory" % self.rss)

    def run_again(self):
        sink, port = self.sink("", "second")
        try:
            code, _, _ = self.send(port, "again", "--quiet")
        finally:
            sink.terminate()
            sink.wait()
        after = self.ledger()
        stored = self.stored()
        self.check_truth(after, stored, "second run")
        if after["pending"] or set(after["sent"]) != set(self.states["sent"] + self.states["pending"]):
            self.problems.append("second run: %s pending, %s sent" % (after["pending"], after["sent"]))
        if after["in-doubt"] != self.states["in-doubt"] or after["refused"] != self.states["refused"]:
            self.problems.append("second run: it has touched who is in doubt or refused")
        if code not in (0, 10, 75):
            self.problems.append("second run: exit code %d" % code)


def main():
    base = pathlib.Path(sys.argv[1])
    lines = [line.strip() for line in sys.stdin if line.strip() and not line.startswith("#")]
    cases = [Case(base, number, line) for number, line in enumerate(lines)]
    failed = 0
    print("%-9s %-8s %-5s %-4s %4s  %-5s %-5s %-5s %-5s %-5s  %-5s %8s %6s" % (
        "stage", "fault", "mode", "when", "exit", "sent", "refus", "defer", "doubt", "pend", "store", "VmHWM", "time"))
    # Most of the time is spent waiting: more at once than there are cores.
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("MB_STAGES_JOBS", "12"))) as pool:
        for case in pool.map(Case.run, cases):
            counts = [len(field.strip("-")) for field in case.got.split()]
            print("%-9s %-8s %-5s %-4s %4d  %-5d %-5d %-5d %-5d %-5d  %-5d %5.1f M %5.1fs" % (
                case.stage, case.fault, case.mode + "+" * case.big, case.when, case.code, *counts,
                case.rss / 1024, case.seconds))
            for problem in case.problems:
                print("  FAILED: %s" % problem)
            failed += bool(case.problems)
    print("%d cases, %d failed" % (len(cases), failed))
    return 1 if failed or not cases else 0


sys.exit(main())
