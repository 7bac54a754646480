#!/bin/sh
# PID 1 of a container until it becomes the container's program: builds the root that the program sees, and goes there.
# Arguments: where the root is to be, what is copied into it (two folders), what is mounted in it, the folder to start in, the program.
# Says `started` on descriptor 4 when only the program is left to do.
set -eu
root=$1 skeleton=$2 tree=$3 fstab=$4 directory=$5
shift 5
mount -t tmpfs -o mode=0755,size=256m tmpfs "$root"
cp -a "$skeleton/." "$tree/." "$root/"
mount --all --fstab "$fstab"
# A network namespace of somebody else's has its devices hidden.
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys" 2>/dev/null || :
cd "$root"
pivot_root . .old
umount -l /.old
rmdir /.old
cd "$directory"
echo started >&4
exec 4>&-
exec "$@"
