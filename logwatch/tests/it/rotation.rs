//! Each line is judged once, whatever the rotation scheme: a table of schemes.

use crate::common::place;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::Place;

/// The days on which the schemes rotate: over the end of a month and of a year.
const DAYS: [(u32, u32, u32); 8] = [
    (2026, 11, 29),
    (2026, 11, 30),
    (2026, 12, 1),
    (2026, 12, 30),
    (2026, 12, 31),
    (2027, 1, 1),
    (2027, 1, 2),
    (2027, 2, 1),
];

/// A rotation scheme: what it does at its N-th rotation.
struct Scheme {
    name: &'static str,
    log: &'static str,
    archives: Option<&'static str>,
    rotate: fn(&Files, usize),
}

/// The files of a log in a directory.
pub struct Files {
    pub directory: PathBuf,
    pub log: &'static str,
}

impl Files {
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn append(&self, text: &str) {
        use std::io::Write;
        let mut log =
            fs::OpenOptions::new().append(true).create(true).open(self.path(self.log)).expect("a file of our own");
        log.write_all(text.as_bytes()).expect("a file of our own");
    }

    pub fn rename(&self, to: &str) {
        fs::rename(self.path(self.log), self.path(to)).expect("a file of our own");
        fs::write(self.path(self.log), "").expect("a file of our own");
    }

    pub fn copy_and_truncate(&self, to: &str) {
        let log = self.path(self.log);
        let _ = fs::remove_file(self.path(to));
        fs::write(self.path(to), fs::read(&log).expect("a file of our own")).expect("a file of our own");
        fs::OpenOptions::new().write(true).open(log).expect("a file of our own").set_len(0).expect("a file of our own");
    }

    /// Moves `pattern` with 1 for `{}` to 2 and so on, the last one first, each with whichever ending it has.
    pub fn shift(&self, pattern: &str) {
        for number in (1..40).rev() {
            for ending in ["", ".gz"] {
                let name = |number: usize| format!("{}{ending}", pattern.replace("{}", &number.to_string()));
                let _ = fs::rename(self.path(&name(number)), self.path(&name(number + 1)));
            }
        }
    }

    /// Compresses as gzip(1) does: the archive keeps the time of the last write.
    pub fn gzip(&self, name: &str) {
        assert!(Command::new("gzip").arg("-q").arg(self.path(name)).status().expect("a file of our own").success());
    }

    /// Compresses as a library inside of the daemon does: the archive is as new as it is.
    pub fn compress(&self, name: &str) {
        let packed = Command::new("gzip").arg("-c").arg(self.path(name)).output().expect("a file of our own").stdout;
        fs::write(self.path(&format!("{name}.gz")), packed).expect("a file of our own");
        fs::remove_file(self.path(name)).expect("a file of our own");
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

fn day(n: usize) -> (u32, u32, u32) {
    DAYS[n % DAYS.len()]
}

fn year_first(n: usize, apart: &str) -> String {
    let (year, month, day) = day(n);
    format!("{year}{apart}{month:02}{apart}{day:02}")
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "create",
        log: "l",
        archives: None,
        rotate: |files, _| {
            files.shift("l.{}");
            files.rename("l.1");
        },
    },
    Scheme {
        name: "copytruncate",
        log: "l",
        archives: None,
        rotate: |files, _| {
            files.shift("l.{}");
            files.copy_and_truncate("l.1");
        },
    },
    Scheme {
        name: "dateext",
        log: "l",
        archives: None,
        rotate: |files, n| files.rename(&format!("l-{}", year_first(n, ""))),
    },
    Scheme {
        name: "dateext copytruncate",
        log: "l",
        archives: None,
        rotate: |files, n| {
            files.copy_and_truncate(&format!("l-{}", year_first(n, "")));
        },
    },
    Scheme {
        name: "olddir",
        log: "l",
        archives: Some("old/l*"),
        rotate: |files, _| {
            fs::create_dir_all(files.path("old")).expect("a file of our own");
            files.shift("old/l.{}");
            files.rename("old/l.1");
        },
    },
    Scheme {
        name: "compress",
        log: "l",
        archives: None,
        rotate: |files, _| {
            files.shift("l.{}");
            files.rename("l.1");
            files.gzip("l.1");
        },
    },
    Scheme {
        name: "copytruncate compress",
        log: "l",
        archives: None,
        rotate: |files, _| {
            files.shift("l.{}");
            files.copy_and_truncate("l.1");
            files.gzip("l.1");
        },
    },
    Scheme {
        name: "delaycompress",
        log: "l",
        archives: None,
        rotate: |files, _| {
            files.shift("l.{}");
            if files.has("l.2") {
                files.gzip("l.2");
            }
            files.rename("l.1");
        },
    },
    Scheme {
        name: "delaycompress by a library",
        log: "l",
        archives: None,
        rotate: |files, _| {
            files.shift("l.{}");
            if files.has("l.2") {
                files.compress("l.2");
            }
            files.rename("l.1");
        },
    },
    Scheme {
        name: "logback by day",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            let archive = format!("app.{}.log", year_first(n, "-"));
            files.rename(&archive);
            files.compress(&archive);
        },
    },
    Scheme {
        name: "logback by size",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            files.rename(&format!("app.log.2026-11-30.{}", n + 8));
        },
    },
    Scheme {
        name: "log4j2 ascending",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            files.rename(&format!("app-{}.log", n + 1));
        },
    },
    Scheme {
        name: "log4j2 descending",
        log: "app.log",
        archives: None,
        rotate: |files, _| {
            files.shift("app-{}.log");
            files.rename("app-1.log");
        },
    },
    Scheme {
        name: "loguru",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            files.rename(&format!("app.{}_10-00-00_123456.log", year_first(n, "-")));
        },
    },
    Scheme {
        name: "lumberjack",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            let archive = format!("app-{}T10-00-00.000.log", year_first(n, "-"));
            files.rename(&archive);
            files.compress(&archive);
        },
    },
    Scheme {
        name: "Python by size",
        log: "app.log",
        archives: None,
        rotate: |files, _| {
            files.shift("app.log.{}");
            files.rename("app.log.1");
        },
    },
    Scheme {
        name: "Python by day",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            files.rename(&format!("app.log.{}", year_first(n, "-")));
        },
    },
    Scheme {
        name: "svlogd",
        log: "current",
        archives: None,
        rotate: |files, n| {
            files.rename(&format!("@40000000{:08x}00000000.s", 0x6911_aaaa + n));
        },
    },
    Scheme {
        name: "pm2",
        log: "app-out.log",
        archives: None,
        rotate: |files, n| {
            files.rename(&format!("app-out__{}_00-00-00.log", year_first(n, "-")));
        },
    },
    Scheme {
        name: "the day first",
        log: "l",
        archives: None,
        rotate: |files, n| {
            let (year, month, day) = day(n);
            files.rename(&format!("l.{day:02}-{month:02}-{year}"));
        },
    },
    Scheme {
        name: "the month first",
        log: "app.log",
        archives: None,
        rotate: |files, n| {
            let (year, month, day) = day(n);
            files.rename(&format!("app-{month:02}-{day:02}-{year}.log"));
        },
    },
    Scheme {
        name: "an index modulo 10",
        log: "l",
        archives: None,
        rotate: |files, n| files.rename(&format!("l.{}", (n + 7) % 10)),
    },
    Scheme {
        name: "names that no rule knows",
        log: "l",
        archives: Some("kept-*"),
        rotate: |files, n| {
            files.copy_and_truncate(&format!("kept-{}", (b'a' + n as u8) as char));
        },
    },
];

/// Compares what was found with what was written, in a case that is told by the text.
type Agree = dyn Fn(&[String], &[String], &str);

/// The lines of a table of cases.
struct Lines<'a> {
    /// The N-th line.
    line: &'a dyn Fn(usize) -> String,
    agree: &'a Agree,
    /// What happens between a write and a rotation or a run.
    ticks: &'a dyn Fn(),
}

/// Waits until a file that is written to gets another time than one that was written to before.
fn the_clock_of_files_ticks() {
    let now = || nix::time::ClockId::CLOCK_REALTIME_COARSE.now().expect("a clock");
    let before = now();
    while now() == before {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Where the cursor is when rotation begins.
#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Middle,
    End,
}

/// What one run finds, in the order of the log. A gap fails the test.
pub fn run(place: &Place, log: &str, archives: Option<&str>) -> Vec<String> {
    let archives = archives.map_or(String::new(), |glob| format!("--archives '{glob}'"));
    let found = place.sh(&format!("logwatch --no-follow --cursor-file .c {archives} -e ERROR {log}"));
    assert!(found.stderr.is_empty() && found.code < 2, "{found:?} {}", ls(place.path()));
    found.stdout.lines().map(str::to_owned).collect()
}

fn ls(directory: &Path) -> String {
    let files = fs::read_dir(directory)
        .expect("a file of our own")
        .map(|entry| entry.expect("a file of our own").file_name().into_string().expect("a file of our own"));
    files.collect::<Vec<_>>().join(" ")
}

/// Lets a scheme rotate between two runs, three times over, and compares what was found with what was written.
fn judges_each_line_once(scheme: &Scheme, (rotations, at): (usize, At), lines: &Lines<'_>) {
    let Lines { line, agree, ticks } = lines;
    let place = place();
    let files = Files { directory: place.path().to_owned(), log: scheme.log };
    fs::write(files.path(scheme.log), "").expect("a file of our own");
    let (mut written, mut rotated) = (0, 0);
    let mut write = |unread: &mut Vec<String>, count: usize| {
        for _ in 0..count {
            written += 1;
            unread.push(line(written));
            files.append(&format!("{}\n", line(written)));
        }
    };
    for _ in 0..2 {
        let mut unread = vec![];
        match at {
            At::Start => {
                ticks();
                (scheme.rotate)(&files, rotated);
                rotated += 1;
            }
            At::Middle | At::End => write(&mut unread, 2),
        }
        ticks();
        let before = run(&place, scheme.log, scheme.archives);
        agree(&before, &std::mem::take(&mut unread), &format!("{} before: {}", scheme.name, ls(place.path())));
        if !matches!(at, At::End) {
            write(&mut unread, 2);
        }
        for number in 0..rotations {
            write(&mut unread, if number > 0 { 1 } else { 0 });
            ticks();
            (scheme.rotate)(&files, rotated);
            rotated += 1;
        }
        ticks();
        write(&mut unread, 1);
        ticks();
        let mut found = run(&place, scheme.log, scheme.archives);
        // Files that were written to in the same tick of the clock are in the order of their names.
        found.sort_by_key(|line| {
            line.split_once(' ').map_or(0, |(_, number)| number.parse::<u32>().expect("a file of our own"))
        });
        agree(&found, &unread, &format!("{}, {rotations} rotations, {at:?}: {}", scheme.name, ls(place.path())));
        assert_eq!(run(&place, scheme.log, scheme.archives), Vec::<String>::new(), "{}: judged again", scheme.name);
    }
}

fn table(lines: &Lines<'_>) {
    for scheme in SCHEMES {
        for rotations in [1, 3] {
            for at in [At::Start, At::Middle, At::End] {
                judges_each_line_once(scheme, (rotations, at), lines);
            }
        }
    }
}

#[test]
fn each_line_is_judged_once_under_every_rotation_scheme() {
    table(&Lines {
        line: &|number| format!("ERROR {number}"),
        agree: &|found, written, case| assert_eq!(found, written, "{case}"),
        ticks: &|| (),
    });
}

#[test]
fn no_line_is_lost_although_all_lines_are_equal() {
    // Where a library has compressed an old archive anew, nothing tells it from a new one: it is read twice.
    let agree = |found: &[String], written: &[String], case: &str| match case.contains("by a library") {
        true => assert!(found.len() >= written.len(), "{case}"),
        false => assert_eq!(found, written, "{case}"),
    };
    // Equal files of one time cannot be told apart: then a line may be read twice. So no two files here are of one time.
    table(&Lines { line: &|_| "ERROR".to_owned(), agree: &agree, ticks: &the_clock_of_files_ticks });
}
