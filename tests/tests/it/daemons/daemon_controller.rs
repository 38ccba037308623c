//! What the library daemon_controller does, done by the chain, and its known faults, absent. The page
//! docs/daemon_controller.md names for each the test that shows it: one of these, or one elsewhere.

use crate::common::place;
use std::time::{Duration, Instant};
use tests::{Place, free_port};

fn nothing_is_left(place: &Place) {
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn what_comes_before_a_start_runs_once_and_under_the_same_lock() {
    let place = place();
    place.write(
        "start",
        "withlock d.lock sh -c 'pidfile -q read d.pid 2>/dev/null || {
             withlock -n d.lock true 2>>locked || echo configuration >>d.conf
             pidfile claim --background --ready \"waitfor unix:socket\" d.pid demod --unix socket
         }'",
    );
    place.says("for i in 1 2 3 4 5 6 7 8 9 10; do sh start & done; wait; waitfor -t 0 unix:socket; pidfile stop d.pid");
    assert_eq!(place.content("d.conf"), "configuration\n");
    let locked = place.content("locked");
    assert!(locked.starts_with("withlock: lock d.lock: held by an ancestor of this process"), "{locked}");
}

#[test]
fn a_ping_is_a_port_a_socket_or_any_command() {
    let (place, port) = (place(), free_port());
    for ping in [
        format!("waitfor tcp:127.0.0.1:{port}"),
        "waitfor unix:socket".into(),
        "waitfor \"exec:test -S socket\"".into(),
        "until test -S socket; do sleep 0.01; done".into(),
    ] {
        let start = format!("pidfile claim -b --ready '{ping}' p demod --delay 50ms --port {port} --unix socket");
        place.says(&format!("{start} && waitfor -t 0 tcp:127.0.0.1:{port} unix:socket; pidfile stop p; rm socket"));
    }
}

#[test]
fn a_start_that_takes_too_long_is_asked_to_end_and_then_killed() {
    let place = place();
    let said = place.sh("pidfile claim -b --log log --ready 'waitfor file:never' --timeout 500ms --kill-after 100ms p demod --ignore-term");
    assert_eq!(said.code, 124, "{said:?}");
    assert!(said.stderr.starts_with("pidfile: start demod: not ready after 500 ms; "), "{said:?}");
    assert_eq!(place.content("log"), "demod: ready\ndemod: SIGTERM ignored\n");
    nothing_is_left(&place);
}

#[test]
fn a_start_whose_log_does_not_grow_is_given_up() {
    let place = place();
    let said = place.sh("logwatch --idle 500ms log -- pidfile claim -b --log log --ready 'waitfor file:never' p demod");
    assert_eq!(said.code, 124, "{said:?}");
    assert!(
        said.stderr.ends_with("logwatch: run pidfile: the log did not grow any more, so it was ended\n"),
        "{said:?}"
    );
    nothing_is_left(&place);
}

#[test]
fn the_report_of_an_error_has_the_new_part_of_the_log_and_how_it_ended() {
    let place = place();
    for (daemon, code, how) in [
        ("echo one; echo two >&2; exit 3", 3, "sh: it exited with status 3 before it was ready"),
        ("echo one; echo two >&2; kill -SEGV $$", 3, "sh: it was ended by SIGSEGV before it was ready"),
        ("echo one; echo two >&2; exec sleep 60", 124, "sleep: not ready after 500 ms"),
    ] {
        place.write("log", "of yesterday\n");
        let said = place.sh(&format!(
            "logwatch log -- pidfile claim -b --log log --ready 'waitfor file:never' --timeout 500ms p sh -c '{daemon}'"
        ));
        let report = format!("pidfile: start {how}\nlogwatch: log gained:\none\ntwo\n");
        assert_eq!((said.stderr, said.code), (report, code), "{daemon}");
    }
    let said = place.sh("rm log; logwatch log -- pidfile claim -b --log log --ready 'waitfor file:never' p false");
    let report = "pidfile: start false: it exited with status 1 before it was ready; log gained no line\n";
    assert_eq!((said.stderr.as_str(), said.code), (report, 3));
}

#[test]
fn an_error_is_reported_before_and_after_it_went_into_the_background() {
    let place = place();
    for (daemon, why) in [
        ("sh -c 'echo no configuration; exit 3'", "it exited with status 3; the last line of log is: no configuration"),
        (
            "demod --daemonize --delay 50ms --say 'no disk' --die-before 4",
            "it exited with status 4 before it was ready; the last line of log is: demod: no disk",
        ),
    ] {
        place.write("log", "");
        let said = place.sh(&format!("pidfile claim --forking --log log --ready 'waitfor unix:socket' p {daemon}"));
        assert_eq!(said.code, 3, "{said:?}");
        assert!(said.stderr.ends_with(&format!(": {why}\n")), "{said:?}");
        nothing_is_left(&place);
    }
}

#[test]
fn a_daemon_that_dies_before_it_has_written_its_pid_file_is_noticed_at_once() {
    let place = place();
    let begun = Instant::now();
    let said = place.sh("pidfile claim --forking --pid-from own --timeout 300s p sh -c '(sleep 0.1; exit 1) & exit 0'");
    assert_eq!((said.stderr.as_str(), said.code), ("pidfile: start sh: it left no daemon behind\n", 3));
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_emptied_pid_file_does_not_hide_its_daemon_from_a_stop() {
    let place = place();
    let said = place.sh("pidfile claim -b p sleep 60; pid=$(cat p); : >p
         pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; echo $?; waitfor -q -t 0 --down pid:$pid && echo gone");
    assert_eq!(said.stdout, "75\n0\ngone\n", "{said:?}");
}

#[test]
fn a_log_that_is_rotated_or_not_there_yet_still_shows_the_error() {
    let place = place();
    let start = "logwatch -e FATAL d.log -- pidfile claim -b --ready 'echo >begun; waitfor file:never' p";
    for before in ["rm -f d.log", "echo FATAL of yesterday >d.log"] {
        let said = place.sh(&format!(
            "{before}; rm -f begun; {start} sh -c 'waitfor -q file:go; echo FATAL no disk >>d.log; exec sleep 60' & waitfor file:begun
             echo quiet >>d.log; mv d.log d.log.1; : >d.log; : >go; wait $!; echo $?; rm go"
        ));
        assert_eq!(said.stdout, "FATAL no disk\n1\n", "{said:?}");
        nothing_is_left(&place);
    }
}

/// `sh -c 'setup; daemon'` without `exec`: the shell is the claimant, and the daemon its child.
#[test]
fn the_children_of_a_shell_are_not_orphaned() {
    let place = place();
    let said = place.sh("pidfile claim -b --ready 'waitfor unix:socket; false' p sh -c 'demod --unix socket; :'");
    assert_eq!(said.code, 1, "{said:?}");
    nothing_is_left(&place);
    place.says("pidfile claim -b --ready 'waitfor unix:socket' p sh -c 'demod --unix socket; :'");
    let said = place.sh("pidfile stop --timeout 300ms p; echo $?; pidfile claim p true; echo $?; pidfile stop --kill-after 0 --kill-holders p; echo $?");
    assert_eq!(said.stdout, "124\n75\n137\n", "{said:?}");
    let named = said.stderr.lines().next().unwrap_or_default();
    assert!(
        named.starts_with("pidfile: stop p: the claim is still held by ") && named.contains("(demod --unix socket)")
    );
    nothing_is_left(&place);
}

#[test]
fn environment_and_descriptors_reach_the_daemon() {
    let place = place();
    place.says("exec 7>kept; COLOUR=red pidfile claim -b --keep-fd 7 --ready 'waitfor nonempty:kept' p sh -c 'echo $COLOUR $SIZE >&7; sleep 60'");
    assert_eq!(place.content("kept"), "red\n");
    place.says("pidfile stop --kill-after 0 p || :");
    place.says("exec 7>kept; pidfile claim -b --keep-fd 7 --ready 'waitfor nonempty:kept' p env SIZE=big sh -c 'echo $COLOUR $SIZE >&7; exec sleep 60'; pidfile stop p");
    assert_eq!(place.content("kept"), "big\n");
}
