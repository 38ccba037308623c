#!/bin/sh
# Tests the tests: changes the sources in one place at a time, and lists the changes that no test notices.
#
#     sh tests/mutants.sh [SHARD/SHARDS [FILE...]]     default 0/40, the first of forty parts, of the files that matter most
#
# Needs cargo-mutants (`cargo install cargo-mutants --locked`). A change counts as noticed if the tests of the core or of
# the utility fail. The list of all changes: `sh tests/mutants.sh list`. The survivors are in target/mutants.out/missed.txt.
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
begun=$(date +%s)
status=0
cargo mutants --output target --shard "$shard" --timeout 300 --colors never \
	--test-package racefree --test-package racefree-pidfile --test-package racefree-withlock --test-package racefree-logwatch "$@" || status=$?
printf 'shard %s took %s s\n' "$shard" $(($(date +%s) - begun))
exit $status
