//! `--forking`: the daemon that COMMAND leaves behind when it puts itself in the background.
//!
//! This process adopts orphans (PR_SET_CHILD_SUBREAPER(2const)), so each process that COMMAND leaves behind becomes its
//! child.

use crate::claim::start::{Daemon, Start};
use nix::unistd::Pid;
use racefree::claim::pid_text::{self, Text};
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::{Deadline, Pause};
use racefree::event::path_watch::PathWatch;
use racefree::lock::holders::{Holder, Holds, holds};
use racefree::open::{self, Links};
use racefree::process::child::{Child, Ended};
use racefree::process::pidfd::PidFd;
use racefree::process::procfs;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// Finds the daemon that COMMAND has left behind, and records it in the claim.
pub(crate) fn find(start: &Start<'_>, command: Daemon) -> Result<Daemon> {
    wait_for_command(start, command)?;
    start.held.name_nobody()?;
    let pid = match &start.options.pid_from {
        Some(file) => written_to(start, file)?,
        None => left_behind(start)?,
    };
    start.held.name(pid)?;
    start.learn_name(pid);
    output::detail(|| format!("its daemon is process {}", Holder::new(pid)));
    let gone = |_| start.attempt.failure(Exit::NotRunning, format!("its daemon, process {pid}, has ended"));
    Ok(Daemon { pid, child: Child::of(pid).map_err(gone)? })
}

fn wait_for_command(start: &Start<'_>, mut command: Daemon) -> Result<()> {
    let late = || "it has not gone into the background".to_owned();
    while start.next(&[Watched::Read(command.child.process().as_fd())], Deadline::NEVER, late)?.is_none() {}
    start.learn_name(command.pid);
    match command.child.reap()? {
        Ended::Status(0) => Ok(()),
        exit => Err(start.attempt.failure(Exit::NotRunning, format!("it {exit}"))),
    }
}

/// The process whose PID the daemon has written, if COMMAND has started that process. Any other PID is old, or a trap.
fn written_to(start: &Start<'_>, file: &Path) -> Result<Pid> {
    // This file system may send no events, so read the file again at intervals.
    const LOOK: Duration = Duration::from_secs(1);
    let (pause, mut watch) = (Pause::begin(), PathWatch::on(file));
    loop {
        watch.arm();
        // This many bytes show that a file is no PID file.
        let text = open::read_small(file, Links::Trusted, 4096).map(|content| pid_text::parse(&content));
        if let Ok(Text::Names(pid)) = text
            && let Some(process) = PidFd::open(pid)?
            && start.family.includes(&process)
            && !process.has_ended()?
        {
            return Ok(pid);
        }
        // One listing of /proc can miss a child whose parent ends meanwhile. The kernel's answer cannot.
        if start.family.has_no_child()? {
            return Err(start.attempt.failure(Exit::NotRunning, "it left no daemon behind"));
        }
        let trusted = watch.trusted();
        let look = if trusted { Deadline::after(LOOK) } else { pause.next() };
        let watched: Vec<Watched> = watch.descriptor().into_iter().map(Watched::Read).collect();
        let late = || format!("{} names no process that it has started", file.display());
        if start.next(&watched, look, late)?.is_some() {
            watch.drain();
        }
    }
}

/// The orphan that this process has adopted. An orphan that still runs may fork once more and end, as the second of the
/// three generations of daemon(7) does. So it gets a moment to fall asleep.
fn left_behind(start: &Start<'_>) -> Result<Pid> {
    const MOMENT: Duration = Duration::from_millis(100);
    let (pause, moment) = (Pause::begin(), Deadline::after(MOMENT).or(start.attempt.deadline()));
    loop {
        let mut left = start.family.children();
        if left.len() > 1 {
            let identity = start.held.locked_file()?;
            left.retain(|&pid| holds(pid, identity) == Holds::Yes);
        }
        let asleep = |pid: Pid| procfs::stat(pid).is_some_and(|stat| stat.asleep);
        match *left {
            [] if start.family.has_no_child()? => {
                let why = "it exited with status 0 and left no daemon behind";
                return Err(start.attempt.failure(Exit::NotRunning, why));
            }
            [only] if asleep(only) || moment.passed() => return Ok(only),
            _ if moment.passed() => {
                let several: Vec<String> = left.iter().map(|&pid| Holder::new(pid).to_string()).collect();
                let why = format!("it left several processes behind: {}; use --pid-from", several.join(", "));
                return Err(start.attempt.failure(Exit::Failed, why));
            }
            _ => {}
        }
        start.next(&[], moment.or(pause.next()), || "it has not gone into the background".to_owned())?;
    }
}
