#!/bin/sh
# Fuzzes the readers of text from outside, guided by coverage, and says how many inputs were tried and what was reached.
#
#     sh fuzz/run.sh [SECONDS [TARGET...]]     default: 60 seconds for each target of fuzz/fuzz_targets
#
# Needs the nightly toolchain and cargo-fuzz (`cargo install cargo-fuzz --locked`). It begins with the inputs in fuzz/corpus and
# puts new ones into target/fuzz/corpus. An input that fails a check is left in fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || for target in fuzz/fuzz_targets/*.rs; do
	set -- "$@" "$(basename "$target" .rs)"
done
failed=0
for target in "$@"; do
	new=target/fuzz/corpus/$target
	mkdir -p "$new"
	cargo +nightly fuzz build --target-dir target/fuzz "$target"
	status=0
	cargo +nightly fuzz run --target-dir target/fuzz "$target" "$new" "fuzz/corpus/$target" -- \
		-max_total_time="$seconds" -timeout=20 -print_final_stats=1 >"target/fuzz/$target.log" 2>&1 || status=$?
	tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "target/fuzz/$target.log")
	reached=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "target/fuzz/$target.log" | tail -n 1)
	printf '%s: %s executions, %s edges covered\n' "$target" "${tried:-no}" "${reached:-no}"
	if [ "$status" -ne 0 ]; then
		failed=1
		tail -n 40 "target/fuzz/$target.log" >&2
	fi
done
exit $failed
