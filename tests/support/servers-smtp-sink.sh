# Postfix's smtp-sink, which needs no root; servers.sh sources it.
#
#   need_smtp_sink NAME        false, and NAME counted as skipped, without it; sets SMTP_SINK
#   start_smtp_sink DIR [OPTION…]  on a free port; sets SMTP_SINK_PORT and SMTP_SINK_PID. With
#                              -d 'FORMAT' it writes the mails below DIR (see smtp-sink(1)).
# shellcheck shell=bash
# shellcheck disable=SC2034 # the variables are the tests'

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
