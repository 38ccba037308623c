//! Every system call failing: after each, nothing is left held or half-started, the answer is true, and there is one.
//!
//! The sample of the standing suite lets each call fail in one way. `RACEFREE_FAULTS=all cargo test -p tests
//! faults::` tries each call with each error.

use crate::common::place;
use nix::errno::Errno;
use nix::libc;
use std::cell::Cell;
use std::fs::File;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use tests::{Place, Steps, Stop, free_port};

/// What a call fails with.
const ERRORS: [Errno; 7] =
    [Errno::EINTR, Errno::EIO, Errno::ENOSPC, Errno::EMFILE, Errno::ENOMEM, Errno::EACCES, Errno::EAGAIN];

/// Calls that never fail, whatever the machine is short of; whoever makes them does not look. (close(2) may say that
/// it failed; it has closed the descriptor all the same, which skipping the call would not.)
const CANNOT_FAIL: [i64; 20] = [
    libc::SYS_brk,
    libc::SYS_close,
    libc::SYS_getrandom,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getpgrp,
    libc::SYS_umask,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
];

/// What memory is made of. Rust ends a program that gets none by SIGABRT, with a word.
const MEMORY: [i64; 5] = [libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect, libc::SYS_madvise];

/// Hearing from a child that was just started (recv(2)) fails in one way at most; Rust takes any other for a mistake in
/// the program, and panics.
fn can_fail(call: i64, errno: Errno) -> bool {
    !CANNOT_FAIL.contains(&call) && (call != libc::SYS_recvfrom || errno == Errno::EINTR)
}

/// What came of one run in which one call failed.
#[derive(Debug)]
#[expect(dead_code, reason = "a failed test shows all of it")]
struct After {
    /// Which call, counted from the first.
    at: usize,
    call: i64,
    /// Whether the call asked for a lock.
    asked_for_a_lock: bool,
    errno: Errno,
    stdout: String,
    stderr: String,
    code: i32,
}

struct Faults<'a> {
    place: &'a Place,
    /// Brings the place to where each run begins.
    before: &'a str,
    words: &'a [&'a str],
    /// How it ends when no call fails.
    undisturbed: i32,
    /// The codes that say what a failure of the machine is; 0 is judged by the test.
    codes: &'a [i32],
    /// The call that failed last.
    last: Cell<i64>,
}

impl<'a> Faults<'a> {
    fn of(place: &'a Place, before: &'a str, words: &'a [&'a str], undisturbed: i32, codes: &'a [i32]) -> Faults<'a> {
        Faults { place, before, words, undisturbed, codes, last: Cell::new(0) }
    }

    /// Runs the words again and again, each time with one call failing, and checks after each.
    fn each(&self, check: impl Fn(&After)) {
        let whole = std::env::var("RACEFREE_FAULTS").is_ok_and(|wish| wish == "all");
        let (runtime, mut tried, mut wrong) = (self.runtime_calls(), 0, 0);
        let (all, undisturbed) = self.whole();
        check(&undisturbed);
        let ours = all.saturating_sub(runtime);
        // A program that looks through /proc makes thousands of calls that are all alike.
        let stride = ours / if whole { 500 } else { 20 } + 1;
        // The errors take turns; 7 and the stride may have a factor in common.
        for (turn, at) in (runtime + 1..).step_by(stride).enumerate() {
            let errors = if whole { &ERRORS[..] } else { &ERRORS[turn % 7..=turn % 7] };
            for &errno in errors {
                let outcome = catch_unwind(AssertUnwindSafe(|| {
                    let after = self.one(at, errno)?;
                    self.check(&after);
                    check(&after);
                    Some(can_fail(after.call, errno))
                }));
                match outcome {
                    Ok(None) => return self.report(tried, ours, stride, wrong),
                    Ok(Some(true)) => tried += 1,
                    Ok(Some(false)) => break,
                    Err(_) => {
                        println!("^ call {at}, {}, {errno}: {}", self.last.get(), self.words.join(" "));
                        wrong += 1;
                        self.place.kill_all();
                    }
                }
            }
        }
    }

    fn report(&self, tried: usize, calls: usize, stride: usize, wrong: usize) {
        println!("{tried} points: {calls} calls, of {stride} one: {}", self.words.join(" "));
        assert!(tried > 3, "only {tried} points");
        assert_eq!(wrong, 0, "of {tried} points");
    }

    /// How many calls the loader and the Rust runtime make before `main`. Where one of them fails there is nobody yet
    /// who could say so in a civil way.
    fn runtime_calls(&self) -> usize {
        let mut command = self.place.command(self.words[0]);
        command.arg("--version").stdout(Stdio::null());
        let mut program = Steps::of(command);
        let mut calls = 0;
        while let Some(stop) = program.step() {
            if stop.call == libc::SYS_write {
                break;
            }
            calls += 1;
        }
        program.finish();
        calls
    }

    fn begin(&self) -> Steps {
        self.place.says(self.before);
        let open = |name: &str| File::create(self.place.file(name)).expect("a file in our own directory");
        let mut command = self.place.command("sh");
        // A limit that is cheap to count up to, should close_range(2) fail.
        command.env("RUST_BACKTRACE", "0").args(["-c", "ulimit -n 256; exec \"$@\"", "sh"]).args(self.words);
        command.stdout(open(".stdout")).stderr(open(".stderr"));
        Steps::through_a_shell(command)
    }

    /// A run in which no call fails, and how many it makes. A test of one that fails by itself would show nothing.
    fn whole(&self) -> (usize, After) {
        let mut program = self.begin();
        let mut calls = 0;
        while program.step().is_some() {
            calls += 1;
        }
        let code = program.end();
        let (stdout, stderr) = (self.place.content(".stdout"), self.place.content(".stderr"));
        assert_eq!(code, self.undisturbed, "no call failed: {stderr}");
        let errno = Errno::UnknownErrno;
        (calls, After { at: 0, call: 0, asked_for_a_lock: false, errno, stdout, stderr, code })
    }

    /// A run whose `at`th call fails; nothing, if there was no such call.
    fn one(&self, at: usize, errno: Errno) -> Option<After> {
        let mut program = self.begin();
        let mut held = None;
        for _ in 0..at {
            held = program.step();
            if held.is_none() {
                break;
            }
        }
        let Some(stop) = held else {
            program.end();
            return None;
        };
        let Stop { call, .. } = stop;
        self.last.set(call);
        if can_fail(call, errno) {
            program.fail(errno);
        }
        let code = program.end();
        let (stdout, stderr) = (self.place.content(".stdout"), self.place.content(".stderr"));
        Some(After { at, call, asked_for_a_lock: stop.asks_for_a_lock(), errno, stdout, stderr, code })
    }

    /// What holds for all.
    fn check(&self, after: &After) {
        // "Busy" is a lie unless a lock was refused as if another had it.
        let busy = after.code == 75 && after.asked_for_a_lock && [Errno::EAGAIN, Errno::EACCES].contains(&after.errno);
        let out_of_memory = MEMORY.contains(&after.call) && after.code == 134 && !after.stderr.is_empty();
        assert!(
            after.code == 0 || self.codes.contains(&after.code) || busy || out_of_memory,
            "not in the contract: {after:?}"
        );
        let could_not_say = after.call == libc::SYS_write && after.errno != Errno::EINTR;
        let name = format!("{}: ", self.words[0]);
        let said = after.stderr.starts_with(&name) || out_of_memory || could_not_say;
        assert!(after.code <= 1 || said, "no message: {after:?}");
    }
}

/// Nothing of a start is left, and the next one works.
fn nothing_is_left(place: &Place, after: &After) {
    assert_eq!(place.still_running(), Vec::<String>::new(), "{after:?}");
    let said = place.sh("pidfile -q read p; [ $? != 0 ] && pidfile claim p true && withlock -n l true");
    assert_eq!(said.code, 0, "{after:?}: {said:?}");
}

/// What the machine's failures may end a start as: failed, not executable.
const OF_A_START: [i32; 3] = [125, 126, 127];

#[test]
fn a_claim_in_which_a_call_fails_is_whole_or_nothing() {
    let place = place();
    let words = ["pidfile", "claim", "p", "touch", "ran"];
    let faults = Faults::of(&place, "rm -f ran", &words, 0, &OF_A_START);
    faults.each(|after| {
        assert_eq!(place.file("ran").exists(), after.code == 0, "{after:?}");
        nothing_is_left(&place, after);
    });
}

#[test]
fn a_supervised_claim_in_which_a_call_fails_leaves_nothing() {
    let place = place();
    let words = ["pidfile", "claim", "--supervise", "p", "touch", "ran"];
    let faults = Faults::of(&place, "rm -f ran", &words, 0, &OF_A_START);
    faults.each(|after| {
        assert!(place.file("ran").exists() || after.code != 0, "{after:?}");
        nothing_is_left(&place, after);
    });
}

#[test]
fn a_lock_in_which_a_call_fails_is_free_again() {
    let place = place();
    for words in [&["withlock", "l", "touch", "ran"][..], &["withlock", "-F", "l", "touch", "ran"]] {
        let faults = Faults::of(&place, "rm -f ran", words, 0, &OF_A_START);
        faults.each(|after| {
            assert!(place.file("ran").exists() || after.code != 0, "{after:?}");
            // COMMAND keeps its lock to its end, whatever becomes of withlock.
            place.wait_until("the command has ended", |place| place.still_running().is_empty());
            nothing_is_left(&place, after);
        });
    }
}

/// Descriptors of a process, as /proc shows them.
fn open_files(place: &Place, pid: &str) -> Vec<String> {
    let here = format!("{}/", place.path().display());
    let entries = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|link| link.to_string_lossy().replace(&here, ""))
        .collect();
    names.sort();
    names
}

/// Success is a daemon that runs, is named, and has the descriptors it is to have; a failure is nothing.
fn a_daemon_or_nothing(place: &Place, after: &After) {
    if after.code == 0 {
        let pid = place.says("pidfile read p");
        // The fork of a shell is one for a moment.
        place.wait_until("it is the daemon, and alone", |place| place.still_running() == ["sleep 1000"]);
        assert_eq!(place.says(&format!("ps -o args= -p {pid}")), "sleep 1000\n", "{after:?}");
        assert_eq!(open_files(place, pid.trim()), ["/dev/null", "log", "log", "p"], "{after:?}");
        place.says("pidfile stop p");
    }
    nothing_is_left(place, after);
}

#[test]
fn a_start_in_which_a_call_fails_is_whole_or_nothing() {
    let place = place();
    let words = ["pidfile", "claim", "-b", "--log", "log", "--ready", "true", "p", "sleep", "1000"];
    let codes = [&OF_A_START[..], &[1, 3]].concat();
    let faults = Faults::of(&place, "pidfile stop p; rm -f log", &words, 0, &codes);
    faults.each(|after| a_daemon_or_nothing(&place, after));
}

#[test]
fn a_daemon_that_went_into_the_background_while_a_call_failed_is_found_or_ended() {
    let place = place();
    let words = ["pidfile", "claim", "--forking", "--log", "log", "p", "sh", "-c", "sleep 1000 &"];
    let codes = [&OF_A_START[..], &[1, 3]].concat();
    let faults = Faults::of(&place, "pidfile stop p; rm -f log", &words, 0, &codes);
    faults.each(|after| a_daemon_or_nothing(&place, after));
}

#[test]
fn a_restart_in_which_a_call_fails_leaves_the_old_one_or_the_new() {
    let place = place();
    let words = ["pidfile", "claim", "--replace", "--timeout", "10", "p", "sleep", "2000"];
    let codes = [&OF_A_START[..], &[3, 4]].concat();
    let before = "pidfile stop p; pidfile claim -b p sleep 1000";
    let faults = Faults::of(&place, before, &words, 0, &codes);
    faults.each(|after| {
        if after.code == 0 {
            assert_eq!(place.still_running(), ["sleep 2000"], "{after:?}");
        }
        // The old one may have been asked to end already; then nothing is left of it in the end.
        place.wait_until("one runs and is named, or nothing does", |place| {
            let named = place.sh("ps -o args= -p $(pidfile read -q p && cat p)").stdout;
            let running = place.still_running();
            running.len() < 2 && running.iter().map(|line| format!("{line}\n")).collect::<String>() == named
        });
        place.says("pidfile stop p");
        nothing_is_left(&place, after);
    });
}

const A_DAEMON: &str = "pidfile claim -b --ensure p sleep 1000";

#[test]
fn a_reader_of_whom_a_call_fails_says_the_truth_or_that_it_does_not_know() {
    let place = place();
    place.says(A_DAEMON);
    let pid = place.content("p");
    let faults = Faults::of(&place, "true", &["pidfile", "read", "p"], 0, &[4, 125]);
    faults.each(|after| assert!(after.code != 0 || after.stdout == pid, "{after:?}"));
}

#[test]
fn a_stop_in_which_a_call_fails_has_stopped_or_says_that_it_has_not() {
    let place = place();
    let words = ["pidfile", "stop", "--timeout", "10", "p"];
    let faults = Faults::of(&place, A_DAEMON, &words, 0, &[4, 124, 125]);
    faults.each(|after| {
        assert!(after.code != 0 || place.still_running().is_empty(), "{after:?}");
        place.says("pidfile stop p");
        nothing_is_left(&place, after);
    });
}

#[test]
fn a_signal_in_whose_sending_a_call_fails_is_sent_or_is_not() {
    let place = place();
    let words = ["pidfile", "signal", "TERM", "p"];
    let faults = Faults::of(&place, A_DAEMON, &words, 0, &[4, 125]);
    faults.each(|after| {
        if after.code == 0 {
            place.wait_until("it has ended", |place| place.still_running().is_empty());
        } else {
            assert_eq!(place.still_running(), ["sleep 1000"], "{after:?}");
        }
    });
}

#[test]
fn a_wait_in_which_a_call_fails_is_not_over_for_that() {
    let place = place();
    let here = place.path().display();
    let unix = UnixListener::bind(place.file("u")).expect("a socket in our own directory");
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    place.write("there", "");
    let port = tcp.local_addr().expect("our own").port();
    // Both to the end of the test.
    std::thread::spawn(move || unix.incoming().for_each(drop));
    std::thread::spawn(move || tcp.incoming().for_each(drop));
    for ready in [format!("unix:{here}/u"), format!("tcp:127.0.0.1:{port}"), format!("file:{here}/there")] {
        let words = ["waitfor", "-t", "5", &ready];
        let faults = Faults::of(&place, "true", &words, 0, &[124, 125]);
        // The first try may have failed: then the next one succeeds.
        faults.each(|after| assert_ne!(after.code, 124, "{after:?}"));
    }
    let nobody = free_port();
    for absent in [format!("unix:{here}/no"), format!("tcp:127.0.0.1:{nobody}"), format!("file:{here}/no")] {
        let words = ["waitfor", "-t", "0", &absent];
        let faults = Faults::of(&place, "true", &words, 124, &[124, 125]);
        faults.each(|after| assert_ne!(after.code, 0, "{after:?}"));
    }
}

#[test]
fn an_error_line_is_seen_or_it_is_said_that_it_could_not_be_looked_for() {
    let place = place();
    place.write("log", "all is well\nERROR 1\nbye\n");
    let words = ["logwatch", "--no-follow", "--from", "start", "-e", "ERROR", "log"];
    let faults = Faults::of(&place, "true", &words, 1, &[1, 125]);
    faults.each(|after| {
        assert_ne!(after.code, 0, "{after:?}");
        assert!(after.code != 1 || after.stdout == "ERROR 1\n", "{after:?}");
    });
}

#[test]
fn a_line_is_judged_at_least_once_whatever_call_fails() {
    let place = place();
    let before =
        "echo well >log; rm -f cursor; logwatch --no-follow -e ERROR --cursor-file cursor log; echo ERROR >>log";
    let words = ["logwatch", "--no-follow", "-e", "ERROR", "--cursor-file", "cursor", "log"];
    let faults = Faults::of(&place, before, &words, 1, &[1, 125]);
    faults.each(|after| {
        assert_ne!(after.code, 0, "{after:?}");
        let seen = after.code == 1 && after.stdout == "ERROR\n";
        let again = place.sh("logwatch --no-follow -e ERROR --cursor-file cursor log");
        assert!(seen || again.code == 1, "{after:?} {again:?}");
        assert!(again.code <= 1, "{after:?} {again:?}");
    });
}

#[test]
fn a_watched_command_does_not_outlive_a_watch_in_which_a_call_fails() {
    let place = place();
    place.write("script", "echo ERROR >>log; exec sleep 1000");
    let words = ["logwatch", "-e", "ERROR", "log", "--", "sh", "script"];
    let faults = Faults::of(&place, "rm -f log", &words, 1, &[1, 125, 126, 127]);
    faults.each(|after| {
        assert_ne!(after.code, 0, "{after:?}");
        nothing_is_left(&place, after);
    });
}
