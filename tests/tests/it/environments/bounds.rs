//! A thousand of each: nothing grows with time or number but what must.

use crate::common::place_for_all;
use std::fs;
use std::sync::Mutex;
use std::time::Duration;
use tests::{needs, needs_root};

/// How many of the thousand: all by hand (`BOUNDS=1000`), some in the standing suite.
fn many() -> usize {
    std::env::var("BOUNDS").ok().and_then(|many| many.parse().ok()).unwrap_or(200)
}

/// A user's inotify instances are few (128): tests that use them up, or need one, come one after another.
static INOTIFY: Mutex<()> = Mutex::new(());

/// A number in /proc/PID/status, such as `VmRSS` in kB; 0 of a process that has just ended.
fn status(pid: u32, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).expect("a living process").count()
}

#[test]
fn many_daemons_are_claimed_at_once_and_read_in_one_table() {
    let (place, many) = (place_for_all(), many());
    place.says(&format!("seq -f p%g {many} | xargs -P 8 -I {{}} pidfile claim -b {{}} sleep 1000"));
    let table = place.says(&format!("pidfile read --table $(seq -f p%g {many})"));
    assert_eq!(table.lines().filter(|line| line.contains(" held ") && line.ends_with(" sleep 1000")).count(), many);
    assert_eq!(place.sh(&format!("pidfile read -q $(seq -f p%g {many})")).code, 0);
    // All are stopped side by side, under the usual limit of descriptors.
    place.says(&format!("ulimit -n 4096; pidfile stop $(seq -f p%g {many})"));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn many_wait_for_a_lock_asleep_and_each_gets_it_once() {
    let (place, many) = (place_for_all(), many());
    place.says("mkfifo go; withlock l cat go & until ! flock -n l true; do :; done");
    place.says(&format!(
        "for i in $(seq {many}); do withlock l sh -c 'echo x >>got' & done
         inode=$(stat -c %i l); until test $(grep -c -- \"-> FLOCK.*:$inode \" /proc/locks) = {many}; do :; done"
    ));
    place.says("echo >go");
    place.wait_until("all had it", |place| {
        fs::read_to_string(place.file("got")).is_ok_and(|got| got.lines().count() == many)
    });
}

/// 24 hours of waiting are as many wake-ups as a second of it: none.
#[test]
fn a_wait_for_what_the_kernel_announces_costs_no_wake_up() {
    let _alone = INOTIFY.lock();
    let place = place_for_all();
    place.says("pidfile claim -b p sleep 1000; : >log; flock l sleep 1000 & until ! flock -n l true; do :; done");
    let pid = place.content("p");
    for words in [
        &["waitfor", "-t", "none", "file:absent"][..],
        &["waitfor", "-t", "none", "--down", "pidfile:p"],
        &["waitfor", "-t", "none", "--down", &format!("pid:{}", pid.trim())],
        &["withlock", "l", "true"],
        &["withlock", "other", "sleep", "1000"],
        &["logwatch", "-e", "ERROR", "log", "--", "sleep", "1000"],
    ] {
        let mut waiting = place.command(words[0]).args(&words[1..]).spawn().expect("our own program");
        let wakes = || status(waiting.id(), "voluntary_ctxt_switches");
        // At rest: the first steps are over when nothing has happened for a while.
        let mut before = wakes();
        for second in 0.. {
            std::thread::sleep(Duration::from_millis(1500));
            let now = wakes();
            if now == before {
                break;
            }
            assert!(second < 12, "{words:?}: {} wake-ups in 1.5 s", now - before);
            before = now;
        }
        waiting.kill().and_then(|()| waiting.wait()).expect("our own child");
    }
}

#[test]
fn many_targets_and_many_logs_are_watched_by_one_process_each() {
    let _alone = INOTIFY.lock();
    let (place, many) = (place_for_all(), many());
    place.says(&format!("mkdir t; for i in $(seq {many}); do echo well >t/$i; done"));
    let targets: Vec<String> = (1..=many).map(|i| format!("file:t/{i}")).collect();
    let said = place.run(place.tool("waitfor").args(["-t", "20"]).args(&targets));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let logs: Vec<String> = (1..=many).map(|i| format!("t/{i}")).collect();
    let mut command = place.command("logwatch");
    command.args(["-e", "ERROR"]).args(&logs).stdout(fs::File::create(place.file("out")).expect("our own"));
    let mut watching = command.spawn().expect("our own program");
    let (mut said, mut memory) = (None, 0);
    place.wait_until("the last log's line is seen", |place| {
        memory = status(watching.id(), "VmRSS").max(memory);
        place.says(&format!("echo ERROR >>t/{many}"));
        said = watching.try_wait().expect("our own child");
        said.is_some()
    });
    assert_eq!(said.and_then(|status| status.code()), Some(1));
    assert!(place.content("out").contains("ERROR"));
    assert!(memory < 100_000, "{memory} kB");
}

/// The full number by hand: `ROTATIONS=100000`.
#[test]
fn rotation_after_rotation_leaves_descriptors_and_memory_as_they_were() {
    let _alone = INOTIFY.lock();
    let place = place_for_all();
    let rotations = std::env::var("ROTATIONS").ok().and_then(|many| many.parse().ok()).unwrap_or(2000);
    place.write("log", "");
    let mut command = place.command("logwatch");
    command.args(["-e", "ERROR", "log"]).stdout(fs::File::create(place.file("out")).expect("our own"));
    let mut watching = command.spawn().expect("our own program");
    let rotate = |count: usize| {
        for _ in 0..count {
            fs::write(place.file("new"), "a line\n").expect("our own");
            fs::rename(place.file("log"), place.file("log.1")).expect("our own");
            fs::rename(place.file("new"), place.file("log")).expect("our own");
        }
        // It comes to rest.
        let fds = || descriptors(watching.id());
        place.wait_until("it has let go of the old files", |_| fds() < 20);
        status(watching.id(), "VmRSS")
    };
    let early = rotate(rotations / 4);
    let late = rotate(rotations - rotations / 4);
    assert!(late < early + 2000, "{early} kB, then {late} kB");
    assert!(watching.try_wait().expect("our own child").is_none());
    place.says("echo ERROR >>log");
    assert_eq!(watching.wait().expect("our own child").code(), Some(1));
}

#[test]
fn where_inotify_gives_nothing_waits_and_logs_go_on() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    // The limits of a user namespace of its own: those in /proc/sys/fs/inotify are the whole machine's.
    for limit in ["max_inotify_instances", "max_inotify_watches"] {
        let place = place_for_all();
        place.write(
            "script",
            format!(
                "echo 0 >/proc/sys/user/{limit} || exit 99
                 waitfor -t 20 file:$PWD/there & waiting=$!; logwatch -e ERROR log & watching=$!
                 (while kill -0 $watching; do echo ERROR >>log; done) 2>/dev/null & : >there
                 wait $waiting; echo wait $?; wait $watching; echo log $?"
            ),
        );
        let said = place.sh("exec unshare -Ur --mount-proc -pf --kill-child sh script | grep -v ERROR");
        assert_eq!(said.stdout, "wait 0\nlog 1\n", "{limit}: {said:?}");
    }
}

#[test]
fn where_descriptors_run_out_it_is_said_and_nothing_is_left() {
    let _alone = INOTIFY.lock();
    let place = place_for_all();
    for call in [
        "pidfile claim p true",
        "pidfile claim -b --ready true p true",
        "withlock l true",
        "waitfor -t 1 file:.",
        "logwatch -e x log -- true",
    ] {
        let mut refused = 0;
        for limit in 4..16 {
            let said = place.sh(&format!("ulimit -n {limit}; exec {call}"));
            let loader = said.stderr.contains("error while loading shared libraries");
            let succeeded = said.code == 0 || call.contains("-b") && said.code == 3;
            let refusal = matches!(said.code, 124..=127) && said.stderr.contains("Too many open files");
            assert!(loader || succeeded || refusal, "{call}, {limit} descriptors: {said:?}");
            assert_eq!(place.still_running(), Vec::<String>::new(), "{call}");
            refused += usize::from(refusal);
        }
        // These need no more than the loader does.
        assert!(
            refused > 0 || call == "pidfile claim p true" || call == "waitfor -t 1 file:.",
            "{call} is never short of descriptors"
        );
    }
    place.says("pidfile claim p true; withlock -n l true");
}
