//! Where the tests of `waitfor` run, and how they call it.

use tests::{Background, Place, Said};

/// A place with `waitfor`.
pub fn place() -> Place {
    Place::with(&[("waitfor", env!("CARGO_BIN_EXE_waitfor"))])
}

/// The code, and what was said, of a wait that ends by itself.
pub fn waitfor(place: &Place, arguments: &[&str]) -> Said {
    place.run(place.command("waitfor").args(arguments))
}

/// A wait under way, which says each change of its reason.
pub fn waiting_for<'a>(place: &'a Place, arguments: &[&str]) -> Background<'a> {
    Background::of(place, "waitfor", &[&["-v"], arguments].concat())
}
