"""A line that breaks: cut-proxy.py READY-FILE PORT OCTETS

Takes connections on a free port of 127.0.0.1, which READY-FILE names, hands them on to PORT, and cuts
each once OCTETS have come back; the log tells how many there were.
"""

import os
import socket
import sys
import threading

READY, PORT, OCTETS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def pass_on(source, target, most):
    passed = 0
    try:
        while data := source.recv(min(65536, most - passed) if most else 65536):
            target.sendall(data)
            passed += len(data)
            if most and passed == most:
                break
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", 0))
with open(READY + ".new", "w", encoding="ascii") as out:
    out.write("%d\n" % listener.getsockname()[1])
os.rename(READY + ".new", READY)
while True:
    client = listener.accept()[0]
    print("connection", flush=True)
    server = socket.create_connection(("127.0.0.1", PORT))
    threading.Thread(target=pass_on, args=(client, server, 0), daemon=True).start()
    threading.Thread(target=pass_on, args=(server, client, OCTETS), daemon=True).start()
