"""Fetches a mailbox of Dovecot while killing popdump again and again, then to the end.

usage: kill-often.py KILLS SEED MESSAGES DOVECOT-LOG ARCHIVE WINDOW COMMAND…

A quarter of the kills come at a random moment of the start (recovery, login, listing), the others at
a random octet of the archive's growth, or just behind the first RETR, so that all of them fall into
one fetch of the mailbox. What Dovecot counted as retrieved in a run, less what the
archive gained by it, was in vain: at most one batch (64 messages) and what was asked for ahead.
WINDOW 0 leaves the window to popdump (64).
"""

import glob
import json
import os
import random
import re
import subprocess
import sys
import time

BATCH = 64


def journal(archive):
    """next_sequence of each session."""
    try:
        with open(archive + "/journal/000001.jsonl", encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
    except FileNotFoundError:
        return []
    return [line["next_sequence"] for line in lines if line["kind"] == "session"]


def written(archive):
    """Octets of whole segments and of the open one, roughly."""
    total = 0
    for path in glob.glob(archive + "/open/*.tar"):
        try:
            total = (int(os.path.basename(path)[:6]) << 40) + os.path.getsize(path)
        except FileNotFoundError:
            pass
    return total


# Sessions of which Dovecot never says the end: cut between its login and its mail process.
unended = 0


def retrieved(log):
    """Messages that Dovecot sent in all sessions so far, once it has noticed the end of each."""
    global unended
    for _ in range(20):
        with open(log, encoding="utf-8", errors="replace") as file:
            text = file.read()
        ends = re.findall(r" pop3\(u1\).* retr=(\d+)/", text)
        begun = len(re.findall(r"pop3-login: (?:Info: )?Login: ", text))
        if len(ends) + unended >= begun:
            return sum(map(int, ends))
        time.sleep(0.05)
    unended = begun - len(ends)
    return sum(map(int, ends))


def run(command, archive, dice, behind):
    """Starts it and kills it; true when it was killed. `behind`: it may get on."""
    before, lines = written(archive), len(journal(archive))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if dice.random() < 0.25:
        time.sleep(dice.random() * 0.05)
    elif behind:
        goal = before + dice.randrange(1, 600000)
        while process.poll() is None and written(archive) < goal:
            time.sleep(0.0005)
    else:
        while process.poll() is None and len(journal(archive)) == lines:
            time.sleep(0.0005)
    time.sleep(dice.random() * 0.003)
    process.kill()
    return process.wait() == -9


def main():
    kills, seed, messages = map(int, sys.argv[1:4])
    log, archive, window = sys.argv[4], sys.argv[5], int(sys.argv[6])
    command = sys.argv[7:] + (["--window", str(window)] if window else [])
    dice = random.Random(seed)
    runs, killed, sent = [], 0, retrieved(log)

    def account():
        nonlocal sent
        now = retrieved(log)
        runs.append((len(journal(archive)), now - sent))
        sent = now

    while killed < kills:
        done = (journal(archive) or [1])[-1] / messages
        killed += run(command, archive, dice, done < killed / kills)
        account()
        if len(runs) > 2 * kills + 10:
            sys.exit("only %d of %d runs could be killed" % (killed, len(runs)))
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    account()
    if code != 0:
        sys.exit("the last run: exit code %d" % code)
    starts = journal(archive) + [messages + 1]
    spans, worst, total, idle = 0, 0, 0, 0
    for (count, got), earlier in zip(runs, [0] + [count for count, _ in runs]):
        if count == earlier:
            if got:
                sys.exit("%d messages fetched without a session in the journal" % got)
            idle += 1
            continue
        vain = got - (starts[count] - starts[count - 1])
        spans, worst, total = spans + 1, max(worst, vain), total + vain
    bound = BATCH + (window or 64)
    print("%d kills in %d runs, %d before a session; fetched in vain: %d in all, %d at most by one "
          "kill, %.1f a kill (bound %d)"
          % (killed, len(runs), idle, total, worst, total / max(killed, 1), bound))
    sys.exit(1 if worst > bound else 0)


main()
