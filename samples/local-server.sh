# What the samples' scripts have in common; sourced with the name of the sample and what the script
# was given: its folder for the results, which is made anew. Sets `sample` (the sample's folder),
# `out` (the results') and `bin` (the tools': those of build/release/bin, or of MB_BIN; beside an
# installed mailbatch the installed ones). Starts a mail server of your own on loopback, which keeps
# what it gets in $out/mailsink and ends with the script; `port` is its port. `run` shows a command
# and runs it.
# shellcheck shell=bash
# shellcheck disable=SC2034 # they are the scripts'

name=$1
samples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -e "$samples/../CMakeLists.txt" ]; then
    cd "$samples/.." || exit
    sample=samples/$name
    out=${2:-build/$name}
    bin=${MB_BIN:-build/release/bin}
else
    sample=$samples/$name
    out=${2:-mailbatch-$name}
    bin=${MB_BIN:-$(dirname "$(command -v mmerge || echo /usr/bin/mmerge)")}
fi

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
