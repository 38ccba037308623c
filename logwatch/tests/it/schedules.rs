//! Each line is judged once in any schedule of writes, rotations and runs in which no archive is removed.

use crate::common::place;
use crate::rotation::{Files, run};
use proptest::prelude::*;
use std::fs;
use std::process::Stdio;

/// One act in a schedule.
#[derive(Clone, Copy, Debug)]
enum Act {
    Write,
    /// Writes a line without its end, which the next write begins with.
    Begin,
    Rename,
    CopyAndTruncate,
    /// Compresses the oldest plain archive, which keeps its time.
    Gzip,
    /// Compresses the oldest plain archive, which gets a new time.
    Compress,
    Run,
}

impl Act {
    fn writes(self) -> bool {
        matches!(self, Act::Write | Act::Begin)
    }

    fn rotates(self) -> bool {
        matches!(self, Act::Rename | Act::CopyAndTruncate)
    }
}

/// What was written so far.
#[derive(Default)]
struct Written {
    lines: usize,
    is_unfinished: bool,
}

impl Written {
    /// The next text. No two files begin with the same bytes: those could be taken for each other.
    fn next(&mut self, act: Act) -> String {
        let end = if self.is_unfinished { format!(" end of {:03}\n", self.lines) } else { String::new() };
        self.lines += 1;
        self.is_unfinished = matches!(act, Act::Begin);
        format!("{end}ERROR {:03}{}", self.lines, if self.is_unfinished { "" } else { "\n" })
    }

    fn all(&self) -> Vec<usize> {
        (1..=self.lines).collect()
    }
}

/// The names of the archives.
#[derive(Clone, Copy, Debug)]
enum Names {
    /// `l.1` is the newest.
    Shifted,
    /// `l-20261201`, as dateext.
    Dated,
    /// `l.1` is the oldest.
    Ascending,
}

impl Names {
    fn of(self, number: usize) -> String {
        match self {
            Names::Shifted | Names::Ascending => format!("l.{number}"),
            Names::Dated => format!("l-202612{number:02}"),
        }
    }
}

impl Files {
    /// Makes room for the archive of the N-th rotation, and names it.
    fn next_archive(&self, names: Names, rotated: usize) -> String {
        match names {
            Names::Shifted => {
                self.shift("l.{}");
                names.of(1)
            }
            Names::Dated | Names::Ascending => names.of(rotated),
        }
    }

    fn oldest_plain_archive(&self, names: Names) -> Option<String> {
        let mut all: Vec<usize> = (1..40).collect();
        if matches!(names, Names::Shifted) {
            all.reverse();
        }
        all.into_iter().map(|number| names.of(number)).find(|name| self.has(name))
    }

    fn act(&self, act: Act, names: Names, written: &mut Written, rotated: usize) {
        match act {
            Act::Write | Act::Begin => self.append(&written.next(act)),
            Act::Rename => self.rename(&self.next_archive(names, rotated)),
            Act::CopyAndTruncate => self.copy_and_truncate(&self.next_archive(names, rotated)),
            Act::Gzip => self.oldest_plain_archive(names).iter().for_each(|name| self.gzip(name)),
            Act::Compress => self.oldest_plain_archive(names).iter().for_each(|name| self.compress(name)),
            Act::Run => {}
        }
    }
}

fn schedules() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => Just(Act::Write),
        1 => Just(Act::Begin),
        2 => Just(Act::Rename),
        2 => Just(Act::CopyAndTruncate),
        1 => Just(Act::Gzip),
        1 => Just(Act::Compress),
        3 => Just(Act::Run),
    ];
    proptest::collection::vec(act, 1..30)
}

fn names() -> impl Strategy<Value = Names> {
    prop_oneof![Just(Names::Shifted), Just(Names::Dated), Just(Names::Ascending)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_schedule_in_which_no_archive_is_removed_judges_each_line_once(names in names(), schedule in schedules()) {
        let place = place();
        let files = Files { directory: place.path().to_owned(), log: "l" };
        let (mut written, mut rotated, mut found) = (Written::default(), 0, vec![]);
        fs::write(files.path("l"), "").expect("a file of our own");
        for &act in [Act::Run].iter().chain(&schedule).chain(&[Act::Run, Act::Run]) {
            rotated += usize::from(act.rotates());
            files.act(act, names, &mut written, rotated);
            if matches!(act, Act::Run) {
                found.extend(run(&place, "l", None));
            }
        }
        prop_assert_eq!(numbers(found), written.all());
    }

    #[test]
    fn a_watch_over_any_schedule_of_one_scheme_judges_each_line_once(
        names in names(), mut schedule in schedules(), scheme in prop_oneof![Just(Act::Rename), Just(Act::CopyAndTruncate)]
    ) {
        schedule.iter_mut().filter(|act| act.rotates()).for_each(|act| *act = scheme);
        let place = place();
        let files = Files { directory: place.path().to_owned(), log: "l" };
        fs::write(files.path("l"), "").expect("a file of our own");
        let (mut written, mut rotated) = (Written::default(), 0);
        let count = schedule.iter().filter(|act| act.writes()).count() + 1;
        let mut watch = place.command("logwatch");
        watch.args(["-q", "--timeout", "30s", "--from", "start", "-e", "ERROR", "--count", &count.to_string(), "l"]);
        let watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("logwatch");
        for &act in [Act::Run].iter().chain(&schedule).chain(&[Act::Write]) {
            // Each rotation is seen. The other property has several of them between two looks.
            let wait = || if !act.writes() { place.wait_until("the watch waits", |_| waits(watch.id())) };
            wait();
            rotated += usize::from(act.rotates());
            files.act(act, names, &mut written, rotated);
            wait();
        }
        let ended = watch.wait_with_output().expect("logwatch");
        let found = String::from_utf8_lossy(&ended.stdout).lines().map(str::to_owned).collect();
        prop_assert_eq!((numbers(found), ended.status.code()), (written.all(), Some(1)), "{}", String::from_utf8_lossy(&ended.stderr));
    }
}

/// True if the process sleeps and has its watches, or has ended.
fn waits(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process of our own");
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    let infos = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let mut infos = infos.filter_map(|info| fs::read_to_string(info.path()).ok());
    state == Some(Some('Z')) || state == Some(Some('S')) && infos.any(|info| info.contains("inotify wd"))
}

/// The numbers of the lines, in order.
fn numbers(found: Vec<String>) -> Vec<usize> {
    let number = |line: &String| line.split(' ').nth(1).and_then(|number| number.parse().ok());
    let mut numbers: Vec<usize> = found.iter().map(|line| number(line).expect("a line that was written")).collect();
    numbers.sort_unstable();
    numbers
}
