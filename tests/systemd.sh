#!/bin/sh
# Runs a script beside a systemd of its own: PID 1 of fresh namespaces, as in a container, touching nothing outside.
# usage: systemd.sh DIR SCRIPT    (as root)
#
# DIR is seen inside under the same path; units go to DIR/units. The exit status is that of SCRIPT, or 125 if systemd
# does not come up within half a minute.
set -eu
dir=$1 script=$2

mkdir -p "$dir/units"
cat >"$dir/units/idle.service" <<UNIT
[Unit]
DefaultDependencies=no
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
UNIT

cat >"$dir/inside" <<INSIDE
set -e
mount --make-rprivate /
# What systemd cleans up or writes to is a file system of its own; DIR alone shines through.
mount -t tmpfs none /run
mkdir -p /run/kept /run/systemd
mount --bind "$dir" /run/kept
mount -t tmpfs none /tmp
mount -t tmpfs none /var/tmp
mkdir -p "$dir"
mount --bind /run/kept "$dir"
ln -s "$dir/units" /run/systemd/system
for unit in systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-tmpfiles-clean; do
	ln -sf /dev/null "$dir/units/\$unit.service"
done
umount -R /sys/fs/cgroup 2>/dev/null || :
mount -t tmpfs none /sys/fs/cgroup
mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
mount -t cgroup2 none /sys/fs/cgroup/unified
mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
export container=other
exec /lib/systemd/systemd --system --unit=idle.service --log-target=console </dev/null
INSIDE

setsid unshare --cgroup --mount --pid --ipc --uts --fork --mount-proc sh "$dir/inside" >"$dir/systemd.log" 2>&1 </dev/null &
launcher=$!
first=
# shellcheck disable=SC2317 # called by the trap
finish() {
	[ -z "$first" ] || kill -9 "$first" 2>/dev/null || :
	kill -9 "$launcher" 2>/dev/null || :
}
trap finish EXIT
trap 'exit 125' INT TERM

left=300
until [ -n "$first" ] && nsenter -t "$first" -a systemctl -q is-active idle.service 2>/dev/null; do
	left=$((left - 1))
	[ "$left" -gt 0 ] || { echo "systemd does not come up:" >&2; cat "$dir/systemd.log" >&2; exit 125; }
	sleep 0.1
	first=$(tr -d ' ' <"/proc/$launcher/task/$launcher/children" 2>/dev/null) || first=
done
status=0
nsenter -t "$first" -a sh -c "cd '$dir' && $script" || status=$?
exit "$status"
