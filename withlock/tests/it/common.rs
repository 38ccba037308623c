//! Where the tests of `withlock` run.

use assert_cmd::cargo::cargo_bin;
use tests::Place;

/// A place with `withlock`.
pub fn place() -> Place {
    Place::with(&[("withlock", cargo_bin!("withlock"))])
}
