# A private Exim. Source it after servers.sh.
#
#   need_exim NAME       false, and NAME counted as skipped, where it cannot run
#   start_exim DIR       SMTP with STARTTLS, SMTPS, delivery into boxes as servers.sh says; offers
#                        PIPELINING, CHUNKING, SMTPUTF8, DSN, and within TLS AUTH PLAIN for u1 with
#                        the password "pw", which SMTPS requires
#
#   It sets EXIM_PORT and EXIM_SMTPS_PORT, CA_FILE and MAIL_DIR. Its words are in DIR/exim/log.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

need_exim()
{
    need_layer "$1" exim exim4-daemon-light
}

mb_write_exim()
{
    local d=$1 i

    mkdir -p "$d"/exim/{spool,log}
    for i in {1..9}; do
        echo "u$i@example.net: u$i"
    done >"$d/exim/boxes"
    # A local part is tainted, so it may not name a folder: the box comes out of a file.
    cat >"$d/exim/conf" <<CONF
primary_hostname = mail.test
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = $d/exim/spool
log_file_path = $d/exim/log/%slog
local_interfaces = 127.0.0.1
daemon_smtp_ports = $EXIM_PORT : $EXIM_SMTPS_PORT
tls_on_connect_ports = $EXIM_SMTPS_PORT
tls_advertise_hosts = *
tls_certificate = $d/cert.pem
tls_privatekey = $d/exim/key.pem
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
keep_environment =
domainlist local_domains = example.net : example.org : xn--bcher-kva.example
acl_smtp_rcpt = check_rcpt
host_lookup =
rfc1413_query_timeout = 0s
begin acl
check_rcpt:
  deny condition = \${if eq{\$received_port}{$EXIM_SMTPS_PORT}}
       !authenticated = *
  accept domains = +local_domains
  deny
begin routers
boxes:
  driver = accept
  transport = deliver
begin transports
deliver:
  driver = appendfile
  directory = $d/mail/\${lookup{\$local_part@\$domain}lsearch{$d/exim/boxes}{\$value}{rest}}/Maildir
  maildir_format
  user = nobody
  group = nogroup
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = \${if def:tls_in_cipher}
  server_prompts = :
  server_condition = \${if and{{eq{\$auth2}{u1}}{eq{\$auth3}{pw}}}}
CONF
}

start_exim()
{
    free_port EXIM_PORT EXIM_SMTPS_PORT
    mkdir -p "$1"
    mb_write_exim "$1"
    start_in_layer "$1" exim "chmod 755 '$1'
        cp '$1/key.pem' '$1/exim/key.pem'
        chown -R Debian-exim:Debian-exim '$1/exim/spool' '$1/exim/log' '$1/exim/key.pem'
        # With -C it would give up the right to deliver as another user.
        install -D -m 644 -o root -g root '$1/exim/conf' /etc/exim4/exim4.conf
        exim4 -bd -q1m"
    wait_for mb_port_open "$EXIM_SMTPS_PORT"
}
