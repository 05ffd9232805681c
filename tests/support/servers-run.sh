# Run by servers.sh as the first process of a PID namespace, in a mount namespace: lays the kept
# layer over the host's root file system and runs DIR/start in it, which starts the servers. When this
# process ends, the kernel ends all others of the namespace and its mounts are gone.
#
#   servers-run.sh DIR TAR
# shellcheck shell=bash
set -euo pipefail
dir=$1 tar=$2 root=$1/root

mount -t tmpfs -o mode=755 mailbatch "$root"
mkdir "$root"/{up,work,root}
tar --xattrs --xattrs-include='*' -C "$root/up" -xf "$tar"
mount -t overlay mailbatch -o "lowerdir=/,upperdir=$root/up,workdir=$root/work" "$root/root"
for name in dev proc sys; do
    mount --rbind "/$name" "$root/root/$name"
done
mkdir -p "$root/root$dir" "$root/root/var/log" "$root/root/tmp"
mount --bind "$dir" "$root/root$dir"

readlink /proc/self/ns/pid >"$dir/namespace"
chroot "$root/root" /bin/bash "$dir/start"
echo ready >"$dir/ready"

trap 'exit 0' TERM
sleep infinity &
wait $!
