# Ground of every shell test. A test begins with
#
#     #!/usr/bin/env bash
#     . "$(dirname "$0")/../support/lib.sh"
#
# and consists of named cases. When the script ends, however it ends, everything it started is
# stopped, its folder is removed, and the closing line "N passed, N failed, N skipped" is printed.
# Exit code: 0 all held, 1 a case failed, 77 every case was skipped.
#
#   case_begin NAME          opens a case; the one before it, when no check failed, has passed
#   case_run NAME COMMAND…   a whole case: COMMAND (a function) in a subshell, in strict mode;
#                            a failing command ends this case only
#   fail MESSAGE…            the open case has failed (goes on; inside case_run it ends the case)
#   skip NAME REASON         counts a case as skipped
#   statement ID…            the open case has proved statement ID (call it last)
#
#   expect_exit CODE COMMAND…     runs COMMAND; stdout in $T/out, stderr in $T/err
#   expect_equal WHAT WANT GOT    expect_same FILE FILE (bytes)
#   expect_line TEXT FILE         FILE holds TEXT literally;  expect_no_line TEXT FILE
#   expect_one_line FILE          FILE has exactly one line (an error message)
#   expect_missing PATH…          none of them exists
#
#   wait_for COMMAND…        polls until COMMAND succeeds, at most MB_WAIT seconds (30)
#   free_port VARIABLE…      a free TCP port of 127.0.0.1, kept for this test until it ends
#   start_background LOG COMMAND…  sets STARTED_PID;  stop_background PID  ends it, sets STOPPED_CODE
#   make_certificate DIR [SAN]     sets CA_FILE, CERT_FILE and KEY_FILE (for localhost, 127.0.0.1, ::1)
#   start_mailsink DIR [ARG…]      see below
#   need_root NAME           false, and NAME counted as skipped, without root
#   need_program NAME PROGRAM      the same for a program that is not installed
#
# Variables: T (the test's own folder), MB_BIN (the tools), MB_SOURCE, MB_BUILD, MB_PYTHON
# (Debian's python3). MB_KEEP=1 keeps T. MB_REQUIRE_SERVERS=1 (CI) turns a missing root, program
# or server into a failure.
# shellcheck shell=bash

set -Eeuo pipefail
shopt -s inherit_errexit
umask 022

MB_SOURCE=${MB_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
MB_BUILD=${MB_BUILD:-$MB_SOURCE/build/release}
MB_BIN=${MB_BIN:-$MB_BUILD/bin}
MB_PYTHON=${MB_PYTHON:-/usr/bin/python3}
MB_WAIT=${MB_WAIT:-30}
export MB_SOURCE MB_BUILD MB_BIN MB_PYTHON MB_WAIT
# shellcheck source=tests/support/sanitizers.sh
. "$MB_SOURCE/tests/support/sanitizers.sh"

# Nothing of the user's own settings reaches a test. A UTF-8 locale of glibc's own, no proxy.
T=$(mktemp -d "${TMPDIR:-/tmp}/mailbatch-test.XXXXXX")
chmod 755 "$T"
mkdir "$T/home"
export T HOME=$T/home LC_ALL=C.UTF-8 TZ=UTC
unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME LANGUAGE PYTHONPATH

mb_test=$(basename "$0" .sh)
declare -A MB_STOP_SIGNAL=()
mb_case=
mb_case_failed=0
mb_passed=0
mb_failed=0
mb_skipped=0

# --- cases ---------------------------------------------------------------------------------------

mb_in_main()
{
    [ "$BASHPID" = "$$" ]
}

mb_case_end()
{
    [ -n "$mb_case" ] || return 0
    if [ "$mb_case_failed" = 0 ]; then
        mb_passed=$((mb_passed + 1))
        echo "ok      $mb_case"
    else
        mb_failed=$((mb_failed + 1))
        echo "FAILED  $mb_case"
    fi
    mb_case=
    mb_case_failed=0
}

case_begin()
{
    mb_case_end
    mb_case=$*
}

case_run()
{
    local code=0

    case_begin "$1"
    shift
    # Not in a condition: there, bash would ignore set -e inside the function.
    set +e
    trap - ERR
    (
        set -e
        trap mb_stop_jobs EXIT
        trap 'mb_report_error $? "$LINENO" "$BASH_COMMAND"' ERR
        "$@"
    )
    code=$?
    trap 'mb_report_error $? "$LINENO" "$BASH_COMMAND"' ERR
    set -e
    [ "$code" = 0 ] || mb_case_failed=1
    mb_case_end
}

fail()
{
    echo "  $mb_test: ${mb_case:-(no case)}: $*" >&2
    mb_in_main || exit 1
    mb_case=${mb_case:-$mb_test}
    mb_case_failed=1
}

skip()
{
    mb_case_end
    mb_skipped=$((mb_skipped + 1))
    echo "skipped $1: $2"
}

statement()
{
    local id

    [ "$mb_case_failed" = 0 ] || return 0
    [ -n "${MB_STATEMENT_LOG:-}" ] || return 0
    for id in "$@"; do
        echo "$id $mb_test" >>"$MB_STATEMENT_LOG"
    done
}

# A thing that CI must have and a developer's machine may lack.
mb_lacking()
{
    if [ -n "${MB_REQUIRE_SERVERS:-}" ]; then
        case_begin "$1"
        fail "$2, and this run requires it"
        mb_case_end
    else
        skip "$1" "$2"
    fi
    return 1
}

need_root()
{
    [ "$(id -u)" = 0 ] || mb_lacking "$1" "needs root"
}

need_program()
{
    command -v "$2" >/dev/null || mb_lacking "$1" "needs the program $2"
}

# --- checks --------------------------------------------------------------------------------------

expect_exit()
{
    local want=$1 got=0

    shift
    "$@" >"$T/out" 2>"$T/err" || got=$?
    [ "$got" = "$want" ] && return 0
    { sed 's/^/  out: /' "$T/out" | tail -n 20; sed 's/^/  err: /' "$T/err" | tail -n 60; } >&2
    fail "exit code $got instead of $want: $(cut -c 1-300 <<<"$*" | head -n 1)"
}

expect_equal()
{
    [ "$2" = "$3" ] || fail "$1: expected '$2', got '$3'"
}

expect_same()
{
    cmp -- "$1" "$2" >&2 || fail "$1 and $2 differ"
}

expect_line()
{
    grep -qF -e "$1" -- "$2" && return 0
    sed 's/^/  has: /' "$2" | tail -n 20 >&2
    fail "'$1' is not in $2"
}

expect_no_line()
{
    ! grep -F -e "$1" -- "$2" >&2 || fail "'$1' is in $2"
}

expect_one_line()
{
    [ "$(wc -l <"$1")" = 1 ] && return 0
    sed 's/^/  has: /' "$1" | tail -n 20 >&2
    fail "$1 has $(wc -l <"$1") lines instead of one"
}

expect_missing()
{
    local path

    for path in "$@"; do
        [ ! -e "$path" ] || fail "$path exists"
    done
}

# --- processes, ports, certificates --------------------------------------------------------------

wait_for()
{
    local end=$((SECONDS + MB_WAIT))

    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then
            fail "waited $MB_WAIT seconds in vain for: $*"
            return 1
        fi
        sleep 0.02
    done
}

# Ports below the range that the kernel hands out by itself. A lock says which are taken: it is
# inherited by the servers, so a port is free again when the last of them has gone, also after a
# kill. (Called with names, not in $(…): the lock must live in this shell.)
free_port()
{
    local -n mb_port=$1
    local locks=${TMPDIR:-/tmp}/mailbatch-ports-$UID lock candidate

    mkdir -p "$locks"
    for _ in {1..500}; do
        candidate=$((20000 + RANDOM % 12000))
        exec {lock}>"$locks/$candidate"
        if flock -n "$lock" && ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then
            # shellcheck disable=SC2034 # it is the caller's variable
            mb_port=$candidate
            shift
            [ $# = 0 ] || free_port "$@"
            return
        fi
        exec {lock}>&-
    done
    fail "no free port"
    return 1
}

# The kernel kills the child when this shell dies, however it dies.
start_background()
{
    local log=$1

    shift
    setpriv --pdeathsig KILL -- "$@" >"$log" 2>&1 </dev/null &
    STARTED_PID=$!
}

mb_process_gone()
{
    local state

    # A zombie has ended; only its code is still to be fetched.
    state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null) || true
    case $state in
        '' | Z*) return 0 ;;
        *) return 1 ;;
    esac
}

stop_background()
{
    local pid=$1 end=$((SECONDS + 10))

    STOPPED_CODE=0
    {
        kill -"${MB_STOP_SIGNAL[$pid]:-TERM}" "$pid" || true
        until mb_process_gone "$pid"; do
            [ "$SECONDS" -lt "$end" ] || kill -KILL "$pid" || true
            sleep 0.02
        done
        wait "$pid" || STOPPED_CODE=$?
    } 2>/dev/null
    [ "$STOPPED_CODE" != 99 ] || fail "a sanitizer stopped process $pid"
}

# A CA of the test's own and a certificate by it. SAN as openssl writes it: DNS:other.example
make_certificate()
{
    local dir=$1 names=${2:-DNS:localhost,IP:127.0.0.1,IP:::1}

    mkdir -p "$dir"
    CA_FILE=$dir/ca.pem
    CERT_FILE=$dir/cert.pem
    KEY_FILE=$dir/key.pem
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
            -subj "/CN=mailbatch test CA" -keyout "$dir/ca-key.pem" -out "$CA_FILE"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
            -subj "/CN=mail.test" -keyout "$KEY_FILE" -out "$dir/request.pem"
        printf 'subjectAltName=%s\nbasicConstraints=CA:FALSE\n' "$names" >"$dir/extensions"
        openssl x509 -req -in "$dir/request.pem" -days 2 -CA "$CA_FILE" -CAkey "$dir/ca-key.pem" \
            -CAcreateserial -extfile "$dir/extensions" -out "$CERT_FILE"
    } >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; return 1; }
}

# start_mailsink DIR [ARG…]: mailsink on free ports, all four doors, user u1 with password pw.
#   Sets SINK_PID, SINK_SMTP, SINK_SMTPS, SINK_POP3, SINK_POP3S (ports), CA_FILE. ARG… are more
#   arguments (--store D, --fault F, …); its words are in DIR/log.
start_mailsink()
{
    local dir=$1 name

    shift
    mkdir -p "$dir"
    [ -e "$dir/cert.pem" ] || make_certificate "$dir"
    CA_FILE=$dir/ca.pem
    rm -f "$dir/ready"
    start_background "$dir/log" "$MB_BIN/mailsink" --smtp 127.0.0.1:0 --smtps 127.0.0.1:0 \
        --pop3 127.0.0.1:0 --pop3s 127.0.0.1:0 --cert "$dir/cert.pem" --key "$dir/key.pem" \
        --user u1:pw --ready-file "$dir/ready" "$@"
    SINK_PID=$STARTED_PID
    if ! wait_for mb_ready_or_gone "$dir/ready" "$SINK_PID" || [ ! -s "$dir/ready" ]; then
        cat "$dir/log" >&2
        fail "mailsink did not start"
        return 1
    fi
    for name in smtp smtps pop3 pop3s; do
        declare -g "SINK_${name^^}=$(sed -n "s/^$name=.*://p" "$dir/ready")"
    done
}

mb_ready_or_gone()
{
    [ -s "$1" ] || mb_process_gone "$2"
}

# --- the end -------------------------------------------------------------------------------------

mb_report_error()
{
    [ "${BASH_SUBSHELL:-0}" -gt 1 ] || echo "  $mb_test: line $2: exit code $1: $3" >&2
}

mb_stop_jobs()
{
    local pid

    for pid in $(jobs -rp); do
        stop_background "$pid"
    done
}

mb_finish()
{
    local code=$?

    trap - EXIT ERR
    set +e
    trap '' TERM INT HUP
    if [ "$code" != 0 ] && [ "$mb_case_failed" = 0 ]; then
        fail "the test ended early with exit code $code"
    fi
    mb_stop_jobs
    mb_case_end
    cd /
    if [ -n "${MB_KEEP:-}" ]; then
        echo "kept $T"
    else
        rm -rf "$T"
    fi
    if [ $((mb_passed + mb_failed + mb_skipped)) = 0 ]; then
        echo "$mb_test: no case ran" >&2
        mb_failed=1
    fi
    echo "$mb_passed passed, $mb_failed failed, $mb_skipped skipped"
    [ "$mb_failed" = 0 ] || exit 1
    [ "$mb_passed" != 0 ] || exit 77
    exit 0
}

trap mb_finish EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
trap 'exit 129' HUP
trap 'mb_report_error $? "$LINENO" "$BASH_COMMAND"' ERR
