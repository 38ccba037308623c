//! Random starts, stops, restarts, reads, probes and removals of PID files, with kill -9, SIGSTOP and SIGCONT for
//! anything that takes part, from a printed seed.
//!
//! What must never be is told by [`witness`](../witness/index.html), by kernel locks that nothing else knows of; and at
//! the end of each round by counting what lives. `torture DIRECTORY [--operations N] [--seed N] [--late]`; the programs
//! `pidfile` and `witness` are taken from PATH.

use clap::Parser;
use fs4::FileExt;
use nix::sys::prctl::set_child_subreaper;
use nix::sys::wait::{WaitStatus, wait, waitpid};
use nix::unistd::Pid;
use racefree::claim::byte_lock;
use racefree::claim::pin::{self, MaybePinned};
use racefree::claim::status::Status;
use racefree::pid;
use racefree::process::pidfd::PidFd;
use racefree::signal::Signal;
use racefree::sys::beyond_nix::reap_any;
use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// Torture pidfile
#[derive(Debug, Parser)]
struct Cli {
    /// Where to do it
    directory: PathBuf,
    /// How many operations
    #[arg(long, default_value_t = 10_000)]
    operations: u64,
    /// Where chance begins (default: the clock)
    #[arg(long)]
    seed: Option<u64>,
    /// Reap the dead only at the end of each round
    #[arg(long)]
    late: bool,
    /// One of the workers of a round
    #[arg(long, hide = true)]
    worker: bool,
}

const WORKERS: u64 = 4;
const OF_A_ROUND: u64 = 250;
const FILES: u64 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    std::env::set_current_dir(&cli.directory).expect("DIRECTORY");
    let clock = std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos() as u64);
    let seed = cli.seed.unwrap_or(clock);
    if cli.worker {
        Worker::new(seed, cli.late).run(cli.operations);
        return ExitCode::SUCCESS;
    }
    println!("seed {seed}, {} operations, reaping {}", cli.operations, if cli.late { "late" } else { "at once" });
    set_child_subreaper(true).expect("to adopt orphans");
    let mut done = 0;
    for round in 0.. {
        round_of(&cli, seed.wrapping_add(round));
        done += WORKERS * OF_A_ROUND;
        let violations = fs::read_to_string("violations").unwrap_or_default();
        if !violations.is_empty() {
            println!("VIOLATED in round {round} (--seed {}), after {done} operations:\n{violations}", seed + round);
            return ExitCode::FAILURE;
        }
        if done >= cli.operations {
            break;
        }
    }
    println!("{done} operations done, none of the promises was broken: {:?}", told());
    ExitCode::SUCCESS
}

/// What the workers have done, by kind.
fn told() -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for line in fs::read_to_string("done").unwrap_or_default().lines() {
        if let Some((kind, count)) = line.rsplit_once(' ') {
            *all.entry(kind.to_owned()).or_default() += count.parse::<u64>().unwrap_or(0);
        }
    }
    all
}

/// Lets the workers loose, then everything come to rest: all can be stopped, and then nothing lives.
fn round_of(cli: &Cli, seed: u64) {
    let us = std::env::current_exe().expect("this program");
    let mut workers: Vec<u32> = (0..WORKERS)
        .map(|worker| {
            let mut command = Command::new(&us);
            command.arg(".").args(["--worker", "--operations", &OF_A_ROUND.to_string()]);
            command.args(["--seed", &seed.wrapping_mul(WORKERS).wrapping_add(worker).to_string()]);
            command.args(cli.late.then_some("--late"));
            command.spawn().expect("a worker").id()
        })
        .collect();
    // Whoever else ends here is an orphan.
    while !workers.is_empty() {
        let ended = match cli.late {
            true => waitpid(Pid::from_raw(workers[0] as i32), None),
            false => wait(),
        };
        let ended = ended.expect("a child");
        let number = ended.pid().expect("no child is traced or stopped").as_raw() as u32;
        if workers.contains(&number) && !matches!(ended, WaitStatus::Exited(_, 0)) {
            violated(&format!("a worker failed: {ended:?}"));
        }
        workers.retain(|&worker| worker != number);
    }
    come_to_rest(cli.late);
}

fn come_to_rest(late: bool) {
    let begun = Instant::now();
    let mut seen_none = 0;
    loop {
        for process in participants() {
            process.send(Signal::CONT);
        }
        let stops = (0..FILES).map(|file| pidfile(&["stop", "--timeout", "20", "--kill-after", "5"], file));
        for mut stop in stops.map(|mut command| command.spawn().expect("pidfile")).collect::<Vec<_>>() {
            stop.wait().expect("our own child");
        }
        if !late {
            while let Ok(Some(_)) = reap_any() {}
        }
        let left = participants();
        // One may have been started by another that has ended, while we looked.
        seen_none = if left.is_empty() { seen_none + 1 } else { 0 };
        if seen_none == 3 {
            break;
        }
        if begun.elapsed() > Duration::from_secs(60) {
            violated(&format!("not stopped: {:?}", left.iter().map(|left| &left.line).collect::<Vec<_>>()));
            left.iter().for_each(|left| left.send(Signal::KILL));
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    while let Ok(Some(_)) = reap_any() {}
    for file in 0..FILES {
        let mut command = pidfile(&["claim"], file);
        let status = command.arg("true").status().expect("pidfile");
        if !status.success() {
            violated(&format!("the next start of p{file} fails: {status}"));
        }
    }
}

fn violated(what: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open("violations").expect("violations");
    file.write_all(format!("{what}\n").as_bytes()).expect("violations");
}

fn pidfile(words: &[&str], file: u64) -> Command {
    let mut command = Command::new("pidfile");
    let said = OpenOptions::new().append(true).create(true).open("said").expect("said");
    command.args(words).arg(path_of(file)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
    command
}

fn path_of(file: u64) -> String {
    format!("p{file}")
}

/// A process that takes part, held: whoever has its number later is not hit.
struct Participant {
    process: PidFd,
    line: String,
}

impl Participant {
    fn send(&self, signal: Signal) {
        // It may have ended.
        let _ = self.process.signal(signal);
    }
}

/// Every living `pidfile` and `witness` that works in this directory.
fn participants() -> Vec<Participant> {
    let here = std::env::current_dir().expect("a directory");
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers.filter_map(|number| participant(number, &here)).collect()
}

fn participant(number: i32, here: &Path) -> Option<Participant> {
    let name = || fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
    let ours = || matches!(name().trim_end(), "pidfile" | "witness" | "exe" | "true" | "cat");
    if !ours() {
        return None;
    }
    let process = PidFd::open(pid::numbered(number)?).ok()??;
    // Held now, so this is about the very process. A zombie has no directory.
    let cwd = fs::read_link(format!("/proc/{number}/cwd")).ok()?;
    let line = fs::read_to_string(format!("/proc/{number}/cmdline")).ok()?.replace('\0', " ");
    (cwd == here && ours()).then(|| Participant { process, line: format!("{number} {}", line.trim_end()) })
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

struct Worker {
    random: Random,
    late: bool,
    running: VecDeque<Child>,
    unreaped: Vec<Child>,
    done: BTreeMap<&'static str, u64>,
}

const TOOLS_AT_ONCE: usize = 3;

impl Worker {
    fn new(seed: u64, late: bool) -> Worker {
        Worker { random: Random(seed), late, running: VecDeque::new(), unreaped: Vec::new(), done: BTreeMap::new() }
    }

    fn run(&mut self, operations: u64) {
        for _ in 0..operations {
            let kind = self.operation();
            *self.done.entry(kind).or_default() += 1;
        }
        let done: String = self.done.iter().map(|(kind, count)| format!("{kind} {count}\n")).collect();
        let mut file = OpenOptions::new().append(true).create(true).open("done").expect("done");
        file.write_all(done.as_bytes()).expect("done");
    }

    fn operation(&mut self) -> &'static str {
        let file = self.random.below(FILES);
        match self.random.below(1000) {
            0..400 => self.read(file),
            400..600 => self.look_and_signal(file),
            600..750 => probe(file),
            750..770 => remove_while_free(file),
            770..800 => self.claim(&["claim"], "plain", file),
            800..840 => self.claim(&["claim", "-b"], "plain", file),
            840..860 => self.claim(&["claim", "--supervise"], "plain", file),
            860..900 => self.claim(&["claim", "--replace", "--timeout", "3", "--kill-after", "1"], "restart", file),
            900..925 => self.tool(pidfile(&["stop", "--timeout", "1"], file), "stop"),
            925..945 => self.tool(pidfile(&["stop", "--timeout", "1", "--kill-after", "0.1"], file), "stop --kill"),
            945..960 => self.tool(pidfile(&["signal", "CONT"], file), "signal"),
            960..975 => self.hit(Signal::KILL, "kill -9"),
            975..985 => self.hit(Signal::new(nix::libc::SIGSTOP).expect("a signal"), "SIGSTOP"),
            _ => self.hit(Signal::CONT, "SIGCONT"),
        }
    }

    /// A number that is read is that of a participant, or of one that has just ended.
    fn read(&mut self, file: u64) -> &'static str {
        if let Status::Held(claimant) = Status::of(Path::new(&path_of(file))) {
            let name = fs::read_to_string(format!("/proc/{}/comm", claimant.pid)).unwrap_or_default();
            if !matches!(name.trim_end(), "" | "pidfile" | "witness" | "exe" | "true") {
                violated(&format!("p{file} is read as {}, which is {name}", claimant.pid));
            }
        }
        "read"
    }

    /// Pins the claimant for a signal and checks that it is no stranger. A pinned process stays what it was.
    fn look_and_signal(&mut self, file: u64) -> &'static str {
        if let Ok(MaybePinned::Running(process, _)) = pin::pin(Path::new(&path_of(file))) {
            let name = fs::read_to_string(format!("/proc/{}/comm", process.pid())).unwrap_or_default();
            if !matches!(name.trim_end(), "" | "pidfile" | "witness" | "exe" | "true")
                && !process.has_ended().unwrap_or(true)
            {
                violated(&format!("p{file}: {} would be signalled, which is {name}", process.pid()));
            }
        }
        "take hold of"
    }

    fn claim(&mut self, words: &[&str], kind: &str, file: u64) -> &'static str {
        let mut command = pidfile(words, file);
        command.arg("witness").arg(kind).args([path_of(file), format!("witness{file}"), "violations".into()]);
        let name = match words.get(1) {
            Some(&"-b") => "claim -b",
            Some(&"--supervise") => "claim --supervise",
            Some(&"--replace") => "claim --replace",
            _ => "claim",
        };
        self.tool(command, name)
    }

    fn tool(&mut self, mut command: Command, kind: &'static str) -> &'static str {
        while self.running.len() >= TOOLS_AT_ONCE {
            let oldest = self.running.pop_front().expect("several");
            self.retire(oldest);
        }
        self.running.push_back(command.spawn().expect("pidfile"));
        kind
    }

    /// Waits a little for its end, then helps.
    fn retire(&mut self, mut child: Child) {
        let process = PidFd::open(pid::of_child(&child)).expect("a pidfd").expect("our own child");
        let ended = |within: u64| {
            let begun = Instant::now();
            loop {
                if process.has_ended().expect("poll(2)") {
                    return true;
                }
                if begun.elapsed() > Duration::from_millis(within) {
                    return false;
                }
                std::thread::sleep(Duration::from_micros(200));
            }
        };
        // It may have ended.
        let send = |signal| drop(process.signal(signal));
        if !ended(20) {
            send(Signal::CONT);
            if self.random.below(2) == 0 {
                send(Signal::TERM);
            }
            if !ended(50) {
                send(Signal::KILL);
                ended(60_000);
            }
        }
        if self.late {
            self.unreaped.push(child);
        } else {
            let status = child.wait().expect("our own child");
            let code = status.code().unwrap_or(0);
            // 1: the ready command said no, or stale; 3: the daemon has ended; 137: it had to be killed.
            if ![0, 1, 2, 3, 4, 75, 124, 137].contains(&code) && !(128..160).contains(&code) {
                let said = fs::read_to_string("said").unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(5).collect();
                violated(&format!("a tool ended with {code}; the last that was said: {last:?}"));
            }
        }
    }

    fn hit(&mut self, signal: Signal, kind: &'static str) -> &'static str {
        let all = participants();
        if !all.is_empty() {
            all[self.random.below(all.len() as u64) as usize].send(signal);
        }
        kind
    }
}

/// What other tools do to see whether a lock is free.
fn probe(file: u64) -> &'static str {
    if let Ok(opened) = File::open(path_of(file)) {
        let _ = FileExt::try_lock_shared(&opened);
    }
    "probe"
}

/// A tidy stranger: removes the file while it has the lock and nobody has one of the other kind, which a restart has.
fn remove_while_free(file: u64) -> &'static str {
    use std::os::unix::fs::MetadataExt;
    let path = path_of(file);
    if let Ok(opened) = File::open(&path)
        && FileExt::try_lock(&opened).is_ok()
        && let (Ok(ours), Ok(there)) = (opened.metadata(), fs::metadata(&path))
        && (ours.dev(), ours.ino()) == (there.dev(), there.ino())
        && byte_lock::is_free(&opened)
    {
        let _ = fs::remove_file(&path);
    }
    "remove while free"
}
