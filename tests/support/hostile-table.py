"""Runs `popdump fetch --delete` against each server of pop3-hostile.py and prints a table: what came
of it, exit code, DELE, peak memory, seconds, message.

usage: hostile-table.py POPDUMP SERVER-SCRIPT FOLDER RIGHT-CERTIFICATE OTHER-CERTIFICATE CLOCK-LIBRARY

FOLDER takes the archives; the certificates are folders with ca.pem, cert.pem and key.pem, for
127.0.0.1 and for another host. Every archive that is left has to verify and to hold what the row
says. Peak memory has a floor of about 15 MiB: that of this script, from which the process is forked.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
import time

MIB_MAX, SECONDS_MAX = 64, 90
SHORT = ["--timeout", "4s"]
LOGIN = ["--auth", "LOGIN"]

# case, scenario, exit, messages archived (None: no archive), DELE, options
ROWS = [
    ("all well", "good", 0, 3, 3, []),
    ("greeting: one endless line", "greeting-endless", 76, None, 0, []),
    ("greeting: endless lines", "greeting-lines", 76, None, 0, []),
    ("greeting: silence", "greeting-silent", 75, None, 0, SHORT),
    ("greeting: SMTP", "greeting-garbage", 76, None, 0, []),
    ("greeting: +OKAY", "greeting-okay", 76, None, 0, []),
    ("greeting: lower case", "greeting-lower", 76, None, 0, []),
    ("greeting: terminal escapes", "greeting-escape", 76, None, 0, []),
    ("greeting: refused", "greeting-refused", 69, None, 0, []),
    ("greeting: end of file", "greeting-end", 75, None, 0, []),
    ("CAPA: endless", "capa-endless", 76, None, 0, []),
    ("CAPA: one endless line", "capa-one-line", 76, None, 0, []),
    ("STAT: 2^64 and -1", "stat-wrong", 0, 3, 3, []),
    ("login: [AUTH]", "login-auth", 77, None, 0, []),
    ("login: refused", "login-refused", 77, None, 0, []),
    ("login: [IN-USE]", "login-in-use", 75, None, 0, []),
    ("login: [SYS/TEMP]", "login-temp", 75, None, 0, []),
    ("login: [SYS/PERM]", "login-perm", 69, None, 0, []),
    ("SASL: invalid base64", "sasl-no-base64", 76, None, 0, LOGIN),
    ("SASL: endless challenges", "sasl-endless", 76, None, 0, LOGIN),
    ("UIDL: refused", "uidl-refused", 69, None, 0, []),
    ("UIDL: endless", "uidl-endless", 76, None, 0, []),
    ("UIDL: one endless line", "uidl-one-line", 76, None, 0, []),
    ("UIDL: ../../etc/x", "uidl-path", 0, 3, 3, []),
    ("UIDL: empty", "uidl-empty", 0, 3, 2, []),
    ("UIDL: ESC and NUL", "uidl-escape", 0, 3, 1, []),
    ("UIDL: 64 KiB", "uidl-long", 0, 3, 2, []),
    ("UIDL: the same twice", "uidl-twice", 0, 3, 1, []),
    ("UIDL: number 0 and above the count", "uidl-numbers", 10, 3, 3, []),
    ("LIST: 0, 2^63, beyond 2^64", "list-wrong", 10, 3, 0, []),
    ("LIST: 2^31, 2^64 - 1, -1", "list-huge", 10, 3, 0, []),
    ("LIST: refused", "list-refused", 10, 3, 0, []),
    ("LIST: endless", "list-endless", 76, None, 0, []),
    ("LIST: one endless line", "list-one-line", 76, None, 0, []),
    ("RETR: -ERR for one", "retr-refused", 10, 2, 2, []),
    ("RETR: +OK, then end of file", "retr-end-after-ok", 75, 1, 0, []),
    ("RETR: end in a line", "retr-end-in-line", 75, 1, 0, []),
    ("RETR: end after CR", "retr-end-after-cr", 75, 1, 0, []),
    ("RETR: end after CRLF . CR", "retr-end-after-dot", 75, 1, 0, []),
    ("RETR: HTTP", "retr-no-reply", 76, 1, 0, []),
    ("RETR: +OKAY", "retr-okay", 76, 1, 0, []),
    ("RETR: +ok", "retr-lower", 76, 1, 0, []),
    ("RETR: status line of 100 KiB", "retr-long-status", 0, 3, 3, []),
    ("RETR: endless status line", "retr-status-endless", 76, 0, 0, []),
    ("RETR: unstuffed dot, forged +OK", "retr-forged", 10, 2, 2, []),
    ("RETR: the same, one by one", "retr-forged", 10, 2, 2, ["--window", "1"]),
    ("RETR: empty", "retr-empty", 10, 3, 2, []),
    ("RETR: all kinds of octets", "retr-odd", 10, 3, 2, []),
    ("RETR: endless", "retr-endless", 76, 0, 0, ["--max-message", "1M"]),
    ("RETR: one endless line", "retr-long-line", 76, 0, 0, ["--max-message", "1M"]),
    ("RETR: an octet a packet", "retr-pieces", 0, 3, 3, []),
    ("RETR: silence", "retr-silent", 75, 0, 0, SHORT),
    ("DELE: refused", "dele-refused", 10, 3, 3, []),
    ("DELE: +OK, and the message comes back", "dele-back", 0, 3, 3, []),
    ("QUIT: silence", "quit-silent", 75, 3, 3, SHORT),
    ("QUIT: refused", "quit-refused", 75, 3, 3, []),
    ("QUIT: connection lost", "quit-lost", 75, 3, 3, []),
    ("another person's mailbox", "uidl-other", 10, None, 0, ["a box before"]),
    ("STLS: not offered", "good", 69, None, 0, ["stls", "bare"]),
    ("STLS: refused", "stls-refused", 69, None, 0, ["stls"]),
    ("STLS: +OK and more in clear", "stls-surplus", 76, None, 0, ["stls"]),
    ("TLS: bare FIN in RETR", "retr-fin", 75, 1, 0, ["tls"]),
    ("TLS: close_notify in RETR", "retr-close-notify", 75, 1, 0, ["tls"]),
    ("TLS: another host's certificate", "good", 78, None, 0, ["tls", "other"]),
    ("TLS: expired", "good", 78, None, 0, ["tls", "expired"]),
    ("TLS: not the pinned certificate", "good", 78, None, 0, ["tls", "pin"]),
]


def start(script, folder, scenario, extra):
    ready, log = folder + "/ready", open(folder + "/server.log", "ab")
    if os.path.exists(ready):
        os.unlink(ready)
    server = subprocess.Popen([sys.executable, script, ready, scenario] + extra, stdout=log,
                              stderr=subprocess.DEVNULL)
    while not os.path.exists(ready):
        time.sleep(0.01)
    with open(ready, encoding="ascii") as file:
        return server, file.read().strip()


def fetch(popdump, folder, port, options, environment):
    scheme = "pop3s" if "tls" in options else "pop3"
    command = [popdump, "fetch", "--retry", "1", "--delete", "--password-file", folder + "/password",
               "--server", "%s://u1@127.0.0.1:%s" % (scheme, port)]
    if "tls" not in options and "stls" not in options:
        command += ["--tls", "off"]
    for i, word in enumerate(options):
        if word.startswith("--"):
            command += options[i:i + 2]
    with open(folder + "/out", "wb") as out, open(folder + "/err", "wb") as err:
        begun = time.monotonic()
        process = subprocess.Popen(command + [folder + "/archive"], stdout=out, stderr=err,
                                   env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss / 1024, time.monotonic() - begun


def run(row, popdump, script, root, right, other, library):
    case, scenario, code, archived, dele, options = row
    folder = tempfile.mkdtemp(dir=root)
    with open(folder + "/password", "w", encoding="ascii") as file:
        file.write("pw\n")
    os.chmod(folder + "/password", 0o600)
    environment = dict(os.environ)
    problems, extra, options = [], [], list(options)
    place = other if "other" in options else right
    if ("tls" in options or "stls" in options) and "bare" not in options:
        extra = [place + "/cert.pem", place + "/key.pem"] + (["tls"] if "tls" in options else [])
    if "tls" in options or "stls" in options:
        options += ["--tls-fingerprint", "00" * 32] if "pin" in options else \
            ["--tls-trust", place + "/ca.pem"]
    if "expired" in options:
        with open(folder + "/clock", "w", encoding="ascii") as file:
            file.write("%d\n" % (200 * 365 * 86400))
        environment.update(LD_PRELOAD=library, FAIL_CALLS_CLOCK=folder + "/clock")
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    if "a box before" in options:
        server, port = start(script, folder, "six", [])
        subprocess.run([popdump, "fetch", "--tls", "off", "--password-file", folder + "/password",
                        "--server", "pop3://u1@127.0.0.1:" + port, folder + "/archive"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        server.kill()
        server.wait()
    server, port = start(script, folder, scenario, extra)
    got, memory, seconds = fetch(popdump, folder, port, options, environment)
    server.kill()
    server.wait()
    with open(folder + "/server.log", encoding="utf-8", errors="replace") as file:
        asked = sum(line.startswith("DELE") for line in file)
    with open(folder + "/err", encoding="utf-8", errors="replace") as file:
        said = file.read()
    if code is not None and got != code:
        problems.append("exit code %d expected" % code)
    if asked != dele:
        problems.append("%d DELE expected" % dele)
    if memory > MIB_MAX and "asan" not in popdump_libraries(popdump):
        problems.append("too much memory")
    if seconds > SECONDS_MAX:
        problems.append("too long")
    if "\033" in said or (got not in (0, 10) and not said.strip()):
        problems.append("bad message")
    problems += look(popdump, folder, archived if "a box before" not in options else False)
    shutil.rmtree(folder)
    line = said.strip().splitlines()[-1].replace("popdump: ", "")[:110] if said.strip() else ""
    return "%-38s %4d %4d %6.1f %6.2f  %s" % (case, got, asked, memory, seconds,
                                              line.replace(root, "…")), problems


def popdump_libraries(popdump):
    return subprocess.run(["ldd", popdump], capture_output=True, text=True, check=False).stdout


def look(popdump, folder, archived):
    """What is wrong with the archive; `archived` None: there must be none, False: any number."""
    archive = folder + "/archive"
    if archived is None:
        return ["an archive was made"] if os.path.exists(archive) else []
    if subprocess.run([popdump, "verify", archive], capture_output=True, check=False).returncode:
        return ["the archive does not verify"]
    rows = subprocess.run([popdump, "list", "--json", archive], capture_output=True, check=False)
    count = rows.stdout.count(b'"sha256"')
    return [] if archived is False or count == archived else ["%d archived" % count]


def main():
    arguments, failed = sys.argv[1:], 0
    print("%-38s %4s %4s %6s %6s  %s" % ("server", "exit", "DELE", "MiB", "s", "message"))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for line, problems in pool.map(lambda row: run(row, *arguments), ROWS):
            print(line + ("".join("  << " + problem for problem in problems)))
            failed += bool(problems)
    print("%d servers, %d not as they should be" % (len(ROWS), failed))
    sys.exit(1 if failed else 0)


main()
