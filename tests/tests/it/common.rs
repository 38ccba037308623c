//! Where the tests of all four utilities run.

use std::path::PathBuf;
use tests::{Place, sources};

/// The program that is all four utilities, by the name under which it is called.
pub const RACEFREE: &str = env!("CARGO_BIN_EXE_racefree");

/// The daemon that behaves, or misbehaves, as it is told to.
pub const DEMOD: &str = env!("CARGO_BIN_EXE_demod");

/// A place with all four utilities and `demod`.
pub fn place() -> Place {
    let utilities = ["pidfile", "withlock", "waitfor", "logwatch"].map(|name| (name, RACEFREE));
    Place::with(&[&utilities[..], &[("demod", DEMOD)]].concat())
}

/// A place that other users can enter, where they find the utilities.
pub fn place_for_all() -> Place {
    let place = place();
    place.says(&format!(
        "chmod 1777 . && cp {RACEFREE} .bin/real && for t in pidfile withlock waitfor logwatch; do ln -sf real .bin/$t; done"
    ));
    place
}

/// A file or folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    sources::root().join(path)
}

/// A file or folder of `docs`.
pub fn docs(path: &str) -> PathBuf {
    repository("docs").join(path)
}
