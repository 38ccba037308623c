//! PID files: reading one or many, stopping a daemon, and the whole start.

use crate::contest::{Measured, Report, Tools, commands, interleaved, shown, timed};
use crate::locks::floor;
use racefree::event::deadline::Deadline;
use racefree::process::pidfd::PidFd;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn claimed(tools: &Tools, name: &str, daemon: &str) -> PidFd {
    let claim = tools.command(&format!("pidfile claim --background {name} {daemon}")).status();
    assert!(claim.is_ok_and(|status| status.success()), "claim {name}");
    held(&tools.directory().join(name))
}

fn held(pidfile: &Path) -> PidFd {
    match racefree::claim::pin::pin(pidfile) {
        Ok(racefree::claim::pin::MaybePinned::Running(process, _)) => process,
        other => panic!("not claimed: {other:?}"),
    }
}

fn end(tools: &Tools, name: &str) {
    assert!(
        tools.command(&format!("pidfile stop {name}")).status().is_ok_and(|status| status.success()),
        "stop {name}"
    );
}

pub fn read(tools: &Tools, report: &mut Report) {
    let _daemon = claimed(tools, "R", "sleep 1000");
    let peers =
        [("start-stop-daemon", "start-stop-daemon --status --pidfile R", "0.45"), ("pgrep", "pgrep -F R -L", "0.1")];
    let floor = floor(tools);
    for (program, line, mark) in peers {
        if !tools.has(program) {
            report.skip(program);
            continue;
        }
        let least = floor.as_ref().map_or("true".to_owned(), |floor| format!("{floor} -r R"));
        let [our, their, least] = commands(tools, 300, &["pidfile read R", line, &least])[..] else {
            unreachable!("three")
        };
        report.ratio("`pidfile read F`", our.median, line, their.median, mark);
        if floor.is_some() {
            report.floor("pidfile read F", our.median, least.median);
        }
    }
    end(tools, "R");
}

pub fn read_many(tools: &Tools, report: &mut Report) {
    const MANY: usize = 10_000;
    // One daemon that claims them all is enough: what is measured is the reader.
    let daemon = claimed(tools, "M", "sleep 1000");
    let text = std::fs::read(tools.directory().join("M")).expect("a PID file");
    for number in 0..MANY {
        std::fs::write(tools.directory().join(format!("many{number}")), &text).expect("a file");
    }
    let files: Vec<String> = (0..MANY).map(|number| format!("many{number}")).collect();
    let one = || timed(|| drop(tools.command("pidfile -q read M").status()));
    let all = || timed(|| drop(tools.command("pidfile -q read").args(&files).status()));
    let [one, all]: [Measured; 2] =
        interleaved(25, &mut [Box::new(one), Box::new(all)]).try_into().unwrap_or_else(|_| unreachable!("two"));
    let each = all.beyond(one) / MANY as u32;
    report.row(
        "`pidfile read` of 10,000 stale files, each",
        &format!("{:.1} µs", each.as_nanos() as f64 / 1e3),
        "",
        "",
        "5 µs",
    );
    drop(daemon);
    end(tools, "M");

    let _daemon = claimed(tools, "R", "sleep 1000");
    // In turn with `true`: after python3 the caches are cold, with locks and without.
    let reads = || {
        let run = |line: &'static str| timed(|| drop(tools.command(line).status()));
        (0..30).map(|_| (run("true"), run("pidfile read R"))).collect::<Vec<_>>()
    };
    // Another process holds them: one with so many descriptors would be slow to start the reader.
    let list = files.join("\n");
    std::fs::write(tools.directory().join("list"), list).expect("a file");
    let hold = "import fcntl,time; held=[open(f) for f in open('list').read().split()]; \
                [fcntl.flock(f, fcntl.LOCK_EX) for f in held]; open('all','w'); time.sleep(1000)";
    let (mut with, mut without) = (vec![], vec![]);
    for _ in 0..20 {
        without.extend(reads());
        let mut holder = tools.command("python3").arg("-c").arg(hold).spawn().expect("python3");
        while !tools.directory().join("all").exists() {
            std::thread::sleep(Duration::from_millis(1));
        }
        with.extend(reads());
        holder.kill().and_then(|()| holder.wait()).expect("our own child");
        std::fs::remove_file(tools.directory().join("all")).expect("our own file");
    }
    let beyond_true = |runs: Vec<(Duration, Duration)>| {
        let (alone, read) = runs.into_iter().unzip();
        Measured::of(read).beyond(Measured::of(alone))
    };
    let (with, without) = (beyond_true(with), beyond_true(without));
    let what = "`pidfile read F` beside 10,000 unrelated locks, over `true`";
    report.ratio(what, with, "without them", without, "1.0");
    end(tools, "R");
    for name in &files {
        std::fs::remove_file(tools.directory().join(name)).expect("our own file");
    }
}

/// From the daemon's death, seen by a pidfd of our own, to the return of the tool that stops it.
fn stop_latency(tools: &Tools, linger: &str, mut stopper: Command) -> Duration {
    let daemon = claimed(tools, "S", &format!("demod --unix stop.socket --linger {linger}"));
    let watcher = std::thread::spawn(move || {
        let events = racefree::event::Watched::Read(daemon.as_fd());
        let waiting = racefree::event::Events::armed().expect("signals");
        waiting.next(&[events], Deadline::NEVER).expect("the daemon's end");
        Instant::now()
    });
    // The daemon must be at its post, or it dies of TERM before it can linger.
    while !tools.directory().join("stop.socket").exists() {
        std::thread::sleep(Duration::from_micros(200));
    }
    stopper.status().expect("a stopper");
    let returned = Instant::now();
    let died = watcher.join().expect("the watcher");
    let _ = std::fs::remove_file(tools.directory().join("stop.socket"));
    returned.saturating_duration_since(died)
}

pub fn stop(tools: &Tools, report: &mut Report) {
    let peers = [
        ("start-stop-daemon", "start-stop-daemon --stop --retry 5 --pidfile S"),
        ("pidwait", "kill $(cat S); pidwait -F S"),
        ("sh", "kill $(cat S); while kill -0 $(cat S) 2>/dev/null; do sleep 0.1; done"),
    ];
    for linger in ["0ms", "15ms", "150ms"] {
        for (program, script) in peers {
            if !tools.has(program) {
                report.skip(program);
                continue;
            }
            let ours = || stop_latency(tools, linger, tools.command("pidfile stop S"));
            let theirs = || stop_latency(tools, linger, tools.shell(script));
            let [our, their] = interleaved(8, &mut [Box::new(ours), Box::new(theirs)])[..] else { unreachable!("two") };
            let what = format!("stop: return after the death of a daemon that takes {linger}");
            report.ratio(&what, our.median, script, their.median, "1 ms");
        }
    }
}

/// The whole start around a daemon that is ready at once.
pub fn chain(tools: &Tools, report: &mut Report) {
    std::fs::write(tools.directory().join("log"), "").expect("a log");
    let port = tests::free_port();
    let end = || end(tools, "C");
    let own = || {
        let mut daemon = tools.command(&format!("demod --port {port}"));
        let begun = Instant::now();
        let mut daemon = daemon.spawn().expect("a daemon");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
        let time = begun.elapsed();
        daemon.kill().and_then(|()| daemon.wait()).expect("our own child");
        time
    };
    let ours = || {
        let script = format!(
            "exec withlock lock logwatch -e 'FATAL|panic' log -- pidfile claim --background --log log \
             --ready 'waitfor --while pidfile:$PIDFILE tcp:127.0.0.1:{port}' C demod --port {port}"
        );
        let time = timed(|| assert!(tools.shell(&script).status().is_ok_and(|status| status.success()), "the chain"));
        end();
        time
    };
    let demod = env!("CARGO_BIN_EXE_demod");
    let debian =
        format!("start-stop-daemon -S -b -m -p D -x {demod} -- --port {port} && wait-for-it -q 127.0.0.1:{port}");
    let ruby = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/daemon_controller.rb");
    let ruby = |verb: &str| format!("ruby {ruby} {verb} {demod} {port}");
    std::fs::write(tools.directory().join("ruby.log"), "").expect("a log");
    let peers = [
        (
            "start-stop-daemon and wait-for-it",
            tools.has("start-stop-daemon") && tools.has("wait-for-it"),
            debian,
            "start-stop-daemon --stop --retry 5 --pidfile D".to_owned(),
        ),
        (
            "ruby daemon_controller",
            tools.shell("ruby -e 'require \"phusion_passenger\"'").status().is_ok_and(|status| status.success()),
            ruby("start"),
            ruby("stop"),
        ),
    ];
    for (name, is_here, start, stop) in peers {
        if !is_here {
            report.skip(name);
            continue;
        }
        let theirs = || {
            let time = timed(|| assert!(tools.shell(&start).status().is_ok_and(|status| status.success()), "{start}"));
            tools.shell(&stop).status().expect("a stopper");
            time
        };
        let [own, ours, theirs] = interleaved(25, &mut [Box::new(own), Box::new(ours), Box::new(theirs)])[..] else {
            unreachable!("three")
        };
        let beyond = shown(ours.beyond(own));
        report.row("the whole chain, over the daemon's own time", &beyond, "", "", "8 ms");
        report.ratio("the whole chain", ours.median, name, theirs.median, "0.1");
    }
}
