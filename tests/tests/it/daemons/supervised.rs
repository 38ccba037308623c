//! A supervisor and its command, looked at between their steps and killed there.

use crate::common::place;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tests::{Place, Steps};

/// A supervisor held after the exec of its command and before the record lock by which it vouches for it.
fn before_it_vouches(place: &Place, command: &[&str]) -> Steps {
    let mut supervisor = place.command("pidfile");
    supervisor.args(["claim", "--supervise", "p"]).args(command).stderr(std::process::Stdio::null());
    let mut supervisor = Steps::of(supervisor);
    loop {
        let stop = supervisor.run_to(libc::SYS_fcntl);
        if stop.arguments[1] == libc::F_SETLK as u64 {
            return supervisor;
        }
    }
}

fn evidence(place: &Place) -> String {
    place.sh(r#"pidfile read --json p | grep -o '"state":"[a-z]*"\|"evidence":"[a-z]*"'"#).stdout
}

#[test]
fn a_supervised_command_is_known_before_its_supervisor_vouches_for_it() {
    let place = place();
    let supervisor = before_it_vouches(&place, &["sleep", "1000"]);
    place.wait_until("it is sleep", |place| place.still_running().contains(&"sleep 1000".into()));
    assert_eq!(evidence(&place), "\"state\":\"held\"\n\"evidence\":\"descriptor\"\n");
    assert_eq!(place.says("ps -o args= -p $(pidfile read p)"), "sleep 1000\n");
    assert_eq!(place.sh("pidfile claim p true").code, 75);
    assert_eq!(place.sh("pidfile signal TERM p").code, 0);
    assert_eq!(supervisor.finish(), Some(128 + libc::SIGTERM));
}

#[test]
fn a_claim_that_is_put_back_at_its_path_is_not_read_by_its_supervisor() {
    let place = place();
    let mut supervisor = before_it_vouches(&place, &["sleep", "1000"]);
    // The poll of one descriptor asks whether a process has ended.
    let until_it_waits = |supervisor: &mut Steps| while supervisor.run_to(libc::SYS_ppoll).arguments[1] == 1 {};
    until_it_waits(&mut supervisor);
    place.says("mv p claimed; echo 1 >p");
    supervisor.run_to(libc::SYS_openat2);
    place.says("mv claimed p");
    until_it_waits(&mut supervisor);
    assert_eq!(evidence(&place), "\"state\":\"held\"\n\"evidence\":\"vouched\"\n");
    assert_eq!(place.sh("pidfile signal TERM p").code, 0);
    assert_eq!(supervisor.finish(), Some(128 + libc::SIGTERM));
}

/// Nobody can say that this one is the claimant, so nobody signals it: and nobody else can start.
#[test]
fn a_command_that_closes_everything_is_unknown_until_its_supervisor_vouches_for_it() {
    let place = place();
    let supervisor = before_it_vouches(&place, &["demod", "--close-descriptors", "--unix", "socket"]);
    place.wait_until("it listens", |place| place.file("socket").exists());
    assert_eq!(evidence(&place), "\"state\":\"unknown\"\n");
    assert_eq!(place.sh("pidfile signal KILL p").code, 4);
    assert_eq!(place.sh("pidfile claim p true").code, 75);
    let mut daemon = place.command("sh");
    daemon.args(["-c", "until pidfile stop p; do :; done"]);
    let mut daemon = daemon.spawn().expect("a shell");
    assert_eq!(supervisor.finish(), Some(0), "it ends as demod ends on TERM");
    assert!(daemon.wait().expect("our own child").success());
}

#[test]
fn a_supervisor_killed_before_it_vouches_takes_its_command_along() {
    let place = place();
    before_it_vouches(&place, &["sleep", "1000"]).kill();
    place.wait_until("sleep has ended", |place| place.still_running().is_empty());
    assert_eq!(place.sh("pidfile claim p true").code, 0);
}

/// The window of a killed supervisor: it is gone, and its command, which is to die of that, is not yet.
#[test]
fn the_claim_of_a_killed_supervisor_is_not_free_before_its_command_is_gone() {
    let place = place();
    place.says("pidfile claim -b --supervise p sleep 1000");
    let number = |script: &str| Pid::from_raw(place.says(script).trim().parse().expect("a number"));
    let daemon = number("pidfile read p");
    let supervisor = number("grep PPid /proc/$(pidfile read p)/status | cut -f2");
    // Its death is held in the moment before it closes its descriptors.
    ptrace::seize(daemon, Options::PTRACE_O_TRACEEXIT).expect("our own descendant");
    kill(supervisor, Signal::SIGKILL).expect("our own descendant");
    let stopped = waitpid(daemon, Some(WaitPidFlag::__WALL)).expect("our own tracee");
    assert!(matches!(stopped, WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXIT)), "{stopped:?}");
    place.wait_until("the supervisor is gone", |_| kill(supervisor, None).is_err());
    let said = place.sh("pidfile claim p true");
    assert_eq!(said.code, 75, "{said:?}");
    ptrace::detach(daemon, None).expect("our own tracee");
    place.says("pidfile claim --wait 30s p true");
}
