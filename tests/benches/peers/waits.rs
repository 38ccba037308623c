//! Waiting: how late a tool returns, what it costs meanwhile, and how large it is.

use crate::contest::{Measured, Report, Tools, interleaved, shown, spread};
use crate::locks::{Holder, resident};
use racefree::claim::{Claimed, try_claim};
use std::cell::RefCell;
use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::Child;
use std::time::{Duration, Instant};

/// What makes the awaited thing come true; what it gives is kept until the waiter has returned.
type Happen<'a> = Box<dyn Fn() -> Box<dyn std::any::Any> + 'a>;

/// From the moment that the awaited thing is true to the waiter's return.
fn lateness(tools: &Tools, waiter: &str, after: Duration, happen: &Happen) -> Duration {
    let mut waiting = tools.command(waiter).spawn().expect("a waiter");
    std::thread::sleep(after);
    let kept = happen();
    let happened = Instant::now();
    waiting.wait().expect("our own child");
    let late = happened.elapsed();
    drop(kept);
    late
}

pub fn ready(tools: &Tools, report: &mut Report) {
    let port = tests::free_port();
    let listen: Happen = Box::new(move || {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        Box::new(listener)
    });
    for (after, mark) in [(10, "1 ms"), (20, "1 ms"), (300, "15 ms"), (1000, "50 ms")] {
        let after = Duration::from_millis(after);
        let what = format!("tcp: return after listen(2), ready at {}", shown(after));
        let waiter = format!("waitfor tcp:127.0.0.1:{port}");
        let ours = || lateness(tools, &waiter, after, &listen);
        if !tools.has("wait-for-it") {
            report.skip("wait-for-it");
            let our = Measured::of((0..15).map(|_| ours()).collect());
            report.row(&what, &shown(our.median), "", "", mark);
            continue;
        }
        let peer = format!("wait-for-it -q 127.0.0.1:{port}");
        let theirs = || lateness(tools, &peer, after, &listen);
        let [our, their] = interleaved(15, &mut [Box::new(ours), Box::new(theirs)])[..] else { unreachable!("two") };
        report.ratio(&what, our.median, "wait-for-it", their.median, mark);
    }
    let file = tools.directory().join("file");
    let socket = tools.directory().join("socket");
    let claim = tools.directory().join("claim");
    let notified: [(&str, &str, Happen); 3] = [
        ("a file", "waitfor file:file", {
            let file = file.clone();
            Box::new(move || Box::new(fs::File::create(&file).expect("a file")))
        }),
        ("a unix socket", "waitfor unix:socket", {
            let socket = socket.clone();
            Box::new(move || Box::new(UnixListener::bind(&socket).expect("a socket")))
        }),
        ("a claim", "waitfor pidfile:claim", {
            let claim = claim.clone();
            Box::new(move || {
                let Ok(Claimed::Ours(held)) = try_claim(&claim) else { panic!("a free PID file") };
                held.record_this_process().expect("our own claim");
                Box::new(held)
            })
        }),
    ];
    for (what, waiter, happen) in notified {
        let all = (0..100).map(|_| {
            // Absent at the first round.
            let _ = fs::remove_file(&file);
            let _ = fs::remove_file(&socket);
            let _ = fs::remove_file(&claim);
            lateness(tools, waiter, Duration::from_millis(15), &happen)
        });
        report.row(&format!("return after {what} is there"), &spread(all.collect()), "", "", "0.5 ms");
    }
    let all = (0..100).map(|_| {
        let process = RefCell::new(tools.command("sleep 1000").spawn().expect("a process"));
        let waiter = format!("waitfor --down pid:{}", process.borrow().id());
        let end: Happen = Box::new(|| {
            process.borrow_mut().kill().expect("our own child");
            Box::new(())
        });
        let late = lateness(tools, &waiter, Duration::from_millis(15), &end);
        process.borrow_mut().wait().expect("our own child");
        late
    });
    report.row("return after a process has ended", &spread(all.collect()), "", "", "0.5 ms");
}

/// What a process has used so far: CPU time, and how often it gave up the processor to wait.
fn used(child: &Child) -> (Duration, u64) {
    let schedule = fs::read_to_string(format!("/proc/{}/schedstat", child.id())).unwrap_or_default();
    let nanoseconds = schedule.split_ascii_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or_default();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let switches = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap_or_default();
    (Duration::from_nanos(nanoseconds), switches.trim().parse().unwrap_or_default())
}

pub fn cost_of_waiting(tools: &Tools, report: &mut Report) {
    const LONG: Duration = Duration::from_secs(10);
    let port = tests::free_port();
    let _held = Holder::of(tools, "W");
    fs::write(tools.directory().join("quiet.log"), "").expect("a log");
    let waiters = [
        ("withlock W true", "0 wake-ups", "1.5 × flock"),
        ("flock W true", "", ""),
        ("logwatch --error FATAL quiet.log", "0 wake-ups", "2 × tail -F"),
        ("tail -F quiet.log", "", ""),
        ("waitfor --timeout none unix:nowhere", "0 wake-ups", ""),
        ("waitfor --timeout none pidfile:nowhere", "0 wake-ups", ""),
        (&format!("waitfor --timeout none tcp:127.0.0.1:{port}"), "10 ms", ""),
    ];
    let running: Vec<Running> = waiters.iter().map(|(line, ..)| Running::of(tools, line)).collect();
    std::thread::sleep(Duration::from_millis(500));
    let before: Vec<_> = running.iter().map(|waiter| used(&waiter.0)).collect();
    std::thread::sleep(LONG);
    for (((line, mark, memory_mark), Running(child)), before) in waiters.iter().zip(&running).zip(before) {
        let after = used(child);
        let cost = format!("{} of CPU, {} wake-ups", shown(after.0.saturating_sub(before.0)), after.1 - before.1);
        report.row(&format!("10 s of `{line}`"), &cost, "", "", mark);
        report.row(
            &format!("resident memory of `{line}`"),
            &format!("{} KiB", resident(child.id())),
            "",
            "",
            memory_mark,
        );
    }
}

/// A waiter that ends with the contest, also where that fails.
struct Running(Child);

impl Running {
    fn of(tools: &Tools, line: &str) -> Running {
        Running(tools.command(line).spawn().expect("a waiter"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

pub fn sizes(tools: &Tools, report: &mut Report) {
    for tool in ["pidfile", "withlock", "waitfor", "logwatch"] {
        let bytes = fs::metadata(tools.path(tool)).expect("a built utility").len();
        report.row(&format!("size of `{tool}`"), &format!("{:.2} MB", bytes as f64 / 1e6), "", "", "");
    }
}
