//! Where the tests of `waitfor` run, and how they call it.

use assert_cmd::assert::Assert;
use assert_cmd::cargo::cargo_bin;
use tests::{Background, Place, Said};

/// A place with `waitfor`.
pub fn place() -> Place {
    Place::with(&[("waitfor", cargo_bin!("waitfor"))])
}

/// A wait that ends by itself, for assert_cmd's assertions.
pub fn waitfor(place: &Place, arguments: &[&str]) -> Assert {
    place.tool("waitfor").args(arguments).assert()
}

/// The code, and what was said, of a wait that ends by itself.
pub fn said(place: &Place, arguments: &[&str]) -> Said {
    place.run(place.tool("waitfor").args(arguments))
}

/// A wait under way, which says each change of its reason.
pub fn waiting_for<'a>(place: &'a Place, arguments: &[&str]) -> Background<'a> {
    Background::of(place, "waitfor", &[&["-v"], arguments].concat())
}
