//! What `withlock` promises at the prompt.

use tests::Place;

fn place() -> Place {
    Place::with(&[("withlock", env!("CARGO_BIN_EXE_withlock"))])
}

#[test]
fn a_command_ends_as_itself() {
    let place = place();
    assert_eq!(place.sh("withlock l sh -c 'exit 5'").code, 5);
    assert_eq!(place.sh("exec withlock l sh -c 'kill -KILL $$'").code, 137);
}

#[test]
fn a_lock_that_is_held_is_busy_and_says_by_whom() {
    let said = place().sh("withlock l sleep 60 & while withlock -n l true; do :; done; withlock -n l true");
    assert_eq!(said.code, 75);
    assert!(said.stderr.contains("(withlock l sleep 60)") && said.stderr.contains("(sleep 60)"), "{said:?}");
}

#[test]
fn a_daemon_started_under_the_lock_does_not_keep_it() {
    assert_eq!(place().says("withlock l sh -c 'sleep 60 & echo started'; withlock -n l echo free"), "started\nfree\n");
}
