//! Daemons that claim for themselves: in Rust by the crate, in Python and C by `pidfile claim --fd`.

use crate::common::{docs, place, repository};
use std::process::Command;
use tests::{Place, needs};

/// What each of them does: it claims, keeps others out, is read, and is stopped.
fn claims_for_itself(place: &Place, daemon: &str) {
    place
        .script(&format!(
            "{daemon} p >said & daemon=$!; until pidfile -q read p; do :; done; test $(pidfile read p) = $daemon && echo named
             pidfile claim p true 2>/dev/null; echo $?; {daemon} p 2>/dev/null; echo $?
             pidfile stop p; echo $?; wait $daemon; pidfile read -q p; echo $?; pidfile claim p true; echo $?"
        ))
        .stdout("named\n75\n75\n0\n3\n0\n");
}

#[test]
fn a_daemon_in_python_claims_for_itself() {
    if !needs("python3", "python3") {
        return;
    }
    let place = place();
    claims_for_itself(&place, &format!("python3 {}", docs("examples/claim.py").display()));
    assert_eq!(place.content("said"), "claimed\n");
}

#[test]
fn a_daemon_in_c_claims_for_itself() {
    let place = place();
    place.says(&format!("cc -Wall -Wextra -Werror -o .bin/claimer {}", docs("examples/claim.c").display()));
    claims_for_itself(&place, "claimer");
    assert_eq!(place.content("said"), "claimed\n");
}

/// The example of the crate, built once more: it has its own features, without the utilities' frame.
fn example() -> std::path::PathBuf {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(repository(".")).args(["build", "--quiet", "--locked", "-p", "racefree", "--example", "daemon"]);
    let target = repository("target/library");
    build.env("CARGO_TARGET_DIR", &target);
    assert!(build.status().expect("cargo").success(), "the example does not compile");
    target.join("debug/examples/daemon")
}

#[test]
fn a_daemon_in_rust_claims_for_itself_and_restarts_itself_with_overlap() {
    let place = place();
    std::os::unix::fs::symlink(example(), place.file(".bin/daemon")).expect("a free name");
    claims_for_itself(&place, "daemon");
    place
        .script(
            "daemon p & old=$!; until pidfile -q read p; do :; done
             pidfile signal HUP p; waitfor --down pid:$old; wait $old; echo $?
             new=$(pidfile read p); test $new != $old && echo another; pidfile read --json p | grep -o vouched
             pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; echo $?",
        )
        .stdout("0\nanother\nvouched\n75\n0\n");
}
