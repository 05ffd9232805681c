"""aiosmtpd that delivers into Maildirs: aiosmtpd-boxes.py PORT DIR (see servers-aiosmtpd.sh)."""
import os
import re
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

port, folder = int(sys.argv[1]), sys.argv[2]
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")


class Boxes:
    kept = 0

    async def handle_DATA(self, server, session, envelope):
        for recipient in envelope.rcpt_tos:
            own = re.fullmatch(r"(u[1-9])@example\.net", recipient)
            new = f"{folder}/mail/{own[1] if own else 'rest'}/Maildir/new"
            os.makedirs(new, exist_ok=True)
            self.kept += 1
            with open(f"{new}/{self.kept:08}.mail.test", "wb") as file:
                file.write(envelope.content.replace(b"\r\n", b"\n"))
        return "250 2.0.0 kept"


class TlsOnly(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=tls, require_starttls=True, enable_SMTPUTF8=True,
                    data_size_limit=2**27)


controller = TlsOnly(Boxes(), hostname="127.0.0.1", port=port)
controller.start()
signal.sigwait([signal.SIGTERM])
