# Private POP3 servers that are not Dovecot. Source it after servers.sh.
#
#   need_courier NAME, need_popa3d NAME   false, and NAME counted as skipped, where they cannot run
#   start_courier DIR    Courier, user u1 with password pw, whose mail is what DIR/u1/Maildir holds
#   start_popa3d DIR     popa3d: no CAPA, no PIPELINING, unique-ids made of headers alone. u1's mail
#                        is the mbox DIR/mbox
#
#   They set POP3_PORT. Everything is in clear.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

need_courier()
{
    need_layer "$1" courier courier-pop courier-authdaemon
}

need_popa3d()
{
    need_layer "$1" popa3d popa3d
}

mb_add_user='useradd -m -d /srv/u1 -s /bin/sh u1; echo u1:pw | chpasswd'

start_courier()
{
    free_port POP3_PORT
    start_in_layer "$1" courier "$mb_add_user
        cp -a $1/u1/Maildir /srv/u1/Maildir
        chown -R u1:u1 /srv/u1
        mkdir -p /run/courier/authdaemon
        /usr/sbin/authdaemond start
        export MAILDIRPATH=Maildir MAILDIR=Maildir AUTHMODULES=authdaemon POP3AUTH= POP3_TLS_REQUIRED=0
        /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=40 -maxperip=40 -nodnslookup \
            -noidentlookup $POP3_PORT /usr/lib/courier/courier/courierpop3login \
            /usr/lib/courier/courier/courierpop3d Maildir >$1/courier.log 2>&1 &"
    wait_for mb_port_open "$POP3_PORT"
}

start_popa3d()
{
    free_port POP3_PORT
    cat >"$1/inetd.py" <<'PYTHON'
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    peer = listener.accept()[0]
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(peer.fileno(), 0)
        os.dup2(peer.fileno(), 1)
        os.execv("/usr/sbin/popa3d", ["popa3d"])
    peer.close()
PYTHON
    start_in_layer "$1" popa3d "$mb_add_user
        cp $1/mbox /var/mail/u1
        chown u1:mail /var/mail/u1
        chmod 600 /var/mail/u1
        $MB_PYTHON $1/inetd.py $POP3_PORT >$1/popa3d.log 2>&1 &"
    wait_for mb_port_open "$POP3_PORT"
}
