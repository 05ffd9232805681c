# A private aiosmtpd, Python's SMTP server. Source it after servers.sh.
#
#   need_aiosmtpd NAME   false, and NAME counted as skipped, where it cannot run
#   start_aiosmtpd DIR   SMTP with STARTTLS required, SMTPUTF8, no PIPELINING; every recipient's copy
#                        goes into the box that servers.sh says
#
#   It sets AIOSMTPD_PORT, CA_FILE and MAIL_DIR. Its words are in DIR/aiosmtpd/log.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

need_aiosmtpd()
{
    need_layer "$1" aiosmtpd python3-aiosmtpd
}

start_aiosmtpd()
{
    free_port AIOSMTPD_PORT
    mkdir -p "$1/aiosmtpd"
    cp "$MB_SOURCE/tests/support/aiosmtpd-boxes.py" "$1/aiosmtpd/run.py"
    start_in_layer "$1" aiosmtpd "/usr/bin/python3 '$1/aiosmtpd/run.py' $AIOSMTPD_PORT '$1' \
        >'$1/aiosmtpd/log' 2>&1 &"
    wait_for mb_port_open "$AIOSMTPD_PORT"
}
