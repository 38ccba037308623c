//! What `pidfile stop` and `pidfile signal` promise at the prompt.

use crate::common::place;
use predicates::prelude::predicate;

/// Ignores TERM, and says when it does.
const STUBBORN: &str = r#"sh -c 'trap "" TERM; echo >ready; while :; do sleep 0.1; done'"#;

#[test]
fn what_does_not_run_is_stopped() {
    let place = place();
    place.write("stale", "999999\n");
    place.script("pidfile stop absent stale").code(0).stderr("");
    assert!(!place.file("absent").exists());
}

#[test]
fn a_start_may_follow_a_stop_at_once() {
    let said = place().says(
        "for i in 1 2 3 4 5 6 7 8 9 10; do pidfile claim -b p sleep 60; pidfile stop p; done; pidfile read -q p; echo $?",
    );
    assert_eq!(said, "1\n");
}

#[test]
fn another_signal_can_be_asked_for() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c 'trap \"echo int >got; exit\" INT; echo >ready; while :; do sleep 0.01; done'
         pidfile stop --signal INT p",
    );
    assert_eq!((said.code, place.content("got")), (0, "int\n".into()));
}

#[test]
fn a_signal_reaches_the_claimant() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c 'trap \"echo hup >got\" HUP; echo >ready; while :; do sleep 0.01; done'
         pidfile signal HUP p; until test -s got; do :; done; pidfile signal 0 p; echo $?",
    );
    assert_eq!((&*said.stdout, place.content("got")), ("64\n", "hup\n".into()));
}

#[test]
fn one_that_will_not_go_is_named_at_the_timeout_and_killed_only_on_request() {
    let place = place();
    place
        .script(&format!(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p {STUBBORN}; pidfile stop --timeout 50ms p; echo $?
         pidfile read -q p; echo $?; pidfile stop --kill-after 20ms p; echo $?; pidfile read -q p; echo $?"
    ))
        .stdout("124\n0\n137\n1\n")
        .stderr(predicate::str::contains("stop p: process"))
        .stderr(predicate::str::contains("has not ended after 50 ms"));
}

#[test]
fn workers_that_keep_the_claim_are_named_and_killed_on_request() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c '(trap \"\" TERM; exec sleep 60) & echo >ready; exec sleep 61'
         pidfile stop --timeout 50ms p; echo $?; pidfile read -q p; echo $?
         pidfile stop --timeout 50ms --kill-after 20ms p; echo $?
         pidfile stop --kill-after 20ms --kill-holders p; echo $?; pidfile read -q p; echo $?",
    );
    assert_eq!(said.stdout, "124\n2\n124\n137\n1\n", "{said:?}");
    let named = said.stderr.lines().filter(|line| {
        line.starts_with("pidfile: stop p: the claim is still held by") && line.ends_with("(sleep 60) after 50 ms")
    });
    assert_eq!(named.count(), 2, "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn workers_of_a_daemon_that_lives_are_killed_with_it() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c '(trap \"\" TERM; exec sleep 60) & echo >ready; exec sleep 61'
             pidfile stop --kill-after 20ms p; echo $?; pidfile read -q p; echo $?",
        )
        .stdout("137\n1\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn several_are_stopped_in_parallel_under_one_deadline() {
    let place = place();
    let begun = std::time::Instant::now();
    let said = place.sh(&format!(
        "for i in 1 2 3; do rm -f ready; pidfile claim -b --ready 'until test -e ready; do :; done' p$i {STUBBORN}; done
         pidfile claim -b p4 sleep 60; pidfile stop --timeout 3s p1 p2 p3 p4 absent; echo $?; pidfile read -q p4; echo $?
         pidfile stop --kill-after 0 p1 p2 p3; echo $?"
    ));
    assert_eq!(said.stdout, "124\n1\n137\n");
    assert_eq!(said.stderr.lines().filter(|line| line.contains("has not ended after 3.0 s")).count(), 3, "{said:?}");
    // One after the other would take 9 s.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}

#[test]
fn one_file_that_cannot_be_read_does_not_keep_the_others_alive() {
    let place = place();
    place
        .script("pidfile claim -b p sleep 60; mkdir d; pidfile stop d p; echo $?; pidfile read -q p; echo $?")
        .stdout("4\n1\n")
        .stderr("pidfile: stop d: read d: it is a directory, so no PID file\n");
}

#[test]
fn an_interrupted_stop_ends_at_once_and_the_daemon_may_go_on() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p \
                sh -c 'trap \"echo >asked\" TERM; echo >ready; while :; do sleep 0.1; done'
             pidfile stop p & stop=$!; until test -e asked; do :; done
             kill -TERM $stop; wait $stop; echo $?; pidfile stop --kill-after 0 p",
        )
        .stdout("143\n");
}
