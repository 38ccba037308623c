//! kill -9 at every system call: the next start works, and nothing has to be cleaned up.

use crate::common::place;
use tests::{Place, Steps};

/// Kills the program at its first call, at its second, ... until it comes to its end, and checks after each.
fn killed_everywhere(place: &Place, words: &[&str], check: impl Fn(usize)) -> usize {
    for at in 1.. {
        let mut command = place.command(words[0]);
        command.args(&words[1..]).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut program = Steps::of(command);
        let mut reached = 0;
        while reached < at && program.step().is_some() {
            reached += 1;
        }
        if reached < at {
            return at - 1;
        }
        program.kill();
        check(at);
    }
    unreachable!("every program ends")
}

#[test]
fn a_claim_killed_at_any_call_leaves_the_way_free() {
    let place = place();
    let tried = killed_everywhere(&place, &["pidfile", "claim", "p", "true"], |at| {
        let said = place.sh("pidfile -q read p; [ $? != 0 ] && pidfile claim p true");
        assert_eq!(said.code, 0, "after call {at}: {said:?}");
    });
    assert!(tried > 50, "only {tried} calls");
}

#[test]
fn a_background_start_killed_at_any_call_leaves_the_next_one_whole() {
    let place = place();
    let words = ["pidfile", "claim", "--background", "--log", "l", "--ready", "true", "p", "sleep", "1000"];
    let tried = killed_everywhere(&place, &words, |at| {
        // The daemon may run by now, rightly claimed; a launcher that is no more does not take it along.
        let running = place.still_running().iter().filter(|line| *line == "sleep 1000").count();
        let held = place.sh("pidfile -q read p").code == 0;
        assert_eq!((running, held), (usize::from(held), held), "after call {at}: {:?}", place.still_running());
        let said = place.sh("pidfile stop --timeout 10 p && pidfile claim --background p sleep 2000 && pidfile stop p");
        assert_eq!(said.code, 0, "after call {at}: {said:?}");
        assert_eq!(place.still_running(), Vec::<String>::new(), "after call {at}");
    });
    assert!(tried > 100, "only {tried} calls");
}

#[test]
fn a_wrapper_killed_at_any_call_leaves_no_lock_behind() {
    let place = place();
    let tried = killed_everywhere(&place, &["withlock", "l", "true"], |at| {
        let said = place.sh("withlock -w 10 l true");
        assert_eq!(said.code, 0, "after call {at}: {said:?}");
    });
    assert!(tried > 50, "only {tried} calls");
}

#[test]
fn a_stop_killed_at_any_call_can_be_repeated() {
    let place = place();
    let tried = killed_everywhere(&place, &["pidfile", "stop", "p"], |at| {
        let said = place.sh("pidfile stop p && pidfile claim --background p sleep 1000");
        assert_eq!(said.code, 0, "after call {at}: {said:?}");
    });
    assert!(tried > 50, "only {tried} calls");
}
