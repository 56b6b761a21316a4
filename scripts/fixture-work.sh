#!/bin/sh
# What fixtures/containers.mst recorded: run as fixtures/README.md says, inside a private mount namespace.
# A container's start and end, failures of many kinds, and odd strings.
export LIBMOUNT_FORCE_MOUNT2=always
mkdir lower upper root
mount -t tmpfs -o size=4m,mode=700 scratch upper
mkdir upper/data upper/work
mount -t overlay -o "lowerdir=lower,upperdir=upper/data,workdir=upper/work" layers root
mkdir root/proc root/sys root/dev root/tmp root/etc
mount -t proc -o nosuid,nodev,noexec proc root/proc
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs root/sys
mount -t tmpfs -o nosuid,strictatime,mode=755,size=65536k tmpfs root/dev
mkdir root/dev/pts root/dev/shm root/dev/mqueue
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts root/dev/pts
mount -t tmpfs -o nosuid,nodev,noexec,mode=1777 shm root/dev/shm
mount -t mqueue -o nosuid,nodev,noexec mqueue root/dev/mqueue
for file in hosts resolv.conf hostname; do
	touch "root/etc/$file" "$file"
	mount --bind "$file" "root/etc/$file"
	mount -o remount,bind,ro "root/etc/$file"
done
mount --make-rslave root
mount --rbind /sys/fs root/tmp
umount -R root/tmp
umount root
umount upper
mount -t ext4 /dev/nothing lower
mount -t nosuchfs none lower
mount --bind absent lower
mount -o remount,ro lower
umount lower
umount absent
mount -t tmpfs -o size=banana none lower
odd=$(printf 'tab\there "quoted" back\\slash \001\033[31mred\nnewline \303\244 \377')
mkdir "$odd"
mount -t tmpfs "$odd" "$odd"
umount "$odd"
umount -l root
umount upper
exit 0
