//! What the tests of all packages share: a place to try things in, programs stepped from system call to system call,
//! and the word that something real is missing.

mod background;
mod before_exec;
#[cfg(target_arch = "x86_64")]
pub mod calls;
pub mod manual;
#[cfg(target_arch = "x86_64")]
pub mod one_by_one;
mod place;
mod port;
pub mod sources;
mod steps;
mod terminal;

pub use background::Background;
pub use place::{Place, Said};
pub use port::{Port, free_port, talker, web_server, web_server_of};
pub use steps::{Steps, Stop};
pub use terminal::Terminal;

use std::io::Write;
use std::process::Command;

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
    let root = nix::unistd::geteuid().is_root();
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

/// Runs a test, named by its path as `cargo test` prints it, in a process in which no other test runs.
///
/// True in that process; in the other, the test has passed there when this returns.
///
/// # Panics
/// The test fails there, or there is no such test.
pub fn alone(test: &str) -> bool {
    const MARK: &str = "RACEFREE_TEST_ALONE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let tests = std::env::current_exe().expect("the program of this test");
    let run = Command::new(tests).args([test, "--exact", "--nocapture"]).env(MARK, "1").output().expect("it");
    let (stdout, stderr) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && stdout.contains("\ntest result: ok. 1 passed"), "{stdout}{stderr}");
    // What was skipped there is said here.
    let _ = std::io::stderr().write_all(&run.stderr);
    false
}
