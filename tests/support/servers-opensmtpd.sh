# A private OpenSMTPD. Source it after servers.sh.
#
#   need_opensmtpd NAME  false, and NAME counted as skipped, where it cannot run
#   start_opensmtpd DIR  SMTP in clear (the TLS of Debian 12's does not work with its OpenSSL),
#                        delivery into the box "rest". It has no PIPELINING, and drops a client that
#                        pipelines all the same.
#
#   It sets OPENSMTPD_PORT and MAIL_DIR. Its words are in DIR/opensmtpd/log.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

need_opensmtpd()
{
    need_layer "$1" opensmtpd opensmtpd
}

start_opensmtpd()
{
    free_port OPENSMTPD_PORT
    mkdir -p "$1/opensmtpd"
    cat >"$1/opensmtpd/conf" <<CONF
table boxes { "@" = "nobody" }
listen on 127.0.0.1 port $OPENSMTPD_PORT hostname mail.test
action "keep" maildir "$1/mail/rest/Maildir" virtual <boxes>
match from any for any action "keep"
CONF
    start_in_layer "$1" opensmtpd "chmod 600 '$1/opensmtpd/conf'
        mount -t tmpfs mailbatch /run
        smtpd -d -v -f '$1/opensmtpd/conf' >'$1/opensmtpd/log' 2>&1 &"
    wait_for mb_port_open "$OPENSMTPD_PORT"
}
