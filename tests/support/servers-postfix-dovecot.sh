# Private Postfix and Dovecot; servers.sh sources it.
#
#   need_servers NAME          false, and NAME counted as skipped, where they cannot run (no root)
#   start_postfix_dovecot DIR [KNOWN]  submission (STARTTLS required, AUTH through Dovecot), SMTPS,
#                              SMTP without a login and without CHUNKING, delivery into Maildirs,
#                              POP3 with STLS, POP3S; about a second. With KNOWN, a file of local
#                              parts, those of example.com go to the box "known"; mail to any other
#                              of example.com is accepted, and reported to its sender
#   start_dovecot_only DIR     POP3 and POP3S over Maildirs that the test fills
#
#   DOVECOT_MORE is added to Dovecot's configuration, and comes before what stands there.
#   They set SUBMISSION_PORT, SMTPS_PORT, SMTP_PORT, POP3_PORT, POP3S_PORT, CA_FILE and MAIL_DIR.
#   Every user name is known and has the password "pw"; user X has the box MAIL_DIR/X/Maildir.
#   Nothing is relayed. Their words are in DIR/postfix/log and DIR/dovecot/log.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

need_servers()
{
    need_layer "$1" mail postfix dovecot-core dovecot-pop3d
}

mb_write_postfix()
{
    local d=$1 i

    mkdir -p "$d"/postfix/{conf,queue,data}
    cat >"$d/postfix/conf/main.cf" <<CONF
compatibility_level = 3.6
config_directory = $d/postfix/conf
queue_directory = $d/postfix/queue
data_directory = $d/postfix/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = $d/postfix/log
maillog_file_prefixes = $d
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
virtual_mailbox_domains = example.net, example.org, xn--bcher-kva.example
virtual_mailbox_base = $d/mail
virtual_mailbox_maps = texthash:$d/postfix/conf/boxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_mailbox_limit = 0
mailbox_size_limit = 0
message_size_limit = 104857600
smtpd_tls_cert_file = $d/cert.pem
smtpd_tls_key_file = $d/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = $d/dovecot/run/auth-postfix
smtpd_sasl_auth_enable = yes
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
default_transport = error:5.7.1 outside is off
relay_transport = error:5.7.1 outside is off
smtpd_error_sleep_time = 0
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
CONF
    for i in {1..9}; do
        echo "u$i@example.net u$i/Maildir/"
    done >"$d/postfix/conf/boxes"
    for i in example.net example.org xn--bcher-kva.example; do
        echo "@$i rest/Maildir/"
    done >>"$d/postfix/conf/boxes"
    if [ -n "${2:-}" ]; then
        sed 's|$|@example.com known/Maildir/|' "$2" >>"$d/postfix/conf/boxes"
        sed -i 's/^virtual_mailbox_domains = /&example.com, /' "$d/postfix/conf/main.cf"
        echo "smtpd_reject_unlisted_recipient = no" >>"$d/postfix/conf/main.cf"
    fi
    cat >"$d/postfix/conf/master.cf" <<CONF
127.0.0.1:$SMTP_PORT inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=chunking
127.0.0.1:$SUBMISSION_PORT inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
127.0.0.1:$SMTPS_PORT inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONF
}

mb_write_dovecot()
{
    local d=$1

    mkdir -p "$d"/dovecot/{run,state}
    cat >"$d/dovecot/conf" <<CONF
base_dir = $d/dovecot/run
state_dir = $d/dovecot/state
log_path = $d/dovecot/log
protocols = pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <$d/cert.pem
ssl_key = <$d/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
mail_location = maildir:$d/mail/%u/Maildir
first_valid_uid = 100
mail_max_userip_connections = 100
passdb {
  driver = static
  args = password=pw
}
userdb {
  driver = static
  args = uid=65534 gid=65534 home=$d/mail/%u
}
service auth {
  unix_listener auth-postfix {
    mode = 0666
  }
}
service pop3-login {
  inet_listener pop3 {
    port = $POP3_PORT
  }
  inet_listener pop3s {
    port = $POP3S_PORT
    ssl = yes
  }
}
service anvil {
  chroot =
}
${DOVECOT_MORE:-}
CONF
}

start_postfix_dovecot()
{
    free_port SMTP_PORT SUBMISSION_PORT SMTPS_PORT POP3_PORT POP3S_PORT
    mkdir -p "$1"
    mb_write_dovecot "$1"
    mb_write_postfix "$@"
    start_in_layer "$1" mail "dovecot -c '$1/dovecot/conf'
        chown postfix '$1/postfix/data'
        postfix -c '$1/postfix/conf' start"
}

start_dovecot_only()
{
    free_port POP3_PORT POP3S_PORT
    mkdir -p "$1"
    mb_write_dovecot "$1"
    start_in_layer "$1" mail "dovecot -c '$1/dovecot/conf'"
}
