#!/bin/sh
# Tests the tests: changes the sources in one place at a time, and lists the changes that no test notices.
#
#     sh tests/mutants.sh [SHARD/SHARDS]     default 0/40, the first of forty parts
#
# Needs cargo-mutants (`cargo install cargo-mutants --locked`). A change counts as noticed if the tests of the core or of
# the utility fail. The list of all changes: `sh tests/mutants.sh list`. The survivors are in target/mutants.out/missed.txt.
set -eu
cd "$(dirname "$0")/.."

set -- "${1:-0/40}" \
	--file 'core/src/claim/*.rs' --file 'core/src/lock/*.rs' --file 'core/src/process/*.rs' \
	--file 'pidfile/src/**/*.rs' --file 'logwatch/src/input/rotation.rs' --file 'logwatch/src/input/rotated_names.rs'
shard=$1
shift
if [ "$shard" = list ]; then
	exec cargo mutants --list "$@"
fi
begun=$(date +%s)
status=0
cargo mutants --output target --shard "$shard" --timeout 300 --colors never \
	--test-package racefree-core --test-package pidfile --test-package withlock --test-package logwatch "$@" || status=$?
printf 'shard %s took %s s\n' "$shard" $(($(date +%s) - begun))
exit $status
