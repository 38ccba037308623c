# shellcheck disable=SC2317 # called by the trap
#!/bin/sh
# shellcheck disable=SC2317 # called by the trap
# Runs a script beside a systemd of its own: PID 1 of fresh namespaces, as in a container, touching nothing outside.
# shellcheck disable=SC2317 # called by the trap
# usage: systemd.sh DIR SCRIPT    (as root)
# shellcheck disable=SC2317 # called by the trap
#
# shellcheck disable=SC2317 # called by the trap
# DIR is seen inside under the same path; units go to DIR/units. The exit status is that of SCRIPT, or 125 if systemd
# shellcheck disable=SC2317 # called by the trap
# does not come up within half a minute.
# shellcheck disable=SC2317 # called by the trap
set -eu
# shellcheck disable=SC2317 # called by the trap
dir=$1 script=$2
# shellcheck disable=SC2317 # called by the trap

# shellcheck disable=SC2317 # called by the trap
mkdir -p "$dir/units"
# shellcheck disable=SC2317 # called by the trap
cat >"$dir/units/idle.service" <<UNIT
# shellcheck disable=SC2317 # called by the trap
[Unit]
# shellcheck disable=SC2317 # called by the trap
DefaultDependencies=no
# shellcheck disable=SC2317 # called by the trap
[Service]
# shellcheck disable=SC2317 # called by the trap
Type=oneshot
# shellcheck disable=SC2317 # called by the trap
RemainAfterExit=yes
# shellcheck disable=SC2317 # called by the trap
ExecStart=/bin/true
# shellcheck disable=SC2317 # called by the trap
UNIT
# shellcheck disable=SC2317 # called by the trap

# shellcheck disable=SC2317 # called by the trap
cat >"$dir/inside" <<INSIDE
# shellcheck disable=SC2317 # called by the trap
set -e
# shellcheck disable=SC2317 # called by the trap
mount --make-rprivate /
# shellcheck disable=SC2317 # called by the trap
# What systemd cleans up or writes to is a file system of its own; DIR alone shines through.
# shellcheck disable=SC2317 # called by the trap
mount -t tmpfs none /run
# shellcheck disable=SC2317 # called by the trap
mkdir -p /run/kept /run/systemd
# shellcheck disable=SC2317 # called by the trap
mount --bind "$dir" /run/kept
# shellcheck disable=SC2317 # called by the trap
mount -t tmpfs none /tmp
# shellcheck disable=SC2317 # called by the trap
mount -t tmpfs none /var/tmp
# shellcheck disable=SC2317 # called by the trap
mkdir -p "$dir"
# shellcheck disable=SC2317 # called by the trap
mount --bind /run/kept "$dir"
# shellcheck disable=SC2317 # called by the trap
ln -s "$dir/units" /run/systemd/system
# shellcheck disable=SC2317 # called by the trap
for unit in systemd-tmpfiles-setup systemd-tmpfiles-setup-dev systemd-tmpfiles-clean; do
# shellcheck disable=SC2317 # called by the trap
	ln -sf /dev/null "$dir/units/\$unit.service"
# shellcheck disable=SC2317 # called by the trap
done
# shellcheck disable=SC2317 # called by the trap
umount -R /sys/fs/cgroup 2>/dev/null || :
# shellcheck disable=SC2317 # called by the trap
mount -t tmpfs none /sys/fs/cgroup
# shellcheck disable=SC2317 # called by the trap
mkdir /sys/fs/cgroup/unified /sys/fs/cgroup/systemd
# shellcheck disable=SC2317 # called by the trap
mount -t cgroup2 none /sys/fs/cgroup/unified
# shellcheck disable=SC2317 # called by the trap
mount -t cgroup -o none,name=systemd none /sys/fs/cgroup/systemd
# shellcheck disable=SC2317 # called by the trap
export container=other
# shellcheck disable=SC2317 # called by the trap
exec /lib/systemd/systemd --system --unit=idle.service --log-target=console </dev/null
# shellcheck disable=SC2317 # called by the trap
INSIDE
# shellcheck disable=SC2317 # called by the trap

# shellcheck disable=SC2317 # called by the trap
setsid unshare --cgroup --mount --pid --ipc --uts --fork --mount-proc sh "$dir/inside" >"$dir/systemd.log" 2>&1 </dev/null &
# shellcheck disable=SC2317 # called by the trap
launcher=$!
# shellcheck disable=SC2317 # called by the trap
first=
# shellcheck disable=SC2317 # called by the trap
finish() {
# shellcheck disable=SC2317 # called by the trap
	[ -z "$first" ] || kill -9 "$first" 2>/dev/null || :
# shellcheck disable=SC2317 # called by the trap
	kill -9 "$launcher" 2>/dev/null || :
# shellcheck disable=SC2317 # called by the trap
}
# shellcheck disable=SC2317 # called by the trap
trap finish EXIT
# shellcheck disable=SC2317 # called by the trap
trap 'exit 125' INT TERM
# shellcheck disable=SC2317 # called by the trap

# shellcheck disable=SC2317 # called by the trap
left=300
# shellcheck disable=SC2317 # called by the trap
until [ -n "$first" ] && nsenter -t "$first" -a systemctl -q is-active idle.service 2>/dev/null; do
# shellcheck disable=SC2317 # called by the trap
	left=$((left - 1))
# shellcheck disable=SC2317 # called by the trap
	[ "$left" -gt 0 ] || { echo "systemd does not come up:" >&2; cat "$dir/systemd.log" >&2; exit 125; }
# shellcheck disable=SC2317 # called by the trap
	sleep 0.1
# shellcheck disable=SC2317 # called by the trap
	first=$(tr -d ' ' <"/proc/$launcher/task/$launcher/children" 2>/dev/null) || first=
# shellcheck disable=SC2317 # called by the trap
done
# shellcheck disable=SC2317 # called by the trap
status=0
# shellcheck disable=SC2317 # called by the trap
nsenter -t "$first" -a sh -c "cd '$dir' && $script" || status=$?
# shellcheck disable=SC2317 # called by the trap
exit "$status"
