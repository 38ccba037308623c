//! `exec:`, at the prompt: a command that is asked, and what becomes of all that it starts.

use crate::common::{place, said, waitfor, waiting_for};
use tests::Said;

#[test]
fn a_command_is_run_again_until_it_says_yes() {
    let place = place();
    let waiting = waiting_for(&place, &["exec:echo checked >&2; test -e f"]);
    let waiting = waiting.until_it_says("exec:echo checked >&2; test -e f: exited with status 1: checked");
    place.write("f", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_command_that_hangs_ends_with_the_attempt_and_all_that_it_started() {
    let place = place();
    let said = said(&place, &["-t0", "--attempt", "100ms", "exec:echo hanging; sleep 60 & sleep 60"]);
    assert_eq!(said.code, 124);
    let expected = "waitfor: exec:echo hanging; sleep 60 & sleep 60: has not ended within ";
    assert!(said.stderr.starts_with(expected) && said.stderr.contains(" ms: hanging (1 try in "), "{said:?}");
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn a_command_that_succeeds_leaves_nothing_behind() {
    let place = place();
    waitfor(&place, &["exec:sleep 60 &"]).success().stdout("").stderr("");
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn a_command_that_hangs_is_neither_ready_nor_down() {
    let place = place();
    waitfor(&place, &["--down", "-t0", "--attempt", "50ms", "exec:sleep 60"]).code(124);
}

#[test]
fn a_signal_ends_the_wait_and_what_it_runs() {
    for (signal, code) in [(nix::sys::signal::SIGTERM, 143), (nix::sys::signal::SIGINT, 130)] {
        let place = place();
        let waiting = waiting_for(&place, &["--attempt", "50s", "exec:echo > begun; sleep 60"]);
        place.wait_until("it runs", |place| place.file("begun").exists());
        nix::sys::signal::kill(waiting.pid(), signal).unwrap();
        assert_eq!(waiting.ended(), code);
        place.wait_until("nothing is left", |place| place.still_running().is_empty());
    }
}

#[test]
fn a_wait_that_is_killed_leaves_no_command_behind() {
    let place = place();
    let waiting = waiting_for(&place, &["--attempt", "50s", "exec:sleep 60 & nohup sleep 60 & echo > begun; sleep 60"]);
    place.wait_until("it runs", |place| place.file("begun").exists());
    nix::sys::signal::kill(waiting.pid(), nix::sys::signal::SIGKILL).unwrap();
    assert_eq!(waiting.ended(), 137);
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn one_that_talks_without_end_does_not_keep_out_the_others() {
    let place = place();
    let arguments = ["--any", "--attempt", "50s", "exec:yes", "file:f", "exec:until test -e g; do sleep 0.01; done"];
    for file in ["f", "g"] {
        let waiting = waiting_for(&place, &arguments).until_it_says("file:f: No such file");
        place.write(file, "");
        assert_eq!(waiting.ended(), 0);
        std::fs::remove_file(place.file(file)).unwrap();
    }
}

#[test]
fn a_command_ends_as_it_would_without_a_guard() {
    let place = place();
    for (command, how) in [
        ("exit 7", "exited with status 7"),
        ("kill -TERM $$", "was ended by SIGTERM"),
        ("kill -9 0", "was ended by SIGKILL"),
    ] {
        let said = said(&place, &["-t0", &format!("exec:{command}")]);
        assert_eq!((said.code, said.without_times()), (124, format!("waitfor: exec:{command}: {how}")));
    }
}

#[test]
fn a_negated_command_that_never_reached_anything_is_pointed_out() {
    let place = place();
    let missing = "exec:! no-such-command 2>/dev/null";
    let said_of = |arguments: &[&str]| said(&place, arguments);
    let said = said_of(&[missing]);
    assert!(said.code == 0 && said.stderr.contains(": the command behind ! never succeeded: "), "{said:?}");
    assert_eq!(said_of(&["-q", missing]), Said::SILENT_SUCCESS);
    place.write("f", "");
    let waiting = waiting_for(&place, &["exec:! test -e f"]).until_it_says("exited with status 1");
    std::fs::remove_file(place.file("f")).unwrap();
    assert_eq!(waiting.ended(), 0);
    assert!(!place.content("said").contains("never succeeded"));
}
