# Other people's programs that the tests and the benches measure or check against, out of Debian's
# packages, without root and without installing anything: a package and the libraries that this
# machine lacks are unpacked once into build/servers/PACKAGE. Source it after lib.sh.
#
#   need_peer NAME PROGRAM     false, and NAME counted as skipped, where it cannot be had; sets
#                              PEER to a command: smtp-source, smtp-sink, msmtp, mpop, mshow
#
#   need_smtp_sink NAME        need_peer for smtp-sink; sets SMTP_SINK
#   start_smtp_sink DIR [OPTION…]  on a free port; sets SMTP_SINK_PORT and SMTP_SINK_PID. With
#                              -d 'FORMAT' it writes the mails below DIR (see smtp-sink(1)).
#   mb_port_open PORT          true when somebody listens (for wait_for)
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

MB_SERVERS=${MB_SERVERS:-$MB_SOURCE/build/servers}

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

mb_peer_package()
{
    case $1 in
        smtp-source | smtp-sink) echo postfix ;;
        msmtp | mpop) echo "$1" ;;
        mshow) echo mblaze ;;
    esac
}

# mb_download PACKAGE DIR: its .deb and those of the libraries that it would install.
mb_download()
{
    local package

    for package in "$1" $(apt-get install -s --no-install-recommends "$1" |
            sed -n 's/^Inst \(lib[^ ]*\).*/\1/p'); do
        (cd "$2" && apt-get download "$package") || return 1
    done
}

mb_unpack_peer()
{
    local name=$1 dir=$MB_SERVERS/$1.new program deb

    rm -rf "$dir"
    mkdir -p "$dir/deb"
    # An old package list names versions that are gone.
    mb_download "$name" "$dir/deb" || { apt-get update -q && mb_download "$name" "$dir/deb"; }
    for deb in "$dir"/deb/*.deb; do
        dpkg -x "$deb" "$dir"
    done
    rm -rf "$dir/deb" "${MB_SERVERS:?}/$name"
    mkdir "$dir/run"
    for program in "$dir"/usr/bin/* "$dir"/usr/sbin/*; do
        [ -x "$program" ] || continue
        cat >"$dir/run/${program##*/}" <<WRAPPER
#!/bin/sh
dir=\${0%/*}/..
export LD_LIBRARY_PATH="\$dir/usr/lib/postfix:\$dir/usr/lib/$(uname -m)-linux-gnu"
exec "\$dir/${program#"$dir/"}" "\$@"
WRAPPER
        chmod 755 "$dir/run/${program##*/}"
    done
    mv "$dir" "$MB_SERVERS/$name"
}

need_peer()
{
    local package

    package=$(mb_peer_package "$2")
    PEER=$MB_SERVERS/$package/run/$2
    mb_once "$PEER" mb_unpack_peer "$package" || mb_lacking "$1" "needs $2 of Debian's $package"
}

# --- smtp-sink -----------------------------------------------------------------------------------

need_smtp_sink()
{
    need_peer "$1" smtp-sink || return
    SMTP_SINK=$PEER
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
