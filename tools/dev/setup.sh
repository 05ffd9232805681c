#!/bin/sh
# Installs the Debian packages that mailbatch needs, and only those that are missing.
#
#   tools/dev/setup.sh                what building and every test needs
#   tools/dev/setup.sh --build-only   what building and running needs
#
# Asks sudo when it is not run by root. Never installs a mail server: the tests unpack theirs into
# folders of their own. Plain sh, so that it runs on a bare system.
set -eu

build='
    gcc libc6-dev cmake ninja-build pkg-config
    libarchive-dev libcsv-dev libglib2.0-dev libgmime-3.0-dev libgsasl-dev libidn2-dev libmagic-dev
    libmd4c-dev libmd4c-html0-dev libsqlite3-dev libssl-dev libuchardet-dev libxml2-dev
    openssl ca-certificates'
tests='
    check clang-format debootstrap dpkg-dev git libarchive-tools mandoc python3 python3-dkim python3-jsonschema python3-nacl shellcheck sqlite3 strace
    bzip2 procps valgrind xz-utils zsh zstd'

case ${1:-} in
    '') wanted="$build $tests" ;;
    --build-only) wanted=$build ;;
    *)
        echo "usage: tools/dev/setup.sh [--build-only]" >&2
        exit 64
        ;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: this is no Debian; please see to it that these are there, under your system's names:" >&2
    printf '%s\n' "$wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    # shellcheck disable=SC2016 # dpkg-query's own variable
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "setup: missing packages, and neither root nor sudo to install them:$missing" >&2
        exit 77
    fi
    as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

apt()
{
    # Its chatter is shown only when it fails.
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" >"$log" 2>&1
}

echo "setup: installing$missing"
# An old package list names versions that are gone: then, or without any list, it is fetched anew.
# shellcheck disable=SC2086 # a list of packages
if ! apt install --no-install-recommends $missing; then
    if ! apt update || ! apt install --no-install-recommends $missing; then
        tail -n 20 "$log" >&2
        echo "setup: apt-get could not install:$missing" >&2
        exit 69
    fi
fi
