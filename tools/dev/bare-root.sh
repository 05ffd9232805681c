#!/usr/bin/env bash
# Runs a command in a fresh clone of HEAD on a bare Debian 12: debootstrap's minbase in a folder of
# its own, without git, python3, sudo or a UTF-8 locale. Shows that a newcomer's machine will do.
#
#   tools/dev/bare-root.sh [COMMAND…]     ./samples/quickstart.sh, in the clone
#   tools/dev/bare-root.sh --with FILE COMMAND…   without the clone: FILE alone is in the folder
#
# Needs root and debootstrap, which knows its mirror (or MB_DEBIAN_MIRROR does). The bare system is
# kept as build/bare-root.tar (a minute the first time, seconds later); everything else is gone when
# the command ends. MB_BARE_FOLDER is where it stands until then, instead of build.
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=bookworm
kept=$PWD/build/bare-root.tar
with=
if [ "${1:-}" = --with ] && [ $# -gt 2 ]; then
    with=$2
    shift 2
fi
[ $# != 0 ] || set -- ./samples/quickstart.sh

if [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
    echo "bare-root: needs root and the package debootstrap" >&2
    exit 77
fi

mkdir -p build
root=$(mktemp -d "${MB_BARE_FOLDER:-$PWD/build}/bare-root.XXXXXX")
trap 'rm -rf --one-file-system "$root"' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# Of several at once, one makes it.
exec 9>"$kept.lock"
flock 9
if [ ! -e "$kept" ]; then
    echo "bare-root: making a bare Debian with debootstrap"
    if ! debootstrap --variant=minbase "$suite" "$root/base" ${MB_DEBIAN_MIRROR:+"$MB_DEBIAN_MIRROR"} \
        >"$root/log" 2>&1; then
        tail -n 20 "$root/log" >&2
        exit 69
    fi
    tar -C "$root/base" --one-file-system -cf "$kept.new" .
    mv "$kept.new" "$kept"
    rm -rf --one-file-system "$root/base"
fi
exec 9>&-
mkdir -p "$root/system/mailbatch"
tar -C "$root/system" -xf "$kept"
cp -L /etc/resolv.conf "$root/system/etc/resolv.conf"
if [ -n "$with" ]; then
    cp "$with" "$root/system/mailbatch"
else
    git archive HEAD | tar -C "$root/system/mailbatch" -xf -
fi

# Mounts and processes of the chroot end with its first process.
echo "bare-root: $*"
# shellcheck disable=SC2016 # expanded inside
setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --mount-proc \
    --propagation private sh -ec '
        for name in dev proc sys; do
            mount --rbind "/$name" "$1/$name"
        done
        root=$1
        shift
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb \
            sh -ec "cd /mailbatch && exec \"\$@\"" sh "$@"
    ' sh "$root/system" "$@"
