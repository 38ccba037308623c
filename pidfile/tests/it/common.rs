//! Where the tests of `pidfile` run.

use assert_cmd::cargo::cargo_bin;
use tests::Place;

/// As nobody, who may read and look at little else.
pub const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// A place with `pidfile`.
pub fn place() -> Place {
    Place::with(&[("pidfile", cargo_bin!("pidfile"))])
}

/// A place that other users can enter, with a copy of `pidfile` that they can run as `./theirs`.
pub fn place_for_all() -> Place {
    let place = place();
    assert_eq!(place.says("chmod 755 . && cp \"$(command -v pidfile)\" theirs"), "");
    place
}
