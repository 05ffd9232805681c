# A POP3 server whose mailboxes change (pop3-box.py). Source it after lib.sh.
#
#   start_box JSON      a fresh server; sets BOX_PID and PORT; stop_box ends it
#   wish JSON           what it does from the next connection on
#   said WORD           how often a client has said WORD (a command; "ub DELE": user ub's)
#   start_server SCRIPT [ARG…]  tests/support/SCRIPT with a ready file before ARG…; the same variables
#
# What clients said is in $T/server.log, a line each: time, user, command.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

wish()
{
    echo "$1" >"$T/control"
}

start_server()
{
    local script=$1

    shift
    rm -f "$T/ready"
    start_background "$T/server.log" "$MB_PYTHON" "$MB_SOURCE/tests/support/$script" "$T/ready" "$@"
    BOX_PID=$STARTED_PID
    wait_for test -s "$T/ready"
    PORT=$(cat "$T/ready")
}

start_box()
{
    wish "$1"
    start_server pop3-box.py "$T/control"
}

stop_box()
{
    stop_background "$BOX_PID"
}

said()
{
    grep -c " $1" "$T/server.log" || true
}
