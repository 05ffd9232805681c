"""A command on a terminal of its own, and a user who waits and types.

    terminal.py OUT [--when TEXT KEYS]… -- COMMAND…

When TEXT has appeared (after what was waited for before), KEYS are typed; the key `HANGUP` closes
the terminal instead, `^C` is Ctrl-C. What was shown is in OUT, a redrawn line a line each. The exit
code is the command's; 124 when it takes over 30 seconds.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

out, arguments = sys.argv[1], sys.argv[2:]
steps = []
while arguments[0] == "--when":
    steps.append((arguments[1].encode(), arguments[2]))
    arguments = arguments[3:]
assert arguments.pop(0) == "--"

child, terminal = pty.fork()
if child == 0:
    os.execvp(arguments[0], arguments)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))

shown, seen, end = b"", 0, time.monotonic() + 30
while True:
    if time.monotonic() > end:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stderr.write("terminal.py: too long; shown: " + repr(shown[-500:]) + "\n")
        sys.exit(124)
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            data = b""
        if not data:
            break
        shown += data
    while steps and steps[0][0] in shown[seen:]:
        text, keys = steps.pop(0)
        seen = shown.index(text, seen) + len(text)
        if keys == "HANGUP":
            break
        os.write(terminal, keys.replace("^C", "\x03").encode())
    else:
        continue
    break
os.close(terminal)
status = os.waitpid(child, 0)[1]
with open(out, "wb") as file:
    file.write(shown.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))
if steps:
    sys.stderr.write(f"terminal.py: never shown: {steps[0][0]!r}\n")
    sys.exit(125)
sys.exit(os.waitstatus_to_exitcode(status) % 256)
