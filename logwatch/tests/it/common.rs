//! Where the tests of `logwatch` run, and what they expect to be said.

use tests::{Place, Said};

/// A place with `logwatch`.
pub fn place() -> Place {
    Place::with(&[("logwatch", env!("CARGO_BIN_EXE_logwatch"))])
}

/// What `logwatch` prints and how it ends.
pub fn said(stdout: &str, stderr: &str, code: i32) -> Said {
    Said { stdout: stdout.into(), stderr: stderr.into(), code }
}
