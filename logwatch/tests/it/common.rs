//! Where the tests of `logwatch` run, and what they expect to be said.

use assert_cmd::cargo::cargo_bin;
use tests::{Place, Said};

/// A place with `logwatch`.
pub fn place() -> Place {
    Place::with(&[("logwatch", cargo_bin!("logwatch"))])
}

/// What `logwatch` prints and how it ends.
pub fn said(stdout: &str, stderr: &str, code: i32) -> Said {
    Said { stdout: stdout.into(), stderr: stderr.into(), code }
}
