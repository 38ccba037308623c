//! The torture of `src/bin/torture.rs`, for a few seconds. By hand for longer: docs/reliability.md.

use crate::common::RACEFREE;
use crate::common::repository;
use std::process::Stdio;
use tests::{Place, needs};

fn tortured(arguments: &[&str]) {
    let place = Place::with(&[("pidfile", RACEFREE), ("witness", env!("CARGO_BIN_EXE_witness"))]);
    let operations = std::env::var("TORTURE_OPERATIONS").unwrap_or_else(|_| "1500".into());
    let mut torture = place.command(env!("CARGO_BIN_EXE_torture"));
    torture.arg(place.path()).args(["--operations", &operations]).args(arguments).stdout(Stdio::piped());
    if let Ok(seed) = std::env::var("TORTURE_SEED") {
        torture.args(["--seed", &seed]);
    }
    let said = torture.output().expect("our own program");
    let told = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{told}{}", String::from_utf8_lossy(&said.stderr));
    assert!(told.contains("none of the promises was broken"), "{told}");
    println!("{told}");
}

#[test]
fn no_torture_makes_two_daemons_or_a_wrong_reading() {
    tortured(&[]);
}

/// `tests/broken.sh` shows by them that the torture can fail.
#[test]
fn each_patch_that_breaks_the_core_applies_to_it() {
    if !needs("patch", "patch") {
        return;
    }
    let patches = repository("tests/broken");
    let patches: Vec<_> =
        std::fs::read_dir(patches).expect("the patches").map(|entry| entry.expect("one").path()).collect();
    assert!(patches.len() >= 2, "{patches:?}");
    let place = Place::bare();
    for patch in patches {
        let here = repository("").display().to_string();
        place.tool("patch").args(["--dry-run", "-f", "-p1", "-d", &here, "-i"]).arg(&patch).assert().success();
    }
}

#[test]
fn nor_under_a_parent_that_reaps_late() {
    tortured(&["--late"]);
}
