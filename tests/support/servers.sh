# Private servers of Debian's packages. Source it after lib.sh; it brings Postfix and Dovecot
# (servers-postfix-dovecot.sh) and smtp-sink (peers.sh). Others have a file each, which the tests
# that need them source after this one.
#
#   need_layer CASE LAYER PACKAGE…  installs the packages into the layer LAYER unless it is there;
#                              false, and CASE counted as skipped, where that is not possible
#   start_in_layer DIR LAYER SCRIPT  runs SCRIPT (text of bash, in strict mode, as root) in the
#                              layer, where it starts its daemons and ends, or puts what does not
#                              end into the background. DIR, which is at the same place inside, has
#                              ca.pem, cert.pem and key.pem (CA_FILE) and the boxes' folder MAIL_DIR
#                              (DIR/mail, owned by nobody); what SCRIPT prints is in DIR/log.
#   stop_servers               all of them, earlier than the test's end; all processes are gone when
#                              it returns
#
#   Boxes are the Maildirs MAIL_DIR/X/Maildir. Where a server delivers, mail to u1 … u9@example.net
#   goes to the boxes u1 … u9, and to any other address of example.net, example.org and
#   xn--bcher-kva.example to the box "rest".
#   mail_files BOX             the box's files, one a line;  mail_count BOX
#   seed_mail BOX FILE…        delivers files as they are, in this order
#   mail_arrived BOX N         true when the box has N files (for wait_for)
#
# The host's own files stay as they are. Packages that exclude each other go into layers of their
# own. A layer is the upper part of an overlay, made once and kept as build/servers/LAYER.tar; a
# test unpacks it into a tmpfs of a mount and PID namespace of its own, so whatever ends the test
# (a kill too) ends all processes and mounts.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

# shellcheck source=tests/support/peers.sh
. "$MB_SOURCE/tests/support/peers.sh"

mb_servers_pids=()

# --- the packages --------------------------------------------------------------------------------

mb_make_layer()
{
    local layer=$1 mount=$MB_SERVERS/mount

    shift
    mkdir -p "$mount"
    unshare --mount --propagation private "$BASH" "$MB_SOURCE/tests/support/servers-layer.sh" \
        "$mount" "$MB_SERVERS/$layer.tar" "$*"
}

mb_can_unshare()
{
    unshare --mount --pid --fork --kill-child --propagation private true 2>/dev/null
}

need_layer()
{
    local name=$1 layer=$2

    shift 2
    need_root "$name" || return
    mb_can_unshare || mb_lacking "$name" "needs mount and PID namespaces" || return
    mb_once "$MB_SERVERS/$layer.tar" mb_make_layer "$layer" "$@" ||
        mb_lacking "$name" "needs Debian's $*"
}

# --- start and stop ------------------------------------------------------------------------------

start_in_layer()
{
    local d=$1 layer=$2 pid

    [ -e "$d/cert.pem" ] || make_certificate "$d"
    CA_FILE=$d/ca.pem
    MAIL_DIR=$d/mail
    mkdir -p "$MAIL_DIR" "$d/root"
    chown 65534:65534 "$MAIL_DIR"
    rm -f "$d/ready"
    printf 'set -euo pipefail\n%s\n' "$3" >"$d/start"
    start_background "$d/log" unshare --mount --pid --fork --kill-child=KILL --mount-proc \
        --propagation private "$BASH" "$MB_SOURCE/tests/support/servers-run.sh" \
        "$d" "$MB_SERVERS/$layer.tar"
    pid=$STARTED_PID
    mb_servers_pids+=("$pid")
    # unshare waits for its child whatever it is told; the kernel ends the namespace with it.
    # shellcheck disable=SC2004 # an associative array's key
    MB_STOP_SIGNAL[$pid]=KILL
    if ! wait_for mb_ready_or_gone "$d/ready" "$pid" || [ ! -s "$d/ready" ]; then
        find "$d" -maxdepth 3 -name '*log*' -type f -exec tail -n 40 -- {} + >&2 || true
        fail "the servers did not start"
        return 1
    fi
}

stop_servers()
{
    local pid first

    for pid in "${mb_servers_pids[@]}"; do
        first=$(cat "/proc/$pid/task/$pid/children")
        stop_background "$pid"
        # The first process of a namespace ends after all its others.
        wait_for mb_process_gone "${first% }"
    done
    mb_servers_pids=()
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

# shellcheck source=tests/support/servers-postfix-dovecot.sh
. "$MB_SOURCE/tests/support/servers-postfix-dovecot.sh"
