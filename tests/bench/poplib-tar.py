"""Python's own POP3 client into a tar file: what a script of ten lines does.

usage: poplib-tar.py PORT FILE
"""

import io
import poplib
import sys
import tarfile

poplib._MAXLINE = 1 << 20
server = poplib.POP3("localhost", int(sys.argv[1]))
server.user("u1")
server.pass_("pw")
with tarfile.open(sys.argv[2], "w") as tar:
    for number in range(1, server.stat()[0] + 1):
        mail = b"\r\n".join(server.retr(number)[1]) + b"\r\n"
        member = tarfile.TarInfo("%d.eml" % number)
        member.size = len(mail)
        tar.addfile(member, io.BytesIO(mail))
server.quit()
