//! Claims under competition, and what a reader may and may not see meanwhile.

use crate::common::place;
use nix::libc;
use racefree::claim::status::Status;
use racefree::process::procfs;
use std::sync::atomic::{AtomicBool, Ordering};
use tests::Steps;

#[test]
fn of_20_concurrent_claims_exactly_one_succeeds() {
    let place = place();
    for round in 0..50 {
        place.write("codes", "");
        place.says(
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                (pidfile claim --background p sleep 1000 2>/dev/null; echo $? >> codes) &
            done; wait",
        );
        let codes = place.content("codes");
        let count = |code: &str| codes.lines().filter(|line| *line == code).count();
        assert_eq!((count("0"), count("75")), (1, 19), "round {round}: {codes}");
        assert_eq!(place.still_running(), ["sleep 1000"], "round {round}");
        assert_eq!(place.says("ps -o args= -p $(pidfile read p)"), "sleep 1000\n", "round {round}");
        place.says("pidfile stop p");
    }
}

#[test]
fn a_reader_in_a_tight_loop_breaks_no_claim_and_never_sees_a_wrong_pid() {
    let place = place();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut held) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                if let Status::Held(claimant) = Status::of(&place.file("p")) {
                    // It may be gone by now, but never have been a stranger: only pidfile, and the `true` that it
                    // becomes, ever claim here.
                    let line = procfs::command_line(claimant.pid).unwrap_or_default();
                    let ours = line.is_empty() || line == "true" || line == "[true]" || line.contains("pidfile");
                    assert!(ours, "{} is {line}", claimant.pid);
                    held += 1;
                }
                reads += 1;
            }
            (reads, held)
        });
        let claims = (0..2000).map(|_| place.run(place.tool("pidfile").args(["claim", "p", "true"])));
        let failed: Vec<_> = claims.filter(|said| said.code != 0).collect();
        done.store(true, Ordering::Relaxed);
        assert!(failed.is_empty(), "{} of 2000 claims failed: {:?}", failed.len(), failed[0]);
        let (reads, held) = reader.join().expect("no wrong reading");
        assert!(reads > 2000 && held > 20, "only {reads} reads, of which {held} saw a claim");
    });
}

/// The window between flock and text: the file still has the last claimant's number, the lock is the next one's.
#[test]
fn a_claim_half_way_is_never_read_as_the_old_one() {
    let place = place();
    // A living stranger has the old number, as if it had been recycled.
    place.write("p", format!("{}\n", std::process::id()));
    let mut command = place.command("pidfile");
    command.args(["claim", "p", "sleep", "1000"]);
    let mut claimer = Steps::of(command);
    let stop = claimer.run_to(libc::SYS_pwrite64);
    // It owns its byte, which outweighs the text.
    assert_eq!(place.says("pidfile read p"), format!("{}\n", stop.pid));
    assert_eq!(place.sh("pidfile claim p true").code, 75);
    claimer.finish();
    assert_eq!(place.says("pidfile read p"), format!("{}\n", stop.pid));
}

/// As after `stop` has killed a daemon and the next claimer, which has waited for that, is first.
#[test]
fn a_stop_that_kills_spares_a_claim_half_way() {
    let place = place();
    place.write("p", "4000000\n");
    let mut command = place.command("pidfile");
    command.args(["claim", "p", "sleep", "1000"]);
    let mut claimer = Steps::of(command);
    claimer.run_to(libc::SYS_flock);
    // The restart lock is next, and its byte after that.
    let stop = claimer.run_to(libc::SYS_fcntl);
    assert_eq!(place.sh("pidfile read -q p").code, 2);
    assert_eq!(place.sh("pidfile stop --timeout 100ms --kill-after 0 --kill-holders p").code, 124);
    claimer.finish();
    assert_eq!(place.says("pidfile read p"), format!("{}\n", stop.pid));
}

#[test]
fn the_first_line_is_a_whole_number_at_every_step_of_a_claim() {
    let place = place();
    place.write("p", "4000000\n");
    let mut command = place.command("pidfile");
    command.args(["claim", "p", "sleep", "1000"]);
    let mut claimer = Steps::of(command);
    let mut seen = vec![];
    while claimer.step().is_some() {
        let line = place.content("p").lines().next().unwrap_or_default().to_owned();
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    let pid = place.says("pidfile read p");
    assert_eq!(seen, ["4000000", pid.trim()]);
}

/// The window between open and flock: the file that is locked is not the one that the path names any more.
#[test]
fn a_pid_file_replaced_under_a_claimer_is_noticed() {
    let place = place();
    place.write("p", "");
    let mut command = place.command("pidfile");
    command.args(["claim", "p", "true"]).stderr(std::process::Stdio::null());
    let mut claimer = Steps::of(command);
    claimer.run_to(libc::SYS_flock);
    place.says("rm p; pidfile claim --background p sleep 1000");
    assert_eq!(claimer.finish(), Some(75));
    assert_eq!(place.says("ps -o args= -p $(pidfile read p)"), "sleep 1000\n");
}

#[test]
fn workers_that_outlive_their_daemon_are_named() {
    let place = place();
    place.says("pidfile claim --background p sh -c 'sleep 1000 & wait'");
    place.wait_until("the worker runs", |place| place.still_running().contains(&"sleep 1000".into()));
    let said = place.sh("pid=$(pidfile read p); kill -9 $pid; while pidfile -q read p; do :; done; pidfile read p");
    assert_eq!((said.stdout.as_str(), said.code), ("", 2), "{said:?}");
    assert!(said.stderr.contains("is dead, but its lock is held by"), "{said:?}");
    assert!(said.stderr.contains("(sleep 1000)"), "{said:?}");
    assert_eq!(place.sh("pidfile claim p true").code, 75);
    assert_eq!(place.sh("pidfile stop --timeout 5s --kill-after 0 --kill-holders p").code, 137);
    assert_eq!(place.still_running(), Vec::<String>::new());
    assert_eq!(place.sh("pidfile claim p true").code, 0);
}

/// The worker has inherited the claim's descriptor, and with it the power to unlock the file and to write it.
#[test]
fn a_worker_that_unlocks_and_rewrites_the_file_lets_no_second_daemon_in() {
    let place = place();
    place.write(
        "worker",
        "for f in /proc/$$/fd/*; do if [ \"$(readlink $f)\" = \"$PWD/p\" ]; then n=${f##*/}; fi; done
        flock -u $n && printf 999999 >&$n && : >unlocked",
    );
    let said = place.sh("pidfile claim -b --ready 'waitfor file:unlocked' p sh -c 'sh worker; exec sleep 1000'
        flock -n p echo the flock is free; cat p; echo
        pidfile claim p echo a second daemon; echo $?
        [ $(ps -o comm= -p $(pidfile read p)) = sleep ] && echo the daemon is found; pidfile stop p; echo $?");
    assert_eq!(said.stdout, "the flock is free\n999999\n75\nthe daemon is found\n0\n", "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
}
