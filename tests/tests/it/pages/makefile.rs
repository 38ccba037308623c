//! The Makefile of docs/examples: alone, under -j, from two terminals, failing, and interrupted.

use crate::common::{self, docs};
use tests::{Place, Terminal, needs};

/// More checks: one that waits for a file, and one that fails.
const MORE: &str = "
check-wait:
	@: >begun.$(WHO); until [ -e go.$(WHO) ]; do sleep 0.01; done; redis-cli -s d.socket ping | grep -q PONG && echo \"$(WHO): ok\"

check-nothing:
	@false
";

fn place() -> Option<Place> {
    if !needs("make", "make") || !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return None;
    }
    let place = common::place();
    let makefile = std::fs::read_to_string(docs("examples/Makefile")).expect("the Makefile");
    place.write("Makefile", makefile + MORE);
    Some(place)
}

/// What is left running, when all that was asked to end has ended.
fn daemons(place: &Place) -> usize {
    place.still_running().iter().filter(|line| line.starts_with("redis-server ")).count()
}

#[test]
fn make_test_starts_what_it_needs_and_stops_only_that() {
    let Some(place) = place() else { return };
    assert_eq!(place.says("make test"), "check-set: ok\ncheck-list: ok\n");
    assert_eq!(daemons(&place), 0);
    let said = place.says("make up; make up; before=$(pidfile read d.pid); make -s test; [ $before = $(pidfile read d.pid) ]; make status | grep -c held; make down");
    assert_eq!(said, "check-set: ok\ncheck-list: ok\n1\n");
    assert_eq!(daemons(&place), 0);
    assert!(place.says("make status").contains("empty"));
}

#[test]
fn under_j_it_is_up_when_up_was_asked_for_and_down_when_only_tests_were() {
    let Some(place) = place() else { return };
    for _ in 0..2 {
        place.says("make -j8 test up");
        assert_eq!(daemons(&place), 1);
        place.says("make -j8 test down");
        assert_eq!(daemons(&place), 0);
        let said = place.sh("for i in 1 2 3 4; do make -j8 test || echo failed; done & for i in 1 2 3 4; do make -j8 test || echo failed; done; wait");
        assert_eq!((said.stdout.matches(": ok\n").count(), said.stdout.matches("failed").count()), (16, 0), "{said:?}");
        assert_eq!(daemons(&place), 0);
    }
}

#[test]
fn of_two_terminals_the_last_one_to_leave_stops_it() {
    let Some(place) = place() else { return };
    let said = place.says(
        "make test CHECKS=check-wait WHO=a & a=$!; waitfor file:begun.a; pid=$(pidfile read d.pid)
         make test CHECKS=check-wait WHO=b & b=$!; waitfor file:begun.b
         : >go.a; wait $a; [ $pid = $(pidfile read d.pid) ]; make -s down & down=$!; until grep -q -- '-> FLOCK.*:'$(stat -c %i users.lock)' ' /proc/locks; do :; done
         [ $pid = $(pidfile read d.pid) ]; : >go.b; wait $b; wait $down; pidfile -q read d.pid || echo stopped",
    );
    assert_eq!(said, "a: ok\nb: ok\nstopped\n");
}

#[test]
fn one_that_is_wanted_up_meanwhile_stays() {
    let Some(place) = place() else { return };
    let said = place.says(
        "make test CHECKS=check-wait WHO=a & waitfor file:begun.a; make up; : >go.a; wait; pidfile -q read d.pid && make -s test && make down",
    );
    assert_eq!(said, "a: ok\ncheck-set: ok\ncheck-list: ok\n");
    assert_eq!(daemons(&place), 0);
}

#[test]
fn a_check_that_fails_or_a_daemon_that_does_not_start_fails_the_test_and_leaves_nothing() {
    let Some(place) = place() else { return };
    assert_eq!(place.sh("make test CHECKS=check-nothing").code, 2);
    assert_eq!(daemons(&place), 0);
    let said = place.sh("make test DAEMON='redis-server --nonsense'");
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.contains("it exited with status 1 before it was ready"), "{said:?}");
    assert_eq!(place.says("make test && ! make status 2>/dev/null | grep held"), "check-set: ok\ncheck-list: ok\n");
}

#[test]
fn ctrl_c_stops_what_was_started_for_the_test_and_no_other() {
    let Some(place) = place() else { return };
    for up in [false, true] {
        place.says(&format!("rm -f begun.a; ! {up} || make up"));
        let mut command = place.command("make");
        command.args(["test", "CHECKS=check-wait", "WHO=a"]);
        let mut terminal = Terminal::of(command);
        place.wait_until("the check runs", |place| place.file("begun.a").exists());
        terminal.types("\x03");
        place.wait_until("make ends", |_| terminal.ended().is_some_and(|status| !status.success()));
        place.wait_until("the locks are free", |place| {
            place.sh("withlock -n users.lock withlock -n d.lock true").code == 0
        });
        place.wait_until("only what is wanted runs", |place| place.still_running().len() == usize::from(up));
        assert_eq!(daemons(&place), usize::from(up));
    }
    place.says("make down");
}

#[test]
fn what_a_killed_test_has_left_is_stopped_by_the_next() {
    let Some(place) = place() else { return };
    place.says(
        "setsid make test CHECKS=check-wait WHO=a >/dev/null 2>&1 & waitfor file:begun.a
         /bin/kill -KILL -- -$!; pidfile -q read d.pid",
    );
    assert_eq!(place.says("make test"), "check-set: ok\ncheck-list: ok\n");
    assert_eq!(daemons(&place), 0);
}
