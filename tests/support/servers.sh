# Private Postfix and Dovecot, and Postfix's smtp-sink. Source it after lib.sh.
#
#   need_servers NAME          false, and NAME counted as skipped, where they cannot run (no root)
#   start_postfix_dovecot DIR  submission (STARTTLS required, AUTH through Dovecot), SMTPS, plain
#                              SMTP, delivery into Maildirs, POP3 with STLS, POP3S; about a second
#   start_dovecot_only DIR     POP3 and POP3S over Maildirs that the test fills
#   stop_servers               earlier than the test's end; all processes are gone when it returns
#
#   They set SUBMISSION_PORT, SMTPS_PORT, SMTP_PORT, POP3_PORT, POP3S_PORT, CA_FILE and MAIL_DIR.
#   Every user name is known and has the password "pw"; user X has the box MAIL_DIR/X/Maildir.
#   Mail to u1 … u9@example.net goes to the boxes u1 … u9; to any other address of example.net,
#   example.org and xn--bcher-kva.example to the box "rest". Nothing is relayed.
#   Their words are in DIR/postfix/log and DIR/dovecot/log.
#
#   mail_files BOX             the box's files, one a line;  mail_count BOX
#   seed_mail BOX FILE…        delivers files as they are, in this order
#   mail_arrived BOX N         true when the box has N files (for wait_for)
#
#   need_smtp_sink NAME        false, and NAME counted as skipped, without it; sets SMTP_SINK
#   start_smtp_sink DIR [OPTION…]  on a free port; sets SMTP_SINK_PORT and SMTP_SINK_PID. With
#                              -d 'FORMAT' it writes the mails below DIR (see smtp-sink(1)).
#
# The host's own files stay as they are. The packages are installed once into an overlay whose
# upper layer is kept as build/servers/mail.tar; a test unpacks it into a tmpfs of a mount and PID
# namespace of its own, so whatever ends the test (a kill too) ends all processes and mounts.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

MB_SERVERS=${MB_SERVERS:-$MB_SOURCE/build/servers}
mb_server_packages="postfix dovecot-core dovecot-pop3d"
mb_servers_pid=

# --- the packages --------------------------------------------------------------------------------

# mb_once FILE COMMAND…: COMMAND makes FILE; of several tests at once, one does it.
mb_once()
{
    local file=$1 lock

    shift
    mkdir -p "$MB_SERVERS"
    exec {lock}>"$MB_SERVERS/lock"
    flock "$lock"
    if [ ! -e "$file" ] && ! "$@" >"$MB_SERVERS/log" 2>&1; then
        tail -n 20 "$MB_SERVERS/log" >&2
    fi
    exec {lock}>&-
    [ -e "$file" ]
}

mb_make_layer()
{
    local mount=$MB_SERVERS/mount

    mkdir -p "$mount"
    unshare --mount --propagation private "$BASH" "$MB_SOURCE/tests/support/servers-layer.sh" \
        "$mount" "$MB_SERVERS/mail.tar" "$mb_server_packages"
}

mb_can_unshare()
{
    unshare --mount --pid --fork --kill-child --propagation private true 2>/dev/null
}

need_servers()
{
    need_root "$1" || return
    mb_can_unshare || mb_lacking "$1" "needs mount and PID namespaces" || return
    mb_once "$MB_SERVERS/mail.tar" mb_make_layer || mb_lacking "$1" "needs Debian's $mb_server_packages"
}

# --- Postfix and Dovecot -------------------------------------------------------------------------

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
    cat >"$d/postfix/conf/master.cf" <<CONF
127.0.0.1:$SMTP_PORT inet n - n - - smtpd
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
CONF
}

mb_start_servers()
{
    local d=$1

    shift
    [ -e "$d/cert.pem" ] || make_certificate "$d"
    CA_FILE=$d/ca.pem
    MAIL_DIR=$d/mail
    mkdir -p "$MAIL_DIR" "$d/root"
    chown 65534:65534 "$MAIL_DIR"
    rm -f "$d/ready"
    start_background "$d/log" unshare --mount --pid --fork --kill-child=KILL --mount-proc \
        --propagation private "$BASH" "$MB_SOURCE/tests/support/servers-run.sh" \
        "$d" "$MB_SERVERS/mail.tar" "$@"
    mb_servers_pid=$STARTED_PID
    # unshare waits for its child whatever it is told; the kernel ends the namespace with it.
    # shellcheck disable=SC2004 # an associative array's key
    MB_STOP_SIGNAL[$mb_servers_pid]=KILL
    if ! wait_for mb_ready_or_gone "$d/ready" "$mb_servers_pid" || [ ! -s "$d/ready" ]; then
        cat "$d/log" "$d/postfix/log" "$d/dovecot/log" >&2 || true
        fail "the servers did not start"
        return 1
    fi
}

start_postfix_dovecot()
{
    free_port SMTP_PORT SUBMISSION_PORT SMTPS_PORT POP3_PORT POP3S_PORT
    mkdir -p "$1"
    mb_write_dovecot "$1"
    mb_write_postfix "$1"
    mb_start_servers "$1" dovecot postfix
}

start_dovecot_only()
{
    free_port POP3_PORT POP3S_PORT
    mkdir -p "$1"
    mb_write_dovecot "$1"
    mb_start_servers "$1" dovecot
}

stop_servers()
{
    local first

    [ -n "$mb_servers_pid" ] || return 0
    first=$(cat "/proc/$mb_servers_pid/task/$mb_servers_pid/children")
    stop_background "$mb_servers_pid"
    mb_servers_pid=
    # The first process of a namespace ends after all its others.
    wait_for mb_process_gone "${first% }"
}

# --- boxes ---------------------------------------------------------------------------------------

mail_files()
{
    local dir

    for dir in new cur; do
        [ ! -d "$MAIL_DIR/$1/Maildir/$dir" ] || find "$MAIL_DIR/$1/Maildir/$dir" -type f
    done | sort
}

mail_count()
{
    mail_files "$1" | wc -l
}

mail_arrived()
{
    [ "$(mail_count "$1")" -ge "$2" ]
}

seed_mail()
{
    local box=$MAIL_DIR/$1/Maildir file number

    shift
    mkdir -p "$box"/{cur,new,tmp}
    number=$(find "$box/cur" "$box/new" -type f | wc -l)
    for file in "$@"; do
        number=$((number + 1))
        cp -- "$file" "$box/new/$(printf '1700000000.%08d.mail.test' "$number")"
    done
    chown -R 65534:65534 "$MAIL_DIR"
}

# --- smtp-sink -----------------------------------------------------------------------------------

# No root: the packages are only unpacked. The libraries that the host lacks come along.
mb_unpack_smtp_sink()
{
    local dir=$MB_SERVERS/smtp-sink.new package

    rm -rf "$dir"
    mkdir -p "$dir/deb"
    for package in postfix $(apt-get install -s --no-install-recommends postfix |
            sed -n 's/^Inst \(lib[^ ]*\).*/\1/p'); do
        (cd "$dir/deb" && apt-get download "$package")
    done
    for package in "$dir"/deb/*.deb; do
        dpkg -x "$package" "$dir"
    done
    rm -rf "$dir/deb" "$MB_SERVERS/smtp-sink"
    cat >"$dir/smtp-sink" <<WRAPPER
#!/bin/sh
dir=\$(dirname "\$0")
export LD_LIBRARY_PATH="\$dir/usr/lib/postfix:\$dir/usr/lib/$(uname -m)-linux-gnu"
exec "\$dir/usr/sbin/smtp-sink" "\$@"
WRAPPER
    chmod 755 "$dir/smtp-sink"
    mv "$dir" "$MB_SERVERS/smtp-sink"
}

need_smtp_sink()
{
    SMTP_SINK=$MB_SERVERS/smtp-sink/smtp-sink
    mb_once "$SMTP_SINK" mb_unpack_smtp_sink || mb_lacking "$1" "needs smtp-sink of Debian's postfix"
}

mb_port_open()
{
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

start_smtp_sink()
{
    local dir=$1 user=()

    shift
    mkdir -p "$dir"
    free_port SMTP_SINK_PORT
    [ "$(id -u)" != 0 ] || user=(-u root)
    start_background "$dir/log" env -C "$dir" "$SMTP_SINK" "${user[@]}" "$@" \
        "127.0.0.1:$SMTP_SINK_PORT" 1000
    SMTP_SINK_PID=$STARTED_PID
    wait_for mb_port_open "$SMTP_SINK_PORT"
}
