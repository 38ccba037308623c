//! What `waitfor` promises at the prompt, whatever it waits for.

use crate::common::{place, said, waitfor, waiting_for};
use predicates::prelude::predicate;
use std::os::unix::net::UnixListener;
use tests::{Port, Said};

#[test]
fn what_is_ready_is_ready_in_silence() {
    let place = place();
    let port = Port::listening();
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    place.write("f", "");
    let pid = std::process::id();
    for target in [
        format!("tcp:{port}"),
        port.to_string(),
        format!("localhost:{}", port.number()),
        "unix:s".into(),
        "file:f".into(),
        format!("pid:{pid}"),
        "exec:echo to be heard by nobody".into(),
    ] {
        for timeout in ["0", "30s", "none"] {
            assert_eq!(said(&place, &["-t", timeout, &target]), Said::SILENT_SUCCESS, "{target}");
        }
    }
}

#[test]
fn all_targets_are_awaited_at_once() {
    let (place, port) = (place(), Port::reserved());
    let address = port.to_string();
    let waiting = waiting_for(&place, &["file:a", &address, "exec:test -e b"]);
    let waiting = waiting.until_it_says("No such file").until_it_says("refused").until_it_says("exited with status 1");
    place.write("b", "");
    port.listen();
    let waiting =
        waiting.until_it_says("exec:test -e b: exited with status 0").until_it_says(&format!("{address}: it answers"));
    place.write("a", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_target_that_hangs_does_not_hold_up_the_others() {
    let place = place();
    let waiting = waiting_for(&place, &["--attempt", "50s", "exec:until test -e g; do sleep 0.01; done", "file:f"]);
    let waiting = waiting.until_it_says("No such file");
    place.write("f", "");
    let waiting = waiting.until_it_says("file:f: it is there");
    place.write("g", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn when_time_runs_out_each_target_that_was_not_ready_has_a_line() {
    let (place, port) = (place(), Port::reserved());
    place.write("there", "");
    let address = port.to_string();
    let said = said(&place, &["-t", "100ms", &address, "file:there", "file:nowhere/x"]);
    assert_eq!((said.code, said.stdout.as_str()), (124, ""));
    let expected =
        format!("waitfor: {address}: Connection refused\nwaitfor: file:nowhere/x: No such file or directory");
    assert_eq!(said.without_times(), expected);
    assert!(said.stderr.contains(" tries in "), "{said:?}");
}

#[test]
fn each_change_of_the_reason_is_told_with_its_time_where_more_is_asked_for() {
    let place = place();
    let waiting = waiting_for(&place, &["nonempty:f"]).until_it_says("No such file");
    place.write("f", "");
    let waiting = waiting.until_it_says("it is empty");
    place.write("f", "x");
    assert_eq!(waiting.ended(), 0);
    let said = Said { stderr: place.content("said"), ..Said::SILENT_SUCCESS };
    let lines = ["No such file or directory", "it is empty", "it is there, and not empty"]
        .map(|why| format!("waitfor: nonempty:f: {why}"));
    assert_eq!(said.without_times(), lines.join("\n"));
    assert!(said.stderr.lines().all(|line| line.ends_with(" ms)") || line.ends_with(" s)")), "{said:?}");
}

#[test]
fn the_last_pause_is_cut_to_the_deadline_and_one_more_try_made_at_it() {
    let place = place();
    waitfor(&place, &["-t", "200ms", "--interval", "1h", "exec:test -e f"])
        .code(124)
        .stderr(predicate::str::contains(" (2 tries in "));
}

#[test]
fn the_pause_is_fixed_where_an_interval_is_asked_for() {
    let place = place();
    waitfor(&place, &["-t", "250ms", "--interval", "100ms", "exec:echo >> tried; false"]).code(124);
    // At 0, 100 and 200 ms, and at the deadline; fewer on a machine that is busy.
    let tries = place.content("tried").lines().count();
    assert!((2..=4).contains(&tries), "{tries}");
}

#[test]
fn one_of_several_is_enough_where_any_is_asked_for() {
    let place = place();
    place.write("f", "");
    waitfor(&place, &["--any", "file:nowhere", "file:f"]).success().stdout("").stderr("");
    let said = said(&place, &["-t0", "--any", "file:nowhere", "file:here"]);
    assert_eq!((said.code, said.stderr.lines().count()), (124, 2));
}

#[test]
fn the_end_is_awaited_with_down() {
    let (place, port) = (place(), Port::listening());
    let _refuses = Port::reserved();
    let socket = UnixListener::bind(place.file("s")).unwrap();
    place.write("f", "");
    let mut process = place.command("sleep").arg("60").spawn().unwrap();
    let (address, pid) = (port.to_string(), format!("pid:{}", process.id()));
    for (target, still) in [
        (&*address, "it still answers".to_owned()),
        ("unix:s", "it still answers".into()),
        ("file:f", "it is still there".into()),
        (&pid, format!("{} (sleep 60) is still alive", process.id())),
        ("exec:true", "it still exits with status 0".into()),
        ("dns:localhost", "it still has an address".into()),
    ] {
        let said = said(&place, &["--down", "-t0", target]);
        assert_eq!((said.code, said.without_times()), (124, format!("waitfor: {target}: {still}")));
    }
    let waiting = waiting_for(&place, &["--down", &address, "unix:s", "file:f", &pid, "exec:test -e f"]);
    let waiting =
        waiting.until_it_says(&format!("{pid}: it is alive")).until_it_says("exec:test -e f: exited with status 0");
    drop((port, socket));
    process.kill().unwrap();
    std::fs::remove_file(place.file("f")).unwrap();
    assert_eq!(waiting.ended(), 0);
    process.wait().unwrap();
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let place = place();
    for arguments in [
        &[][..],
        &["nonsense"],
        &["ftp://host/"],
        &["udp:host:0"],
        &["host:0"],
        &["host:99999"],
        &["::1:80"],
        &["pid:0"],
        &["pid:-1"],
        &["file:"],
        &["-t", "soon", "file:f"],
        &["-t", "-1", "file:f"],
        &["--while", "123", "file:f"],
        &["--", "true"],
        &["--expect", "(", "host:1"],
        &["--send", "\\q", "host:1"],
        &["--match", "(", "http://host/"],
        &["--status", "2xx", "http://host/"],
        &["--header", "nonsense", "http://host/"],
        &["http://host:99999/"],
        &["http:///"],
        &["--stable", "1m", "file:f"],
        &["--down", "--expect", "x", "host:1"],
    ] {
        let said = said(&place, arguments);
        assert_eq!((said.code, said.stdout.as_str()), (64, ""), "{arguments:?}: {said:?}");
        assert!(said.stderr.starts_with("waitfor: "), "{said:?}");
    }
}

#[test]
fn a_terminal_shows_what_is_awaited_and_is_left_as_it_was() {
    if !tests::needs("script", "bsdutils") {
        return;
    }
    let place = place();
    let shown = place.sh("script -qefc 'waitfor -t 1.5s file:nowhere' typescript > /dev/null; echo $?");
    assert_eq!(shown.stdout, "124\n");
    let typescript = place.content("typescript");
    let line = "\r\x1b[K\x1b[2mwaitfor: waiting for file:nowhere: No such file or directory (1.";
    let then = " s)\x1b[0m\r\x1b[Kwaitfor: file:nowhere: No such file or directory (2 tries in ";
    assert!(typescript.contains(line) && typescript.contains(then), "{typescript:?}");
    place.sh("NO_COLOR=1 script -qefc 'waitfor -t 1.5s file:nowhere' typescript > /dev/null");
    assert!(!place.content("typescript").contains("\x1b[2m"));
    place.sh("script -qefc 'waitfor -q -t 1.5s file:nowhere' typescript > /dev/null");
    assert!(!place.content("typescript").contains("\x1b"));
}
