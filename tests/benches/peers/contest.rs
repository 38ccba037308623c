//! What a contest is made of: programs as shipped, interleaved runs, medians, and rows of a table.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The utilities built as they are shipped, and a directory to try them in.
pub struct Tools {
    built: PathBuf,
    scratch: TempDir,
}

impl Tools {
    pub fn as_shipped() -> Tools {
        let scratch = TempDir::new().expect("a temporary directory");
        let installed = scratch.path().join("installed");
        let make = |arguments: &[String]| {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
            let made = Command::new("make").args(["--silent", "-C", root]).args(arguments).status();
            assert!(made.is_ok_and(|status| status.success()), "make {arguments:?}");
        };
        make(&[]);
        make(&["install".into(), format!("PREFIX={}", installed.display())]);
        Tools { built: installed.join("bin"), scratch }
    }

    pub fn path(&self, tool: &str) -> String {
        self.built.join(tool).to_string_lossy().into_owned()
    }

    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// A command of ours or a peer's, run in the scratch directory with our utilities first on PATH.
    pub fn command(&self, line: &str) -> Command {
        let mut words = line.split_ascii_whitespace();
        let program = words.next().expect("a program");
        let mut command = Command::new(self.found(program).unwrap_or_else(|| program.into()));
        let path = std::env::var("PATH").unwrap_or_default();
        command.args(words).current_dir(self.directory()).env("PATH", format!("{}:{path}", self.built.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    pub fn shell(&self, script: &str) -> Command {
        let mut command = self.command("sh");
        command.arg("-c").arg(script);
        command
    }

    fn found(&self, program: &str) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let ours = std::iter::once(self.built.clone());
        ours.chain(std::env::split_paths(&path)).map(|directory| directory.join(program)).find(|path| path.is_file())
    }

    pub fn has(&self, program: &str) -> bool {
        self.found(program).is_some()
    }
}

/// The middle of many measurements, and how far they spread.
#[derive(Clone, Copy)]
pub struct Measured {
    pub median: Duration,
    pub low: Duration,
    pub high: Duration,
}

impl Measured {
    pub fn of(mut all: Vec<Duration>) -> Measured {
        all.sort();
        let at = |part: usize| all[(all.len() - 1) * part / 10];
        Measured { median: at(5), low: at(1), high: at(9) }
    }

    pub fn beyond(self, base: Measured) -> Duration {
        self.median.saturating_sub(base.median)
    }
}

pub fn timed(mut run: impl FnMut()) -> Duration {
    let begun = Instant::now();
    run();
    begun.elapsed()
}

/// Runs one of each, then one of each again.
pub fn interleaved(rounds: usize, runs: &mut [Box<dyn FnMut() -> Duration + '_>]) -> Vec<Measured> {
    let mut all = vec![Vec::with_capacity(rounds); runs.len()];
    for _ in 0..rounds {
        for (run, times) in runs.iter_mut().zip(&mut all) {
            times.push(run());
        }
    }
    all.into_iter().map(Measured::of).collect()
}

/// The wall time of whole commands, interleaved. Each must succeed.
pub fn commands(tools: &Tools, rounds: usize, lines: &[&str]) -> Vec<Measured> {
    let time = |line: &str| {
        let mut command = tools.command(line);
        let run = move || timed(|| assert!(command.status().is_ok_and(|status| status.success()), "{command:?}"));
        Box::new(run) as Box<dyn FnMut() -> Duration>
    };
    interleaved(rounds, &mut lines.iter().map(|line| time(line)).collect::<Vec<_>>())
}

/// The rows measured so far.
pub struct Report {
    rows: Vec<[String; 5]>,
    skipped: Vec<String>,
    /// What one CPUID instruction costs here.
    pub cpuid: Option<Duration>,
}

impl Report {
    pub fn begin() -> Report {
        Report { rows: vec![], skipped: vec![], cpuid: None }
    }

    /// `what` took `ours`, the peer `theirs`; the mark is what the ratio should not exceed.
    pub fn ratio(&mut self, what: &str, ours: Duration, peer: &str, theirs: Duration, mark: &str) {
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64().max(1e-9);
        self.row(what, &shown(ours), &format!("{peer}: {}", shown(theirs)), &format!("{ratio:.2}"), mark);
    }

    /// How much of a start cannot be saved: the same system calls, by a program that does nothing else.
    pub fn floor(&mut self, what: &str, ours: Duration, floor: Duration) {
        self.ratio(&format!("`{what}`, in terms of the floor"), ours, "the floor", floor, "");
    }

    pub fn row(&mut self, what: &str, ours: &str, theirs: &str, ratio: &str, mark: &str) {
        let row = [what, ours, theirs, ratio, mark].map(String::from);
        eprintln!("{}", row.join(" | "));
        self.rows.push(row);
    }

    pub fn skip(&mut self, peer: &str) {
        self.skipped.push(peer.into());
    }

    pub fn table(&self) -> String {
        let mut table = String::from("| what | ours | against | ratio | mark |\n|---|---|---|---|---|\n");
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
            let _ = writeln!(table, "| {} |", cells.join(" | "));
        }
        if !self.skipped.is_empty() {
            let _ = writeln!(table, "\nSkipped, for the peer is not installed: {}.", self.skipped.join(", "));
        }
        table
    }

    pub fn page(&self) -> String {
        let cpuid = self.cpuid.unwrap_or_default();
        let page = include_str!("page.md").replace("@CPUID@", &cpuid.as_nanos().to_string());
        format!("{}\n{}", page.replace("@CPUIDS@", &(cpuid * 43).as_micros().to_string()), self.table())
    }
}

/// The median, and what half of the runs lie between.
pub fn spread(all: Vec<Duration>) -> String {
    let our = Measured::of(all);
    format!("{} ({} to {})", shown(our.median), shown(our.low), shown(our.high))
}

pub fn shown(time: Duration) -> String {
    match time.as_micros() {
        micros @ 0..=9_999 => format!("{micros} µs"),
        micros => format!("{:.1} ms", micros as f64 / 1000.0),
    }
}
