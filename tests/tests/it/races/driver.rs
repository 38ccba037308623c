//! The programs on their way along a path of the model: one goes on at a time, and the tracker follows.

use crate::races::observed::{Observed, ends_so};
use crate::races::tracker::{End, Tracker};
use model::mover::Step;
use model::numbers::Pid;
use model::process::Plan::{self, *};
use model::search::beginning;
use model::setup::Setup;
use std::fmt::Write;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tests::Place;
use tests::calls::{Call, call};
use tests::one_by_one::{Now, OneByOne};

/// The programs on their way.
pub(super) struct Run<'a> {
    place: &'a Place,
    programs: OneByOne,
    tracker: Tracker<'a>,
    /// The real PID of each PID of the model, from 1.
    pids: Vec<i32>,
    /// Who was sent TERM.
    asked: Vec<i32>,
    /// A call that a process sleeps in.
    pending: Vec<(i32, Call)>,
    plans: Vec<(Pid, Plan)>,
    exits: Vec<(Pid, i32)>,
    story: String,
}

impl<'a> Run<'a> {
    pub(super) fn begin(place: &'a Place, setup: &'a Setup) -> Run<'a> {
        let tracker = Tracker::from(beginning(setup), setup);
        let (programs, story) = (OneByOne::default(), String::new());
        let (pids, plans, exits) = (vec![], vec![], vec![]);
        let mut run = Run { place, programs, tracker, pids, asked: vec![], pending: vec![], plans, exits, story };
        if setup.daemon {
            let pid = run.start(Claim);
            while run.programs.go_on(pid) != Now::Executed {}
        }
        run
    }

    fn start(&mut self, plan: Plan) -> i32 {
        let words: &[&str] = match plan {
            Claim => &["claim", "p", "/bin/sleep", "1000"],
            Read => &["read", "p"],
            Stop => &["stop", "p"],
            Replace => &["claim", "--replace", "p", "/bin/sleep", "1000"],
            other => panic!("{other:?} is no program"),
        };
        let mut command = self.place.command("pidfile");
        command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
        let pid = self.programs.start(command);
        self.pids.push(pid);
        self.plans.push((self.pids.len() as Pid, plan));
        pid
    }

    fn real(&self, pid: Pid) -> i32 {
        self.pids[pid as usize - 1]
    }

    fn number(&self, real: i32) -> Pid {
        self.pids.iter().position(|&pid| pid == real).map_or(0, |at| at as Pid + 1)
    }

    /// Lets the program take a step of the path; whether it makes the calls of that step.
    pub(super) fn follow(&mut self, step: &Step, calls: &[Call], plan: Option<Plan>) -> bool {
        if let Some(plan) = plan {
            self.start(plan);
            self.tell(step.pid, step.does);
            self.tracker.started(step.pid, step.role);
            return true;
        }
        if step.pid as usize > self.pids.len() {
            return false;
        }
        if step.code == "(the kernel)" {
            self.kill(step.pid);
            return true;
        }
        calls.iter().all(|&wanted| self.make(step.pid, Some(wanted)))
    }

    fn tell(&mut self, pid: Pid, does: impl std::fmt::Debug) {
        writeln!(self.story, "{pid} {does:?}").expect("a string");
    }

    fn kill(&mut self, pid: Pid) {
        let real = self.real(pid);
        if matches!(self.programs.seen(real), Now::Ended(_)) {
            return;
        }
        self.tell(pid, "is killed");
        self.programs.kill(real);
        self.tracker.killed(pid);
        self.check();
        // A successor that has not locked its byte is killed by the kernel when its launcher dies.
        for child in self.programs.children(real) {
            let is_killed = |run: &mut Run<'_>| run.programs.has_been_killed(child);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(20) && self.programs.seen(child) != Now::Executed {
                if is_killed(self) {
                    let number = self.number(child);
                    self.tell(number, "is killed with its launcher");
                    self.tracker.killed(number);
                    self.check();
                }
            }
        }
    }

    /// Lets a process go on until it has made this call, or any call that is no look; whether it was this one.
    fn make(&mut self, pid: Pid, wanted: Option<Call>) -> bool {
        let (real, begun) = (self.real(pid), Instant::now());
        let patience = if wanted.is_some() { Duration::from_millis(300) } else { Duration::ZERO };
        loop {
            match self.programs.seen(real) {
                Now::Calls(stop) => match call(&stop, "p").filter(|&call| is_about_the_claim(call, &stop.arguments)) {
                    None => self.go_on(pid),
                    Some(call) => {
                        self.perform(pid, call, stop.arguments);
                        if wanted.is_none_or(|wanted| wanted == call) {
                            return true;
                        }
                        if !call.only_looks() {
                            return false;
                        }
                    }
                },
                Now::Waits if begun.elapsed() > patience => {
                    self.go_on(pid);
                    return false;
                }
                Now::Called(_) | Now::Waits => self.go_on(pid),
                Now::Executed | Now::Ended(_) => return false,
            }
        }
    }

    fn go_on(&mut self, pid: Pid) {
        let real = self.real(pid);
        match self.programs.go_on(real) {
            Now::Called(result) => {
                if let Some(at) = self.pending.iter().position(|(by, _)| *by == real) {
                    let (_, call) = self.pending.remove(at);
                    self.called(pid, call, result);
                }
            }
            // A child cannot tell its killed parent that a step has failed, so the standard library aborts it.
            Now::Ended(status) if status == 128 + nix::libc::SIGABRT => {
                self.tell(pid, "is aborted");
                self.tracker.killed(pid);
                self.check();
            }
            Now::Ended(status) => {
                self.tell(pid, format!("ends with {status}"));
                self.exits.push((pid, status));
                self.tracker.ended(pid);
                self.check();
            }
            Now::Calls(_) | Now::Waits | Now::Executed => {}
        }
    }

    /// Who slept in a call, and may have been woken by the last one.
    fn look_at_pending(&mut self) {
        let begun = Instant::now();
        while !self.pending.is_empty() && begun.elapsed() < Duration::from_millis(5) {
            for (real, _) in self.pending.clone() {
                self.go_on(self.number(real));
            }
        }
    }

    fn perform(&mut self, pid: Pid, call: Call, arguments: [u64; 6]) {
        let real = self.real(pid);
        self.look_at_pending();
        let target = (call == Call::Signal).then(|| pinned(real, arguments[0]));
        match self.programs.go_on(real) {
            Now::Called(result) => self.called(pid, call, result),
            Now::Executed => self.called(pid, call, 0),
            Now::Waits => self.pending.push((real, call)),
            other => panic!("{other:?} behind {call:?}\n{}", self.story),
        }
        match target {
            // It ends at once where its launcher waits for that.
            Some(child) if self.programs.children(real).contains(&child) => self.programs.kill(child),
            Some(other) if self.pids.contains(&other) => self.asked.push(other),
            // It was reaped before.
            Some(_) | None => {}
        }
    }

    fn called(&mut self, pid: Pid, call: Call, result: i64) {
        // The kernel makes the call once more, after a signal.
        let restarts = (-516..=-512).contains(&result);
        if restarts || call == Call::Exec && result < 0 {
            return;
        }
        let child = (call == Call::Fork).then(|| {
            self.pids.push(result as i32);
            self.pids.len() as Pid
        });
        let granted = result >= 0;
        self.tell(pid, format!("{call:?}{}", if granted { "" } else { ": refused" }));
        self.tracker.called(pid, call, granted, child);
        self.check();
    }

    fn check(&self) {
        assert!(
            !self.tracker.ends.is_empty(),
            "the last step is none of the model:\n{}\nbefore it: {:#?}",
            self.story,
            self.tracker.before()
        );
    }

    /// Lets all go on, in any order, until each has ended or is a daemon.
    pub(super) fn finish(&mut self, mut one_of: impl FnMut(&[Pid]) -> Pid) {
        let mut last_news = Instant::now();
        loop {
            let under_way =
                |run: &Run<'_>, pid: &Pid| !matches!(run.programs.seen(run.real(*pid)), Now::Executed | Now::Ended(_));
            let all: Vec<Pid> = (1..=self.pids.len() as Pid).filter(|pid| under_way(self, pid)).collect();
            if all.is_empty() {
                return;
            }
            if self.make(one_of(&all), None) {
                last_news = Instant::now();
            }
            let asked = self.asked.iter().copied().find(|&pid| !matches!(self.programs.seen(pid), Now::Ended(_)));
            match asked {
                Some(asked) if last_news.elapsed() > Duration::from_millis(100) => {
                    let asked = self.number(asked);
                    self.kill(asked);
                    last_news = Instant::now();
                }
                _ => assert!(last_news.elapsed() < Duration::from_secs(20), "all wait:\n{}", self.story),
            }
        }
    }
}

impl Run<'_> {
    /// The end is one that a path of the model has.
    pub(super) fn ends_as_in_the_model(&self) {
        let lives = |pid: &&i32| self.programs.seen(**pid) == Now::Executed;
        let living: Vec<i32> = self.pids.iter().filter(lives).copied().collect();
        let here = Observed::here(self.place, &self.pids, &living, |real| self.number(real));
        let exits = |end: &End| {
            self.exits.iter().all(|&(pid, status)| {
                let plan = self.plans.iter().find(|(by, _)| *by == pid).map_or(Plan::Child, |&(_, plan)| plan);
                ends_so(plan, end.last[pid as usize - 1], status)
            })
        };
        let ends = &self.tracker.ends;
        let is_one = ends.iter().any(|end| Observed::in_the_model(&end.world) == here && exits(end));
        let model: Vec<_> = ends.iter().map(|end| (Observed::in_the_model(&end.world), end.last)).collect();
        assert!(is_one, "{}\nends with {here:?}\nnot with one of {model:#?}", self.story);
    }
}

/// A question whether a process lives is none about the claim, and CONT only follows another signal.
fn is_about_the_claim(call: Call, arguments: &[u64; 6]) -> bool {
    call != Call::Signal || arguments[1] != nix::libc::SIGCONT as u64
}

/// The process behind a pidfd (proc(5), /proc/PID/fdinfo).
fn pinned(by: i32, descriptor: u64) -> i32 {
    let info = std::fs::read_to_string(format!("/proc/{by}/fdinfo/{descriptor}")).expect("a pidfd");
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:")).expect("the line of the PID");
    pid.trim().parse().expect("a number")
}
