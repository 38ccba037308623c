//! `--while` and `--by`: the daemon itself, alive, and no stranger in its place.

use crate::common::{place, said, waitfor, waiting_for};
use nix::sys::signal::{Signal, kill};
use predicates::prelude::predicate;
use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use tests::{Background, Port, Said, web_server};

#[test]
fn a_process_that_must_live_ends_the_wait_with_its_end() {
    let place = place();
    let log = std::fs::File::create(place.file("log")).unwrap();
    let mut daemon = place.command("sleep").arg("60").stderr(log).spawn().unwrap();
    let alive = format!("pid:{}", daemon.id());
    let waiting = waiting_for(&place, &["--while", &alive, "file:f"]).until_it_says("No such file");
    daemon.kill().unwrap();
    assert_eq!(waiting.ended(), 3);
    let said = place.content("said");
    let log = place.file("log").canonicalize().unwrap();
    let obituary = format!("waitfor: {alive}: process {} has ended; its log is {}\n", daemon.id(), log.display());
    assert!(said.contains(&obituary), "{said}");
    daemon.wait().unwrap();
}

#[test]
fn a_process_that_never_lived_is_gone_already() {
    let place = place();
    place.write("p", "1\n");
    waitfor(&place, &["--while", "pidfile:p", "file:p"]).code(3).stderr("waitfor: pidfile:p: it is not running\n");
}

/// Whoever ends a start ends its check first, and then the daemon: the check has nothing to say of the daemon's end.
#[test]
fn a_request_to_end_comes_before_the_news_that_the_process_is_gone() {
    let place = place();
    let mut daemon = place.command("sleep").arg("60").spawn().unwrap();
    let waiting = Background::of(&place, "waitfor", &["--while", &format!("pid:{}", daemon.id()), "file:f"]);
    // A stopped process takes both pieces of news at once when it continues.
    kill(waiting.pid(), Signal::SIGSTOP).unwrap();
    kill(waiting.pid(), Signal::SIGTERM).unwrap();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    kill(waiting.pid(), Signal::SIGCONT).unwrap();
    assert_eq!((waiting.ended(), place.content("said").as_str()), (143, ""));
}

#[test]
fn ready_means_ready_and_alive() {
    let place = place();
    let mut daemon = place.command("sleep").arg("60").spawn().unwrap();
    // The target answers only by ending the process.
    let target =
        format!("exec:kill -9 {0}; while kill -0 {0} && ! grep -q ') Z' /proc/{0}/stat; do :; done", daemon.id());
    waitfor(&place, &["--while", &format!("pid:{}", daemon.id()), &target]).code(3);
    daemon.wait().unwrap();
}

#[test]
fn a_stranger_on_the_port_is_not_our_daemon() {
    let (place, port, web) = (place(), Port::listening(), web_server("HTTP/1.1 204 No Content\r\n\r\n"));
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    let mut daemon = place.command("sleep").arg("60").spawn().unwrap();
    let (us, parent) = (format!("pid:{}", std::process::id()), format!("pid:{}", std::os::unix::process::parent_id()));
    let other = format!("pid:{}", daemon.id());
    let stranger = format!("a stranger answers: {} (", std::process::id());
    for target in [
        port.to_string(),
        format!("listen:{}", port.number()),
        format!("listen:{port}"),
        format!("http://127.0.0.1:{web}/"),
        "unix:s".into(),
    ] {
        for own in [&us, &parent] {
            assert_eq!(said(&place, &["--by", own, &target]), Said::SILENT_SUCCESS, "{target}");
        }
        waitfor(&place, &["-t0", "--attempt", "10s", "--by", &other, &target])
            .code(124)
            .stderr(predicate::str::starts_with(format!("waitfor: {target}: {stranger}")));
        let said = said(&place, &["-t0", "--attempt", "10s", "--by", "pidfile:nowhere", &target]);
        assert_eq!(said.without_times(), format!("waitfor: {target}: pidfile:nowhere is not running"));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

/// As in a container whose seccomp filter knows no sock_diag, or under a kernel without it: played by strace(1).
#[test]
fn where_the_kernel_may_not_be_asked_who_listens_proc_tells() {
    if !tests::needs("strace", "strace") {
        return;
    }
    let (place, port, nobody) = (place(), Port::listening(), Port::reserved());
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    let (us, other) = (std::process::id(), place.command("sleep").arg("60").spawn().unwrap().id());
    let unasked =
        "strace -f -qq -o trace -e trace=socket,sendto -e inject=sendto:error=EPERM waitfor -t 0 --attempt 10s";
    for (arguments, why) in [
        (format!("listen:{} listen:{port}", port.number()), None),
        (format!("--by pid:{us} listen:{port} tcp:{port} unix:s"), None),
        (format!("listen:{nobody}"), Some("nobody listens on it".to_owned())),
        (format!("--by pid:{other} tcp:{port}"), Some(format!("a stranger answers: {us} ("))),
        (format!("--by pid:{other} unix:s"), Some(format!("a stranger answers: {us} ("))),
    ] {
        let said = place.sh(&format!("{unasked} {arguments}"));
        assert!(place.content("trace").contains("(INJECTED)"), "{arguments}");
        assert_eq!(said.code, if why.is_some() { 124 } else { 0 }, "{said:?}");
        assert!(said.stderr.contains(why.as_deref().unwrap_or_default()), "{said:?}");
    }
}

/// A stranger whose queue is short and who never accepts: each connection would keep a place in it.
#[test]
fn a_stranger_is_not_even_connected_to() {
    let place = place();
    let mut daemon = place.command("sleep").arg("60").spawn().unwrap();
    let by = format!("pid:{}", daemon.id());
    let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
    let other = UnixListener::bind(place.file("s")).unwrap();
    let (address, url) = (stranger.local_addr().unwrap(), format!("http://{}/", stranger.local_addr().unwrap()));
    for target in [&*address.to_string(), "unix:s", &url] {
        let said = said(&place, &["--by", &by, "-t", "100ms", target]);
        assert!(said.code == 124 && said.stderr.contains(": a stranger answers: "), "{said:?}");
    }
    stranger.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    assert_eq!(stranger.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(other.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let own = format!("pid:{}", std::process::id());
    waitfor(&place, &["--by", &own, &address.to_string(), "unix:s"]).success();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

/// The kernel keeps signals of default action from PID 1, and a container's first program is often a wait.
#[test]
fn a_wait_that_is_pid_1_of_a_container_ends_by_the_signals_that_end_every_other() {
    if !tests::needs_root() || !tests::needs("unshare", "util-linux") || !tests::needs("pgrep", "procps") {
        return;
    }
    // A shell lets its background jobs ignore INT and QUIT.
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let place = place();
        let said = place.sh(&format!(
            "unshare -pf --mount-proc waitfor -v file:nowhere 2>said & waitfor 'exec:grep -q such said'
             kill -{signal} $(pgrep -P $!); wait $!; echo $?"
        ));
        assert_eq!(said.stdout, format!("{code}\n"), "{said:?}");
    }
    // COMMAND begins with the default actions.
    let signals = "grep -E ^SigCgt /proc/self/status";
    let said = place().sh(&format!("unshare -pf --mount-proc waitfor exec:true -- {signals}; {signals}"));
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[0] == lines[1], "{said:?}");
}

/// Each try leaves a shell and two sleeps without a parent, and PID 1 gets them.
#[test]
fn a_wait_that_is_pid_1_reaps_what_its_commands_leave() {
    if !tests::needs_root() || !tests::needs("unshare", "util-linux") || !tests::needs("ps", "procps") {
        return;
    }
    let place = place();
    let command = "exec:ps -e -o stat= | grep -c ^Z >> zombies; sleep 60 & sleep 60";
    place.sh(&format!("unshare -pf --mount-proc waitfor -t 5s --attempt 150ms '{command}' 2>said"));
    let zombies: Vec<usize> = place.content("zombies").lines().filter_map(|line| line.parse().ok()).collect();
    assert!(zombies.len() >= 5 && zombies.iter().all(|&seen| seen <= 6), "{zombies:?}");
}
