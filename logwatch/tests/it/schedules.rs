//! Each line is judged once in any schedule of writes, rotations and runs in which no archive is removed.

use crate::common::place;
use crate::rotation::{Files, run};
use proptest::prelude::*;
use std::fs;

/// One act in a schedule.
#[derive(Clone, Copy, Debug)]
enum Act {
    Write,
    /// Writes a line without its newline.
    Begin,
    Rename,
    CopyAndTruncate,
    /// Compresses the oldest plain archive, which keeps its time.
    Gzip,
    /// Compresses the oldest plain archive, which gets a new time.
    Compress,
    Run,
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

    fn act(&self, act: Act, names: Names, written: usize, rotated: usize) {
        match act {
            Act::Write => self.append(&format!("\nERROR {written}\n")),
            Act::Begin => self.append(&format!("\nERROR {written}")),
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
        let (mut written, mut rotated, mut found) = (0, 0, vec![]);
        fs::write(files.path("l"), "").expect("a file of our own");
        for &act in [Act::Run].iter().chain(&schedule).chain(&[Act::Run, Act::Run]) {
            written += usize::from(matches!(act, Act::Write | Act::Begin));
            rotated += usize::from(matches!(act, Act::Rename | Act::CopyAndTruncate));
            files.act(act, names, written, rotated);
            if matches!(act, Act::Run) {
                found.extend(run(&place, "l", None));
            }
        }
        found.sort_by_key(|line| line["ERROR ".len()..].parse::<usize>().expect("a file of our own"));
        let all: Vec<String> = (1..=written).map(|number| format!("ERROR {number}")).collect();
        prop_assert_eq!(found, all);
    }
}
