# What the samples' scripts have in common; sourced with `out` (a folder for the results, made anew)
# and `bin` (the tools). Starts a mail server of your own on loopback, which keeps what it gets in
# $out/mailsink and ends with the script; `port` is its port. `run` shows a command and runs it.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # they are the scripts'

run()
{
    printf '\n$'
    printf ' %q' "$@"
    printf '\n'
    "$@"
}

if [ -n "$(ls -A "$out" 2>/dev/null)" ] && [ ! -e "$out/sample" ]; then
    echo "$out: there are files of yours in it: give another folder" >&2
    exit 73
fi
rm -rf "$out"
mkdir -p "$out"
: >"$out/sample"
"$bin/mailsink" --smtp 127.0.0.1:0 --store "$out/mailsink" --ready-file "$out/ready" \
    >"$out/mailsink.log" 2>&1 </dev/null &
trap 'kill %1 2>/dev/null; wait' EXIT
for _ in {1..200}; do
    [ ! -s "$out/ready" ] || break
    sleep 0.05
done
port=$(sed -n 's/^smtp=.*://p' "$out/ready")
