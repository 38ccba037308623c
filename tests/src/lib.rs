//! What the tests of all packages share: a place to try things in, programs stepped from system call to system call,
//! and the word that something real is missing.

mod background;
pub mod manual;
mod place;
mod port;
pub mod sources;
mod steps;
mod terminal;

pub use background::Background;
pub use place::{Place, Said};
pub use port::{Port, talker, web_server, web_server_of};
pub use steps::{Steps, Stop};
pub use terminal::Terminal;

use std::io::Write;

/// Whether a program that a test is about is there. Where it is not, the test says so and has nothing to show; in CI
/// that is a failure.
///
/// # Panics
/// The environment says `CI=true` and the program is missing.
pub fn needs(program: &str, debian_package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|directory| directory.join(program).is_file()) {
        return true;
    }
    skip(&format!("needs {program} (Debian package {debian_package})"));
    false
}

/// Whether the tests run as root, which some of them must.
///
/// # Panics
/// As [`needs`].
pub fn needs_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("needs root");
    }
    root
}

fn skip(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}: not to be skipped here");
    nothing_to_show(why);
}

/// Says that a test has nothing to show on a machine like this one, in CI as well.
pub fn nothing_to_show(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not by a macro: the test harness would keep it to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// A TCP port of 127.0.0.1 that nobody uses at this moment.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("our own socket").port()
}
