//! Where the tests of `withlock` run.

use tests::Place;

/// A place with `withlock`.
pub fn place() -> Place {
    Place::with(&[("withlock", env!("CARGO_BIN_EXE_withlock"))])
}
