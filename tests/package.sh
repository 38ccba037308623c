#!/bin/sh
# Installs the utilities as people do, and takes them away again: by make, and as a Debian package; and looks at what
# distributors get: crates, source packages, licences (as root, on Debian; needs debhelper, lintian, man-db, rpm and
# rpmlint). What `make` builds is built first.
set -eu
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -r "$place"' EXIT

fail() {
	printf 'FAILED: %s\n' "$*" >&2
	exit 1
}

# Every page in this directory renders without a word on stderr, and is not empty.
pages_render() {
	for page in "$1"/*.1*; do
		LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$page" >"$place/page" 2>"$place/warnings"
		! test -s "$place/warnings" || fail "man -l $page: $(cat "$place/warnings")"
		grep -q '^NAME' "$place/page" || fail "man -l $page says nothing"
	done
}

# As a user, into a directory of one's own: with musl where rustc has it, and with the system's C library.
installed() {
	make --silent install PREFIX="$place/own"
	# shellcheck disable=SC2016 # that shell expands it
	env PATH="$place/own/bin:$PATH" sh -eu -c '
		cd "$1"
		pidfile claim -b pid sleep 60
		withlock lock waitfor --timeout 0 pidfile:pid
		pidfile stop pid
		echo "an ERROR" >log
		test "$(logwatch -e ERROR --no-follow log)" = "an ERROR"
		rm pid lock log
	' sh "$place" || fail "what make has installed does not work"
}
make --no-print-directory LIBC=gnu
installed
make --no-print-directory
installed
pages_render "$place/own/share/man/man1"
test -f "$place/own/share/doc/racefree/README.md" || fail "no documents"
# Each utility's own tests, of what is shipped: it is built with other options than the build that they test otherwise.
env --default-signal RACEFREE_SHIPPED="$place/own/bin" \
	cargo test --quiet --locked -p racefree-pidfile -p racefree-withlock -p racefree-waitfor -p racefree-logwatch --test it
make --silent uninstall PREFIX="$place/own"
left=$(find "$place/own" ! -type d)
test -z "$left" || fail "make uninstall has left $left"

# One alone, by cargo.
for tool in pidfile withlock waitfor logwatch; do
	cargo install --quiet --locked --path $tool --root "$place/cargo" 2>"$place/warnings" || fail "$(cat "$place/warnings")"
	"$place/cargo/bin/$tool" --version >/dev/null || fail "cargo install --path $tool"
done

# As crates: each is built from its package, with the other packages as its dependencies.
for act in package "publish --dry-run"; do
	# shellcheck disable=SC2086 # they are words
	cargo $act --workspace --exclude tests --exclude model --locked --allow-dirty 2>"$place/warnings" || fail "$(cat "$place/warnings")"
done
packaging/licences --quiet
# cargo-deny as it may answer: it has no database; it knows nothing against a crate; it does.
mkdir "$place/deny"
# shellcheck disable=SC2016 # that shell expands it
printf '#!/bin/sh\ncase $* in *" fetch db") exit "$FETCH" ;; esac\nexit "$CHECK"\n' >"$place/deny/cargo-deny"
chmod +x "$place/deny/cargo-deny"
asked() (env PATH="$place/deny:$PATH" FETCH="$1" CHECK="$2" packaging/licences --quiet)
asked 1 1 | grep -q 'not checked (the database cannot be had)$' || fail "licences without a database"
asked 0 0 | grep . && fail "advisories are checked and are said not to be"
! asked 0 1 || fail "an advisory is ignored"

# As sources: what is Debian's own passes its checks without the vendored crates, of which `make dist` has more to say.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
mkdir -p "$place/source/racefree-$version" "$place/rpm/SOURCES"
git archive HEAD | tar -x -C "$place/source/racefree-$version"
mkdir "$place/source/racefree-$version/vendor"
echo "the crates are here in what make dist makes" >"$place/source/racefree-$version/vendor/README"
(cd "$place/source" && dpkg-source --build "racefree-$version" >/dev/null)
lintian --allow-root --fail-on error,warning "$place/source/racefree_$version.dsc"
git archive --prefix="racefree-$version/" HEAD | xz -0 >"$place/rpm/SOURCES/racefree-$version.tar.xz"
rpmlint packaging/racefree.spec >"$place/warnings" 2>&1 || fail "rpmlint: $(cat "$place/warnings")"
rpmbuild -bp --nodeps --define "_topdir $place/rpm" packaging/racefree.spec >"$place/warnings" 2>&1 ||
	fail "rpmbuild: $(cat "$place/warnings")"
for recipe in packaging/PKGBUILD packaging/APKBUILD; do
	# Their callers set -e, and read what looks unused.
	shellcheck --shell=bash --exclude=SC2034,SC2154,SC2164 $recipe
	grep -q "^pkgver=$version\$" $recipe || fail "$recipe has another version"
done
grep -q "^Version: *$version\$" packaging/racefree.spec || fail "packaging/racefree.spec has another version"
grep -q "^## $version\$" CHANGELOG.md || fail "CHANGELOG.md does not know version $version"

# As a package.
package=$(sh packaging/deb 2>"$place/warnings") || fail "make deb: $(tail "$place/warnings")"
dpkg-deb -x "$package" "$place/contents"
pages_render "$place/contents/usr/share/man/man1"
lintian --allow-root --fail-on error,warning "$package"

# Beside Debian's own logwatch no file is in two packages.
mkdir -p "$place/image/var/lib/dpkg/info" "$place/image/var/lib/dpkg/updates"
: >"$place/image/var/lib/dpkg/status"
download() (cd "$place" && apt-get download -q logwatch >/dev/null 2>&1)
download || { apt-get update -q >/dev/null && download; } || fail "Debian's logwatch cannot be had"
dpkg --root="$place/image" --force-depends,script-chrootless --unpack "$place"/logwatch_*.deb "$package" >/dev/null
test -e "$place/image/usr/bin/racefree-logwatch" || fail "ours is not there"
test -L "$place/image/usr/sbin/logwatch" || fail "Debian's is not there"

dpkg -i "$package" >/dev/null
test "$(dpkg-deb -f "$package" Version)" = "$version" || fail "the package has another version"
for tool in pidfile withlock waitfor racefree-logwatch; do
	/usr/bin/$tool --version | grep -q " $version\$" || fail "$tool --version"
done
for tool in pidfile withlock waitfor logwatch; do
	test "$(env PATH="/usr/libexec/racefree:$PATH" $tool --version)" = "$tool $version" || fail "$tool by its own name"
done
sh debian/tests/quickstart
dpkg -P racefree >/dev/null
! test -e /usr/bin/pidfile || fail "dpkg -P has left /usr/bin/pidfile"
echo "installed, used and removed: by make, and as $(basename "$package")"
