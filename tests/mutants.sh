#!/bin/sh
# Tests the tests: changes the sources in one place at a time, and lists the changes that no test notices.
#
#     sh tests/mutants.sh [SHARD/SHARDS [FILE...]]     default 0/40, the first of forty parts, of the files that matter most
#     sh tests/mutants.sh again                        the changes that the last run missed, with the slow tests, too
#     sh tests/mutants.sh list [FILE...]               all changes
#
# Needs cargo-mutants (`cargo install cargo-mutants --locked`). A changed utility may signal any process that the caller
# may signal: run this in a virtual machine that has nothing else to do. The first run uses the tests of the core, of
# pidfile and of logwatch. The survivors are in target/mutants.out/missed.txt, and those of `again` in
# target/again/mutants.out/missed.txt.
set -eu
cd "$(dirname "$0")/.."

shard=${1:-0/40}
[ $# -gt 0 ] && shift
if [ $# -eq 0 ]; then
	set -- 'core/src/claim/*.rs' 'core/src/lock/*.rs' 'core/src/process/*.rs' 'pidfile/src/**/*.rs' \
		logwatch/src/input/rotation.rs logwatch/src/input/archive_names.rs
fi
for file in "$@"; do
	shift
	set -- "$@" --file "$file"
done
if [ "$shard" = list ]; then
	exec cargo mutants --list "$@"
fi

# A program without debug information is linked faster.
export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
if [ "$shard" = again ]; then
	missed=target/mutants.out/missed.txt
	[ -s "$missed" ] || { echo "mutants.sh: $missed names no survivor" >&2; exit 1; }
	# Each name becomes a pattern that this change alone matches.
	while IFS= read -r name; do
		set -- "$@" --re "^$(printf '%s\n' "$name" | sed 's/[][\\.^$*+?(){}|]/\\&/g')\$"
	done <"$missed"
	mkdir -p target/again
	set -- "$@" --output target/again --timeout 900 --test-package tests \
		-- --test it -- --test-threads 4 races:: crashes:: daemons:: environments::
else
	set -- "$@" --output target --shard "$shard" --timeout 300 \
		--test-package racefree --test-package racefree-pidfile --test-package racefree-logwatch \
		-- --lib --test it -- --test-threads 4
fi
begun=$(date +%s)
status=0
cargo mutants --colors never "$@" || status=$?
printf '%s took %s s\n' "$shard" $(($(date +%s) - begun))
exit $status
