//! Where the tests of `logwatch` run, and what they expect to be said.

use assert_cmd::cargo::cargo_bin;
use tests::{Place, Said};

/// Waits until the last job watches its log and sleeps, which is when all there was has been read.
pub const WAITS: &str = "waits() { until read -r _ _ s _ 2>/dev/null </proc/$1/stat && [ \"$s\" = S ] && \
    grep -q inotify /proc/$1/fdinfo/* 2>/dev/null; do :; done; sleep 0.02; };";

/// A place with `logwatch`.
pub fn place() -> Place {
    Place::with(&[("logwatch", cargo_bin!("logwatch"))])
}

/// What `logwatch` prints and how it ends.
pub fn said(stdout: &str, stderr: &str, code: i32) -> Said {
    Said { stdout: stdout.into(), stderr: stderr.into(), code }
}
