#!/bin/sh
# Runs the quick start and compares it with its record, docs/quickstart.txt: all but the numbers, and the order of what
# goes on at once.
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT

without_chance() { sed -E 's/[0-9]{3,}(\.[0-9]+)?/N/g; s/shell [12]/shell N/' | sort; }

sh docs/quickstart.sh >"$place/said" 2>&1 || {
	cat "$place/said"
	exit 1
}
without_chance <"$place/said" >"$place/now"
sed 1d docs/quickstart.txt | without_chance >"$place/recorded"
diff "$place/recorded" "$place/now" && echo "as recorded in docs/quickstart.txt"
