#!/bin/sh
# Makes a release twice, in two places, and compares every byte; what it holds runs, and names no place of this machine.
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT

fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

mkdir "$place/first" "$place/a-longer-name-for-the-second"
OUT=$place/one TMPDIR=$place/first sh packaging/release >"$place/sums"
cd "$place/one"
sha256sum --quiet -c SHA256SUMS
tarball=$(echo racefree-*-linux.tar.gz)
tar -x -C "$place" -f "$tarball"
installed=$place/${tarball%.tar.gz}
for tool in pidfile withlock waitfor logwatch; do
	"$installed/bin/$tool" --version >/dev/null || fail "$tool does not run"
	! grep -aqF -e "$place" -e "$HOME/" "$installed/bin/$tool" || fail "$tool says where it was built"
done
for tool in pidfile withlock logwatch; do
	! ldd "$installed/bin/$tool" >/dev/null 2>&1 || fail "$tool is not static"
done
cd - >/dev/null
OUT=$place/two TMPDIR="$place/a-longer-name-for-the-second" sh packaging/release >/dev/null
diff -r "$place/one" "$place/two" || fail "the second release differs"
cat "$place/sums"
echo "built twice, the same bytes"
