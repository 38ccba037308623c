//! Logs: a line noticed, and a gigabyte judged.

use crate::contest::{Report, Tools, interleaved, spread, timed};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// From the append of an error line to the end of the tool that waits for it.
pub fn line_to_exit(tools: &Tools, report: &mut Report) {
    let path = tools.directory().join("line.log");
    let noticed = |waiter: Command| {
        let mut waiter = waiter;
        fs::write(&path, "begun\n").expect("a log");
        let mut waiting = waiter.spawn().expect("a waiter");
        std::thread::sleep(Duration::from_millis(50));
        let mut log = OpenOptions::new().append(true).open(&path).expect("our own log");
        log.write_all(b"FATAL: no disk\n").expect("our own log");
        let written = Instant::now();
        // `tail` ends when it writes the next line into a pipe that nobody reads.
        let follow = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            let _ = log.write_all(b"more\n");
        });
        waiting.wait().expect("our own child");
        let late = written.elapsed();
        follow.join().expect("the writer");
        late
    };
    let ours = || noticed(tools.command("logwatch -q --error FATAL line.log"));
    let theirs = || noticed(tools.shell("tail -n 0 -F line.log | grep -m1 FATAL"));
    let bash = || {
        let mut command = tools.command("bash");
        command.arg("-c").arg("grep -m1 FATAL <(tail -n 0 -F line.log)");
        noticed(command)
    };
    let runs = interleaved(40, &mut [Box::new(ours), Box::new(theirs), Box::new(bash)]);
    report.ratio("a line appended, to exit", runs[0].median, "tail -F | grep -m1", runs[1].median, "1 ms, 0.5");
    report.ratio("a line appended, to exit", runs[0].median, "grep -m1 <(tail -F)", runs[2].median, "");
}

/// A log that grows by 200 MB a second and is rotated every second. The error is the last line before a rotation.
pub fn growth(tools: &Tools, report: &mut Report) {
    const RUNS: usize = 15;
    let path = tools.directory().join("fast.log");
    let (wanted, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| write_at_200_mb_a_second(&path, &wanted, &over, &tell));
        let mut late = vec![];
        let mut memory = 0;
        for _ in 0..RUNS {
            let mut waiter = tools.command("logwatch -q --error FATAL --timeout 10s fast.log");
            let mut waiting = waiter.stdout(Stdio::piped()).spawn().expect("a waiter");
            // One rotation at least goes by before.
            std::thread::sleep(Duration::from_millis(1300));
            memory = memory.max(peak(waiting.id()));
            wanted.store(true, Ordering::Relaxed);
            let mut line = String::new();
            let found = BufReader::new(waiting.stdout.take().expect("a pipe")).read_line(&mut line);
            let noticed = Instant::now();
            let written = told.recv().expect("the writer");
            if found.is_ok() && line.starts_with("FATAL") {
                late.push(noticed - written);
            }
            waiting.wait().expect("our own child");
        }
        over.store(true, Ordering::Relaxed);
        let what = "200 MB a second, rotated every second: the last line before a rotation, until it is shown";
        let found = format!("{} of {RUNS} found", late.len());
        report.row(what, &format!("{}; {found}", spread(late)), "", "", "all");
        report.row("the most memory it had meanwhile", &format!("{memory} KiB"), "", "", "16 MB");
    });
    fs::remove_file(&path).and_then(|()| fs::remove_file(path.with_extension("log.1"))).expect("our own files");
}

fn write_at_200_mb_a_second(path: &Path, wanted: &AtomicBool, over: &AtomicBool, tell: &mpsc::Sender<Instant>) {
    const TICK: Duration = Duration::from_millis(5);
    let tick =
        "2026-11-21T04:05:06.000000Z info worker[7]: request 4711 served in 42 us from 10.0.0.1\n".repeat(11_494);
    let create = || fs::File::create(path).expect("a log");
    let mut log = create();
    let begun = Instant::now();
    // Two minutes at most, should nobody tell when it is over.
    for number in 1..24_000 {
        if over.load(Ordering::Relaxed) {
            return;
        }
        log.write_all(tick.as_bytes()).expect("room for a log");
        if number % 200 == 0 {
            if wanted.swap(false, Ordering::Relaxed) {
                log.write_all(b"FATAL: no disk\n").expect("room for a log");
                tell.send(Instant::now()).expect("a listener");
            }
            fs::rename(path, path.with_extension("log.1")).expect("our own log");
            log = create();
        }
        std::thread::sleep((TICK * number).saturating_sub(begun.elapsed()));
    }
}

/// The most that was ever resident, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

const GIGABYTE: u64 = 1 << 30;

/// A log of ordinary lines, with an error in each `every`.
fn log_with_errors(tools: &Tools, name: &str, every: Option<u64>) {
    let mut log = BufWriter::with_capacity(1 << 20, fs::File::create(tools.directory().join(name)).expect("a log"));
    let mut written = 0;
    for number in 0u64.. {
        let error = every.is_some_and(|every| number % every == every - 1);
        let word = if error { "ERROR" } else { "info" };
        let line = format!(
            "2026-11-21T04:05:06.{:06}Z {word} worker[{}]: request {number} served in {} us from 10.0.{}.{}\n",
            number % 1_000_000,
            number % 64,
            number * 7919 % 100_000,
            number % 256,
            number * 31 % 256
        );
        log.write_all(line.as_bytes()).expect("room for a gigabyte");
        written += line.len() as u64;
        if written >= GIGABYTE {
            return log.flush().expect("room for a gigabyte");
        }
    }
}

pub fn scan(tools: &Tools, report: &mut Report) {
    for (what, every) in [("no", None), ("few (1 in 100,000)", Some(100_000)), ("many (1 in 10)", Some(10))] {
        log_with_errors(tools, "big.log", every);
        for case in ["", "-i "] {
            let ours = format!("logwatch --no-follow {case}-e ERROR|FATAL|panic --from start big.log");
            let run = |line: String| {
                let mut command = tools.command(&line);
                // Exit codes differ by what was found; what counts here is the time.
                Box::new(move || timed(|| drop(command.status()))) as Box<dyn FnMut() -> Duration>
            };
            for (program, line) in [
                ("rg", format!("rg --no-config {case}-e ERROR|FATAL|panic big.log")),
                ("grep", format!("grep -E {case}-e ERROR|FATAL|panic big.log")),
            ] {
                if !tools.has(program) {
                    report.skip(program);
                    continue;
                }
                // GNU grep stops at the first match where its output goes to /dev/null.
                if program == "grep" && every.is_some() {
                    continue;
                }
                let runs = interleaved(5, &mut [run(ours.clone()), run(line)]);
                let mark = if program == "rg" { "1.0" } else { "" };
                report.ratio(
                    &format!("1 GB judged, {what} matches{}", if case.is_empty() { "" } else { ", -i" }),
                    runs[0].median,
                    program,
                    runs[1].median,
                    mark,
                );
            }
        }
    }
    for case in ["", "-i "] {
        let ten =
            "-e ERROR -e FATAL -e panic -e segfault -e denied -e corrupt -e refused -e abort -e unreachable -e stuck";
        let run = |line: String| {
            let mut command = tools.command(&line);
            Box::new(move || timed(|| drop(command.status()))) as Box<dyn FnMut() -> Duration>
        };
        if tools.has("rg") {
            let ours = run(format!("logwatch --no-follow {case}{ten} --from start big.log"));
            let runs = interleaved(5, &mut [ours, run(format!("rg --no-config {case}{ten} big.log"))]);
            let what = format!("1 GB judged, ten patterns{}", if case.is_empty() { "" } else { ", -i" });
            report.ratio(&what, runs[0].median, "rg", runs[1].median, "1.0");
        }
    }
    fs::remove_file(tools.directory().join("big.log")).expect("our own file");
}
