#!/bin/sh
# Shows that the torture can fail: leaves a part of the core out by a patch, on a copy of the sources, and lets the torture
# find it.
#
#     sh tests/broken.sh [PATCH...]        default: each of tests/broken
#
# TORTURE_OPERATIONS is passed on (default 50000).
set -eu
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- tests/broken/*.patch
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT
export TORTURE_OPERATIONS="${TORTURE_OPERATIONS:-50000}"
CARGO_TARGET_DIR="$PWD/target/broken"
export CARGO_TARGET_DIR

for patch in "$@"; do
	rm -rf "$place/sources"
	mkdir "$place/sources"
	tar -c --exclude=./target --exclude=./.git . | tar -x -C "$place/sources"
	patch -s -p1 -d "$place/sources" <"$patch"
	torture() { cargo test -q --manifest-path "$place/sources/Cargo.toml" -p tests --test it "$@"; }
	torture --no-run
	if torture no_torture_makes >"$place/said" 2>&1; then
		echo "$patch: $TORTURE_OPERATIONS operations found nothing" >&2
		exit 1
	fi
	grep -m 1 VIOLATED "$place/said" || {
		cat "$place/said" >&2
		echo "$patch: the torture failed for another reason" >&2
		exit 1
	}
	echo "$patch: found"
done
