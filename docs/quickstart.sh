#!/bin/sh
# Builds the four utilities, then starts, pings, reads and stops a daemon with them: twice at once, to show that only
# one runs. Needs Rust and a C toolchain; leaves nothing behind but the build.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }

say "building (cargo build --release)"
cargo build --release --quiet
built=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/release
PATH=$built:$PATH

place=$(mktemp -d)
clean_up() {
	pidfile --quiet stop --kill-after 5s "$place/pid" || :
	rm -r "$place"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cd "$place"
: >log

# The whole start is one command: under a lock, with an eye on the log, claim the PID file and wait until it answers.
# The arguments are the daemon's.
start() {
	# shellcheck disable=SC2016 # PIDFILE is for the shell that runs the ready command
	withlock --timeout 60s lock \
		logwatch --error 'FATAL|panic' log -- \
		pidfile claim --background --log log --ready 'waitfor --while "pidfile:$PIDFILE" unix:socket' pid \
		demod --unix socket "$@"
}

start_in_shell() {
	shell=$1
	status=0
	start --delay 300ms || status=$?
	case $status in
	0) echo "shell $shell: started it" ;;
	75) echo "shell $shell: found it running" ;;
	*) echo "shell $shell: failed with $status" ;;
	esac
}

say "two shells start the same daemon at once"
start_in_shell 1 &
start_in_shell 2 &
wait

say "who runs? (pidfile read)"
pidfile read pid
pidfile read --json pid

say "does it answer? (waitfor)"
waitfor --timeout 5s unix:socket && echo yes

say "stop it; and once more, for stopping what does not run is no error"
pidfile stop pid
pidfile stop pid
pidfile read pid || echo "pidfile read exits $?"

say "a start that fails says why, at once, and leaves nothing half-started"
start --say 'FATAL: cannot open the database' --delay 1m || echo "the start exits $?"
pidfile read pid || echo "pidfile read exits $?"

say "done"
