//! Compressed archives: each kind is unpacked, and one that cannot be unpacked is a gap.

use crate::common::{place, said};
use tests::needs;

/// What cron runs.
const CHECK: &str = "logwatch --no-follow --cursor-file c -e FATAL l";

/// The commands that compress stdin, the extensions, and the Debian packages.
const KINDS: [(&str, &str, &str); 7] = [
    ("gzip", "gz", "gzip"),
    ("xz", "xz", "xz-utils"),
    ("xz --format=lzma", "lzma", "xz-utils"),
    ("zstd -q", "zst", "zstd"),
    ("bzip2", "bz2", "bzip2"),
    ("lz4 -q", "lz4", "lz4"),
    ("python3 zip.py", "zip", "python3"),
];

/// Writes a zip file as log4j2 does: one member, whose length stands behind it.
const ZIP: &str = "import io, sys, zipfile
class Pipe(io.RawIOBase):
    def writable(self): return True
    def write(self, data): return sys.stdout.buffer.write(data)
with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('app.log', sys.stdin.read())
sys.stdout.flush()
";

fn tool(pack: &str) -> &str {
    pack.split(' ').next().expect("a command")
}

#[test]
fn compressed_archives_are_read_on_from_the_place() {
    let place = place();
    place.write("zip.py", ZIP);
    for (pack, ending, package) in KINDS {
        if !needs(tool(pack), package) {
            continue;
        }
        let script = format!(
            "rm -f l* c; seq 5000 >l; {CHECK}; echo FATAL 1 >>l; seq 500000 >>l; {pack} <l >l.2.{ending};
             rm l; echo FATAL 2 >l; {pack} <l >l.1.{ending}; rm l; echo FATAL 3 >l; {CHECK}; {CHECK}; echo $?"
        );
        assert_eq!(place.sh(&script), said("FATAL 1\nFATAL 2\nFATAL 3\n0\n", "", 0), "{ending}");
        // Where the log was empty nothing stands before the place, so every archive that is new is read.
        let script =
            format!("rm -f l* c; : >l; {CHECK}; echo FATAL 1 >>l; {pack} <l >l.1.{ending}; echo FATAL 2 >l; {CHECK}");
        assert_eq!(place.sh(&script), said("FATAL 1\nFATAL 2\n", "", 1), "{ending}");
    }
}

#[test]
fn an_archive_that_cannot_be_unpacked_is_a_gap_that_is_told_once() {
    let place = place();
    place.write("zip.py", ZIP);
    place.says("mkdir none");
    let gap = "logwatch: follow l: gap: the place is lost, lines may be missing\n";
    for (pack, ending, package) in KINDS {
        if !needs(tool(pack), package) {
            continue;
        }
        for before in ["", "fine\n"] {
            let begin = format!("rm -f l* c; printf '{before}' >l; {CHECK}; seq 9999 >>l; echo FATAL 1 >>l;");
            let run = |cut: &str, check: &str| {
                place.sh(&format!("{begin} {pack} <l >l.1.{ending}; {cut}; echo FATAL 2 >l; {check}; {check}; echo $?"))
            };
            // Half an archive, as after a full disk.
            let found = run(&format!("truncate -s 500 l.1.{ending}"), CHECK);
            assert!(found.stdout.ends_with("FATAL 2\n0\n") && !found.stdout.contains("FATAL 1"), "{ending}: {found:?}");
            let told = format!("logwatch: read ./l.1.{ending}: ");
            assert!(found.stderr.starts_with(&told) && found.stderr.ends_with(gap), "{ending}: {found:?}");
            assert_eq!(found.stderr.lines().count(), 2, "{ending}: {found:?}");
            if ending == "gz" {
                continue;
            }
            let without = format!("PATH=none {}", CHECK.replacen("logwatch", "$LOGWATCH", 1));
            let found = run("LOGWATCH=$(command -v logwatch)", &without);
            assert!(found.stdout.ends_with("FATAL 2\n0\n"), "{ending}: {found:?}");
            let told = format!("logwatch: run {} for ./l.1.{ending}: No such file or directory\n", unpacker(ending));
            assert_eq!(found.stderr, format!("{told}{gap}"), "{ending}");
        }
    }
}

fn unpacker(ending: &str) -> &str {
    match ending {
        "zst" => "zstd",
        "bz2" => "bzip2",
        "lzma" => "xz",
        "zip" => "gzip",
        same => same,
    }
}

#[test]
fn an_archive_that_is_just_being_compressed_is_read_uncompressed() {
    let place = place();
    let script =
        format!("seq 99 >l; {CHECK}; echo FATAL 1 >>l; mv l l.1; head -c 20 /dev/urandom >l.1.gz; : >l; {CHECK}");
    place.script(&script).code(1).stdout("FATAL 1\n").stderr("");
}
