//! Lock wrappers: what one call costs, how fast a lock is handed on, how a long queue behaves.

use crate::contest::{Report, Tools, commands, interleaved};
use fs4::FileExt;
use nix::time::ClockId;
use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Without a C library and its start: what is left are the kernel's exec, the system calls, and the end.
const BARE: [&str; 6] =
    ["-nostdlib", "-ffreestanding", "-fno-builtin", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-O2"];

/// A static program: its own start is as short as can be.
pub fn compiled(tools: &Tools, name: &str, options: &[&str]) -> Option<String> {
    let program = tools.directory().join(name);
    let source = format!("{}/benches/peers/{name}.c", env!("CARGO_MANIFEST_DIR"));
    let compiled = Command::new("cc").arg("-static").args(options).arg("-o").arg(&program).arg(source).status();
    compiled.is_ok_and(|status| status.success()).then(|| program.to_string_lossy().into_owned())
}

/// The bare system calls; `None` where it cannot be built (it is written for x86_64).
pub fn floor(tools: &Tools) -> Option<String> {
    compiled(tools, "floor", &BARE)
}

pub fn start_up(tools: &Tools, report: &mut Report) {
    let floor = floor(tools);
    match &floor {
        Some(floor) => {
            let [alone, asking] = commands(tools, 50, &[floor, &format!("{floor} -q F")])[..] else {
                unreachable!("two")
            };
            report.cpuid = Some(asking.beyond(alone) / 4300);
        }
        None => report.skip("the floor (x86_64 only)"),
    }
    let peers = [
        ("flock", "flock F true", "withlock F true", "F true", "0.40"),
        ("flock -F", "flock -F F true", "withlock -F F true", "-F F true", "0.6"),
        ("setlock", "setlock F true", "withlock -F F true", "-F F true", "0.45"),
        ("chpst", "chpst -l F true", "withlock -F F true", "-F F true", "0.9"),
        ("s6-setlock", "s6-setlock F true", "withlock -F F true", "-F F true", "0.9"),
        ("setlock", "setlock F true", "pidfile claim P true", "-c P true", "0.60"),
    ];
    for (peer, theirs, ours, least, mark) in peers {
        if !tools.has(theirs.split(' ').next().unwrap_or_default()) {
            report.skip(peer);
            continue;
        }
        let least = format!("{} {least}", floor.as_deref().unwrap_or("true"));
        let measured = commands(tools, 600, &["true", ours, theirs, &least]);
        let [alone, our, their, least] = measured[..] else { unreachable!("four") };
        report.ratio(&format!("`{ours}`, over `true`"), our.beyond(alone), peer, their.beyond(alone), mark);
        if floor.is_some() {
            report.floor(ours, our.beyond(alone), least.beyond(alone));
        }
    }
}

/// From the holder's end (by KILL) to the start of the waiter's command.
pub fn hand_off(tools: &Tools, report: &mut Report) {
    let (Some(began), Some(floor)) = (compiled(tools, "began", &["-O2"]), floor(tools)) else {
        return report.skip("the hand-off (no static C library, or not x86_64)");
    };
    let handed = |waiter: &str| {
        let line = format!("{waiter} H {began}");
        move || {
            let lock = Holder::of(tools, "H");
            let mut waiting = tools.command(&line).stdout(Stdio::piped()).spawn().expect("a waiter");
            wait_until_blocked(&waiting);
            let released = monotonic();
            drop(lock);
            let mut said = String::new();
            waiting.stdout.take().expect("a pipe").read_to_string(&mut said).expect("a time");
            waiting.wait().expect("our own child");
            Duration::from_nanos(said.trim_end().parse().expect("a time")) - released
        }
    };
    for (ours, theirs, mark) in [("withlock", "flock", "0.7"), ("withlock -F", "setlock", "1.0")] {
        if !tools.has(theirs) {
            report.skip(theirs);
            continue;
        }
        let least = ours.replace("withlock", &floor);
        let contestants: [Box<dyn FnMut() -> Duration>; 3] =
            [Box::new(handed(&least)), Box::new(handed(ours)), Box::new(handed(theirs))];
        let [least, our, their] = interleaved(300, &mut { contestants })[..] else { unreachable!("three") };
        report.ratio(&format!("the floor of `{theirs}`'s hand-off"), least.median, theirs, their.median, "");
        report.ratio(&format!("hand-off to `{ours} H COMMAND`"), our.median, theirs, their.median, mark);
    }
}

fn monotonic() -> Duration {
    ClockId::CLOCK_MONOTONIC.now().expect("a clock").into()
}

/// A process that holds a lock until it is dropped. It must not be this one: withlock refuses at once to wait for a lock
/// that an ancestor of its own holds.
pub struct Holder(Child);

impl Holder {
    pub fn of(tools: &Tools, file: &str) -> Holder {
        let holder = tools.command(&format!("flock -F {file} sleep 1000")).spawn().expect("flock");
        let file = tools.directory().join(file);
        while File::open(&file).is_ok_and(|file| FileExt::try_lock(&file).is_ok()) || !file.exists() {
            std::thread::sleep(Duration::from_micros(200));
        }
        Holder(holder)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("our own child");
    }
}

fn wait_until_blocked(waiting: &Child) {
    let path = format!("/proc/{}/wchan", waiting.id());
    let lock_wait = |place: &str| place.contains("lock");
    let begun = Instant::now();
    while !std::fs::read_to_string(&path).is_ok_and(|place| lock_wait(&place)) {
        // Where the kernel does not tell, it surely waits by now.
        if begun.elapsed() > Duration::from_millis(20) {
            return;
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}

pub fn queue(tools: &Tools, report: &mut Report) {
    const WAITERS: usize = 1000;
    let drained = |waiter: &str| {
        let lock = Holder::of(tools, "Q");
        let mut waiting: Vec<Child> = (0..WAITERS).map(|_| tools.command(waiter).spawn().expect("a waiter")).collect();
        waiting.iter().for_each(wait_until_blocked);
        let memory: u64 = waiting.iter().map(|child| resident(child.id())).sum();
        let released = Instant::now();
        drop(lock);
        waiting.iter_mut().for_each(|child| drop(child.wait()));
        let time = released.elapsed();
        (time, memory / WAITERS as u64)
    };
    let in_order = |wrapper: &str| {
        let order = tools.directory().join("order");
        std::fs::write(&order, "").expect("our own file");
        let lock = Holder::of(tools, "Q");
        let mut waiting: Vec<Child> = Vec::new();
        for number in 0..WAITERS {
            let script = format!("echo {number} >> order");
            let waiter = tools.command(wrapper).args(["Q", "sh", "-c", &script]).spawn().expect("a waiter");
            wait_until_blocked(&waiter);
            waiting.push(waiter);
        }
        drop(lock);
        waiting.iter_mut().for_each(|child| drop(child.wait()));
        let order = std::fs::read_to_string(&order).expect("our own file");
        let order: Vec<usize> = order.lines().filter_map(|line| line.parse().ok()).collect();
        assert_eq!(order.len(), WAITERS, "{wrapper}");
        order.windows(2).filter(|pair| pair[0] > pair[1]).count()
    };
    let (our, their) = (in_order("withlock"), in_order("flock"));
    report.row(
        "of 1,000 waiters, those that overtook the one before",
        &our.to_string(),
        &format!("flock: {their}"),
        "",
        "0",
    );
    let (our, our_memory) = drained("withlock Q true");
    let (their, their_memory) = drained("flock Q true");
    report.ratio("1,000 waiters on one lock, until the last has had it", our, "flock", their, "");
    let ratio = our_memory as f64 / their_memory as f64;
    let kib = |memory| format!("{memory} KiB");
    report.row(
        "resident memory of a waiter",
        &kib(our_memory),
        &format!("flock: {}", kib(their_memory)),
        &format!("{ratio:.2}"),
        "1.5",
    );
}

/// Resident memory in KiB.
pub fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
