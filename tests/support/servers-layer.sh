# Run by servers.sh in a mount namespace: installs PACKAGES over the host's root file system, in an
# overlay, and keeps what that wrote as TAR. Nothing of it reaches the host.
#
#   servers-layer.sh MOUNT TAR PACKAGES
# shellcheck shell=bash
set -euo pipefail
mount=$1 tar=$2 packages=$3

mount -t tmpfs -o mode=755 mailbatch "$mount"
mkdir "$mount"/{up,work,root}
mount -t overlay mailbatch -o "lowerdir=/,upperdir=$mount/up,workdir=$mount/work" "$mount/root"
for name in dev proc sys; do
    mount --rbind "/$name" "$mount/root/$name"
done
# No daemon starts by itself.
printf '#!/bin/sh\nexit 101\n' >"$mount/root/usr/sbin/policy-rc.d"
chmod 755 "$mount/root/usr/sbin/policy-rc.d"

install()
{
    # shellcheck disable=SC2086 # a list of packages
    DEBIAN_FRONTEND=noninteractive chroot "$mount/root" \
        apt-get install -q -y --no-install-recommends $packages
}

install || { chroot "$mount/root" apt-get update -q && install; }

cd "$mount/up"
rm -rf tmp var/cache var/lib/apt var/log usr/share/doc usr/share/man usr/share/locale
tar --xattrs --xattrs-include='*' -cf "$tar.new" .
mv "$tar.new" "$tar"
