//! Random paths of the model, driven through the programs: each program makes its next call when the path says so, and in
//! the end the file, the locks, a reading and the exit codes are as in the model.
//!
//! `RACEFREE_PATHS=3000 cargo test -p tests random_paths` drives more of them; `RACEFREE_SEED` sets the seed of the first.

use crate::common::place;
use crate::races::model_calls::calls_of;
use crate::races::observed::{Observed, ends_so};
use crate::races::tracker::{End, Tracker, steps};
use model::kernel::World;
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

/// Casts of two programs, and whether a daemon runs at the beginning.
const CASTS: [(&[(Plan, usize)], bool); 9] = [
    (&[(Claim, 9), (Claim, 9)], false),
    (&[(Claim, 9), (Read, 9)], false),
    (&[(Claim, 9), (Stop, 9)], false),
    (&[(Claim, 9), (Replace, 9)], true),
    (&[(Read, 9), (Replace, 9)], true),
    (&[(Stop, 9), (Replace, 9)], true),
    (&[(Read, 9), (Stop, 9)], true),
    (&[(Claim, 9), (Stop, 9)], true),
    (&[(Stop, 9), (Stop, 9)], true),
];

/// Numbers that depend on a seed alone (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A random path: its steps, each with the calls of the program.
fn random_path(setup: &Setup, random: &mut Random) -> (Vec<(Step, &'static [Call])>, World) {
    let (mut world, mut path) = (beginning(setup), Vec::new());
    let mut born = world.all_living().count() as Pid;
    while path.len() < 300 {
        // No PID is used again: so it is with the programs.
        let fits = |world: &World| (1..=4).all(|pid| pid <= born + 1 || world.living(pid).is_none());
        let is_new = |world: &World| world.all_living().all(|(_, p)| p.pid <= born + 1);
        let mut next: Vec<(Step, World)> =
            steps(&world, setup, |_| true).filter(|(_, after)| fits(after) && is_new(after)).collect();
        next.retain(|(step, _)| step.code.starts_with('(') || calls_of(step, &world).is_some());
        next.retain(|(step, after)| {
            step.does != "starts it" && step.does != "forks" || after.living(born + 1).is_some()
        });
        let (kills, acts): (Vec<_>, Vec<_>) = next.into_iter().partition(|(step, _)| step.code == "(the kernel)");
        let asked = |step: &Step| world.living(step.pid).is_some_and(|slot| world.process(slot).signalled);
        let (step, after) = match (kills.is_empty(), acts.is_empty()) {
            (false, _) if random.below(25) == 0 => kills[random.below(kills.len())].clone(),
            (_, false) => acts[random.below(acts.len())].clone(),
            // Where all wait, those end who have been asked to.
            _ => match kills.iter().find(|(step, _)| asked(step)) {
                Some(kill) => kill.clone(),
                None => break,
            },
        };
        born = born.max((1..=4).filter(|&pid| after.living(pid).is_some()).max().unwrap_or(0));
        path.push((step, calls_of(&step, &world).unwrap_or_default()));
        world = after;
    }
    (path, world)
}

/// The programs on their way.
struct Run<'a> {
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
    fn begin(place: &'a Place, setup: &'a Setup) -> Run<'a> {
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
    fn follow(&mut self, step: &Step, calls: &[Call], plan: Option<Plan>) -> bool {
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
    fn finish(&mut self, random: &mut Random) {
        let mut last_news = Instant::now();
        loop {
            let under_way =
                |run: &Run<'_>, pid: &Pid| !matches!(run.programs.seen(run.real(*pid)), Now::Executed | Now::Ended(_));
            let all: Vec<Pid> = (1..=self.pids.len() as Pid).filter(|pid| under_way(self, pid)).collect();
            if all.is_empty() {
                return;
            }
            if self.make(random.one_of(&all), None) {
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
    fn ends_as_in_the_model(&self) {
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

/// Drives one path; whether the programs went the whole path, and no other one.
fn drive(setup: &Setup, seed: u64) -> bool {
    let mut random = Random(seed);
    let (path, _) = random_path(setup, &mut random);
    let place = place();
    let mut run = Run::begin(&place, setup);
    let mut followed = true;
    for (step, calls) in &path {
        let plan = setup.cast.iter().map(|(plan, _)| *plan).find(|&plan| {
            step.code == "(the shell)" && model::process::Process::new(1, plan, model::at::At::Open).role() == step.role
        });
        followed &= run.follow(step, calls, plan);
    }
    run.finish(&mut random);
    run.ends_as_in_the_model();
    followed
}

#[test]
fn random_paths_of_the_model_are_paths_of_the_programs() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let (count, first) = (number("RACEFREE_PATHS").unwrap_or(36), number("RACEFREE_SEED").unwrap_or(1));
    let (mut followed, mut failed) = (0, vec![]);
    for seed in first..first + count {
        let (cast, daemon) = CASTS[seed as usize % CASTS.len()];
        let setup = Setup { cast, once: true, daemon, pids: 4, crashes: true, ..Setup::default() };
        match std::panic::catch_unwind(|| drive(&setup, seed)) {
            Ok(whole) => followed += usize::from(whole),
            Err(_) => {
                // What went wrong has been printed.
                println!("with RACEFREE_SEED={seed} RACEFREE_PATHS=1, {cast:?}, a daemon at the beginning: {daemon}\n");
                failed.push(seed);
            }
        }
    }
    println!("{followed} of {count} paths were followed to their last step");
    assert!(failed.is_empty(), "the seeds of the paths that are none of the model: {failed:?}");
    assert!(followed * 2 > count as usize, "only {followed} of {count} paths were followed");
}
