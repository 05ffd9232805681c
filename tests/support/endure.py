"""Drives `mmerge send` through what kills and fails it, and holds the ledger against the sink.

endure.py kill    [options]    SIGKILL at random moments, resume, resolve: the M-27 table
endure.py storage [options]    the n-th system call on the ledger's files fails, for each n
--help of each says the options. mailsink runs with --store; MB_BIN names the tools' folder.
Prints a table, then one line a thing that does not hold; exit code 1 when there is any.
"""

import argparse
import collections
import errno
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

LETTER = """From: Green Shop <news@example.org>
To: {{ name }} <{{ email }}>
Subject: {{ name }}, your harvest

Dear {{ name }}, number {{ number }} is ready.
"""

wrong = []


def must(holds, *words):
    if not holds:
        wrong.append(" ".join(str(word) for word in words))


class Sink:
    """mailsink on a free port, its store kept over restarts."""

    def __init__(self, folder, arguments):
        self.folder, self.arguments, self.process = folder, arguments, None
        os.makedirs(folder, exist_ok=True)
        self.log = os.path.join(folder, "store", "envelopes.jsonl")

    def start(self):
        ready = os.path.join(self.folder, "ready")
        if os.path.exists(ready):
            os.unlink(ready)
        self.process = subprocess.Popen(
            [os.environ["MB_BIN"] + "/mailsink", "--smtp", "127.0.0.1:0", "--quiet", "--ready-file", ready,
             "--store", os.path.join(self.folder, "store")] + self.arguments)
        for _ in range(1500):
            if os.path.exists(ready) and os.path.getsize(ready) > 0:
                break
            time.sleep(0.02)
        with open(ready) as file:
            self.server = "smtp://127.0.0.1:" + re.search(r"^smtp=.*:(\d+)$", file.read(), re.M)[1]

    def stop(self):
        """What came in is in the store then, and nothing comes any more."""
        self.process.terminate()
        must(self.process.wait() in (0, -signal.SIGTERM), "mailsink ended with", self.process.returncode)

    def empty(self):
        if os.path.exists(self.log):
            os.truncate(self.log, 0)

    def size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def recipients(self):
        found = collections.Counter()
        if os.path.exists(self.log):
            with open(self.log) as lines:
                for line in lines:
                    found.update(json.loads(line)["recipients"])
        return found


class Campaign:
    def __init__(self, folder, rows, arguments):
        self.folder, self.rows, self.arguments = folder, rows, arguments
        os.makedirs(folder, exist_ok=True)
        self.ledger = os.path.join(folder, "ledger.db")
        self.write_letter("")
        with open(os.path.join(folder, "people.csv"), "w") as out:
            out.write("number,name,email\n")
            for i in range(1, rows + 1):
                out.write("%d,Person %d,p%d@example.net\n" % (i, i, i))

    def write_letter(self, more):
        with open(os.path.join(self.folder, "letter"), "w") as out:
            out.write(LETTER + more)

    def tool(self, *arguments):
        done = subprocess.run([os.environ["MB_BIN"] + "/mmerge", *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def command(self, server, *more):
        return [os.environ["MB_BIN"] + "/mmerge", "send", "--server", server, "--tls", "off", "--ledger",
                self.ledger, "--quiet", *self.arguments, *more, os.path.join(self.folder, "letter"),
                os.path.join(self.folder, "people.csv")]

    def send(self, server, *more, environment=None):
        done = subprocess.run(self.command(server, *more), capture_output=True, text=True, timeout=300,
                              env={**os.environ, **(environment or {})})
        return done.returncode, done.stderr

    def states(self):
        """state → addresses, as the ledger tells it."""
        code, out, error = self.tool("status", "--json", self.ledger)
        found = collections.defaultdict(set)
        if code == 65 and ("holds no campaign" in error or "is empty" in error):
            return found # it was killed before it had one
        must(code == 0, "status:", code, error)
        for line in out.splitlines():
            entry = json.loads(line)
            if "address" in entry:
                found[entry["state"]].add(entry["address"])
        return found

    def forget(self):
        for name in os.listdir(self.folder):
            if name.startswith("ledger.db"):
                os.unlink(os.path.join(self.folder, name))


def check_against_sink(campaign, sink, what):
    """The promise, whatever came before: (sent, in doubt, at the sink)."""
    states, arrived = campaign.states(), sink.recipients()
    sent, doubt = states["sent"], states["in-doubt"]
    twice = [address for address, n in arrived.items() if n > 1]
    must(not twice, what, "mailed twice:", twice[:5])
    must(sent <= set(arrived), what, "sent, but not arrived:", sorted(sent - set(arrived))[:5])
    must(set(arrived) <= sent | doubt, what, "arrived, but neither sent nor in doubt:",
         sorted(set(arrived) - sent - doubt)[:5])
    return len(sent), len(doubt), sum(arrived.values())


def resolve_and_finish(campaign, sink, what):
    """What is in doubt is settled from the sink's side; then each has its mail exactly once."""
    arrived, doubt = sink.recipients(), campaign.states()["in-doubt"]
    for word, names in (("--sent", doubt & set(arrived)), ("--unsent", doubt - set(arrived))):
        path = os.path.join(campaign.folder, "names")
        with open(path, "w") as out:
            out.writelines(name + "\n" for name in sorted(names))
        code, _, error = campaign.tool("resolve", word, path, campaign.ledger) if names else (0, "", "")
        must(code == 0, what, "resolve", word, "exit", code, error)
    code, error = campaign.send(sink.server)
    must(code == 0, what, "the last send: exit", code, error)
    arrived = sink.recipients()
    must(len(arrived) == campaign.rows and max(arrived.values()) == 1, what, "after resolve:",
         len(arrived), "reached, once at most:", max(arrived.values(), default=0))
    sent, _, _ = check_against_sink(campaign, sink, what)
    must(sent == campaign.rows, what, "after resolve:", sent, "sent of", campaign.rows)


# --- kills ---------------------------------------------------------------------------------------

def kill_moment(dice, number, kills):
    """Where the next kill falls: what is waited for, and how much of it."""
    where = number / kills
    if where < 0.08:
        return "preflight", dice.random()
    if dice.random() < 0.12:
        return "preflight", dice.random()
    if dice.random() < 0.15:
        return "resuming", dice.uniform(0, 0.02)
    return "sending", dice.random()


def wait_for_kill(process, sink, kind, amount, had, share):
    begin = time.monotonic()
    if kind == "sending":
        # A line of the log is about 250 octets; the exact count does not matter.
        while sink.size() < had + amount * share * 250 and process.poll() is None:
            time.sleep(0.0002)
        time.sleep(amount * 0.003)
    else:
        while time.monotonic() - begin < amount and process.poll() is None:
            time.sleep(0.0002)


def kill(options):
    dice = random.Random(options.seed)
    sink = Sink(options.folder + "/sink", ["--delay", str(options.delay)] +
                (["--hide", "CHUNKING"] if options.dialogue == "DATA" else []))
    campaign = Campaign(options.folder + "/campaign", options.rows,
                        ["--connections", str(options.connections), "--window", str(options.window)])
    bound = options.connections * (1 if options.dialogue == "DATA" else options.window)
    sink.start()
    begun, most, doubt_before, kinds = time.monotonic(), 0, 0, collections.Counter()
    doubts = collections.Counter()
    preflight_s = None
    number = attempts = 0
    while number < options.kills and attempts < 3 * options.kills:
        attempts += 1
        kind, amount = kill_moment(dice, number, options.kills)
        if kind == "preflight":
            campaign.write_letter("{# %d #}\n" % attempts)
            if preflight_s is None:
                began = time.monotonic()
                campaign.tool("check", "--quiet", campaign.folder + "/letter", campaign.folder + "/people.csv")
                preflight_s = time.monotonic() - began
            amount *= 1.6 * preflight_s + 0.01
        had = sink.size()
        left = options.rows - had / 250
        share = 1.5 * max(left, 1) / (options.kills - number)
        process = subprocess.Popen(campaign.command(sink.server), stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        wait_for_kill(process, sink, kind, amount, had, share)
        process.kill()
        code = process.wait()
        if code != -signal.SIGKILL:
            kind = "too late"
            must(code in (0, 75), "kill", number, "the run ended with", code)
        else:
            number += 1
        kinds[kind] += 1
        doubt = len(campaign.states()["in-doubt"]) if os.path.exists(campaign.ledger) else 0
        doubts[doubt - doubt_before] += 1
        must(0 <= doubt - doubt_before <= bound, "kill", number, kind, doubt - doubt_before,
             "newly in doubt, bound", bound)
        most, doubt_before = max(most, doubt - doubt_before), doubt
    code, error = campaign.send(sink.server, "--wait", "5")
    must(code in (0, 75), "the run to the end: exit", code, error)
    sink.stop()
    sent, doubt, arrived = check_against_sink(campaign, sink, "after the kills")
    must(sent + doubt == options.rows, "sent", sent, "+ in doubt", doubt, "are not", options.rows)
    must(code == (75 if doubt else 0), "exit", code, "with", doubt, "in doubt")
    must(number == options.kills, "only", number, "runs were killed")
    print("M-27 %s, %d connections, window %d, seed %d: %d kills (%s) in %.0f s" % (
        options.dialogue, options.connections, options.window, options.seed, number,
        ", ".join("%d %s" % (n, kind) for kind, n in sorted(kinds.items())), time.monotonic() - begun))
    print("  %d rows: %d sent, %d in doubt, %d at the sink; most newly in doubt by one kill %d, bound %d"
          % (options.rows, sent, doubt, arrived, most, bound))
    print("  newly in doubt: kills:", ", ".join("%d: %d" % pair for pair in sorted(doubts.items())))
    sink.start()
    resolve_and_finish(campaign, sink, "at the end")
    code, error = campaign.send(sink.server)
    must(code == 0, "another run: exit", code, error)
    sink.stop()
    check_against_sink(campaign, sink, "another run")
    print("  after resolve and another send: %d at the sink, none twice" % sum(sink.recipients().values()))


# --- storage -------------------------------------------------------------------------------------

# What can fail how: reading and renaming never for want of room.
KINDS = {
    "ENOSPC": ("open", "write", "pwrite", "ftruncate", "fallocate"),
    "EIO": ("open", "write", "pwrite", "pread", "ftruncate", "fallocate", "fsync", "fdatasync", "mmap",
            "rename", "unlink"),
}


def watched(campaign, log, *, when="", how=0):
    if os.path.exists(log):
        os.unlink(log)
    return {"LD_PRELOAD": os.environ["FAIL_CALLS"], "FAIL_CALLS_PREFIX": campaign.ledger,
            "FAIL_CALLS_LOG": log, "FAIL_CALLS_WHEN": when, "FAIL_CALLS_ERRNO": str(how),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}


def read_calls(log):
    """(call, file's suffix, failed) in order."""
    if not os.path.exists(log):
        return []
    with open(log) as lines:
        parts = [line.split() for line in lines]
    return [(part[1], os.path.basename(part[2])[len("ledger.db"):] or "(ledger)", part[-1] == "FAILED")
            for part in parts]


def begin_halfway(campaign, sink):
    """The run that is disturbed resumes one that was killed, or begins."""
    code, error = campaign.send(sink.server, "--limit", str(campaign.rows // 3))
    must(code in (0, 75), "the first third: exit", code, error)


def disturb(campaign, sink, log, place, how, after, resumed):
    """One run in which call number `place` fails; its exit code, whether it was reached."""
    what = "%s %d%s%s" % (errno.errorcode[how], place, "+" if after else "", " resumed" if resumed else "")
    campaign.forget()
    sink.empty()
    if resumed:
        begin_halfway(campaign, sink)
    code, error = campaign.send(sink.server, environment=watched(
        campaign, log, when="%d%s" % (place, "+" if after else ""), how=how))
    calls = read_calls(log)
    failed = [call for call in calls if call[2]]
    if not failed:
        return None
    what += " (%s %s)" % failed[0][:2]
    must(code in (0, 73, 74), what, "exit", code, error)
    if code != 0:
        must("ledger.db" in error and error.count("\n") == 1, what, "says:", error)
        must(re.search(r"No space left|Input/output|disk is full|cannot open it|may not be written", error), what,
             "says not why:", error)
    code_after, error = campaign.send(sink.server)
    must(code_after in (0, 75), what, "resume: exit", code_after, error)
    sent, doubt, _ = check_against_sink(campaign, sink, what)
    must(sent + doubt == campaign.rows, what, "sent", sent, "+ in doubt", doubt)
    if doubt:
        resolve_and_finish(campaign, sink, what)
    return failed[0][:2], code, doubt


def storage(options):
    sink = Sink(options.folder + "/sink", [])
    campaign = Campaign(options.folder + "/campaign", options.rows, ["--wait", "5"])
    log = options.folder + "/calls"
    table = collections.defaultdict(lambda: collections.defaultdict(int))
    runs = 0
    sink.start()
    for resumed in (False, True):
        campaign.forget()
        sink.empty()
        if resumed:
            begin_halfway(campaign, sink)
        code, error = campaign.send(sink.server, environment=watched(campaign, log))
        must(code == 0, "a clean run: exit", code, error)
        calls = read_calls(log)
        for name, kinds in KINDS.items():
            places = [i for i, call in enumerate(calls, 1) if call[0] in kinds]
            for after in (False, True):
                step = max(1, round(len(places) * 8 / options.runs)) if options.runs else 1
                for place in places[(1 if after else 0) * step // 2::step]:
                    done = disturb(campaign, sink, log, place, getattr(errno, name), after, resumed)
                    if done is None:
                        continue
                    runs += 1
                    row = table[(name + (" from then on" if after else " once"), done[0][0])]
                    row["runs"] += 1
                    row[done[1]] += 1
                    row["doubt"] = max(row["doubt"], done[2])
        print("%d calls on the ledger's files %s" % (len(calls), "when resuming" if resumed else
                                                    "from the first run"))
    sink.stop()
    print("%-20s %-10s %6s %8s %8s %8s %14s" % ("failure", "call", "runs", "exit 73", "exit 74", "exit 0",
                                                "most in doubt"))
    for (name, call), row in sorted(table.items()):
        print("%-20s %-10s %6d %8d %8d %8d %14d" % (name, call, row["runs"], row[73], row[74], row[0],
                                                    row["doubt"]))
    print("%d disturbed runs, %d rows each" % (runs, options.rows))
    must(runs >= 20, "only", runs, "runs were disturbed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("kill", "storage"))
    parser.add_argument("folder")
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--dialogue", choices=("DATA", "BDAT"), default="DATA")
    parser.add_argument("--delay", type=int, default=2, help="of mailsink, ms")
    parser.add_argument("--runs", type=int, default=0, help="about so many, evenly over the places (all)")
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    {"kill": kill, "storage": storage}[options.what](options)
    for words in wrong[:30]:
        print("WRONG:", words)
    sys.exit(1 if wrong else 0)


main()
