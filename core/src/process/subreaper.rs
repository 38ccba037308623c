//! The descendants of this process, orphans too, and their common end.
//!
//! A child subreaper (PR_SET_CHILD_SUBREAPER(2const)) adopts every orphaned descendant. So if no child is left, no
//! descendant is left, however often they forked and whichever session they moved to.

use crate::error::{Context, Result};
use crate::event::deadline::Deadline;
use crate::event::{Event, Events, Watched};
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use crate::process::tree::{descendants_of, descends_from};
use crate::signal::Signal;
use crate::sys::any_ended;
use crate::sys::beyond_nix::{reap_any, wait_for};
use nix::errno::Errno;
use nix::sys::prctl::set_child_subreaper;
use nix::unistd::{Pid, getpgrp, getpid};
use std::collections::HashSet;
use std::os::fd::AsFd;
use std::time::Duration;

/// The right to adopt orphaned descendants.
#[derive(Debug)]
pub struct Subreaper(());

impl Subreaper {
    /// Makes this process adopt its orphaned descendants.
    ///
    /// # Errors
    /// A refused prctl(2).
    pub fn adopt() -> Result<Subreaper> {
        set_child_subreaper(true).act("adopt", "orphans")?;
        Ok(Subreaper(()))
    }

    /// The living children of this process: those that it has started, and the orphans that it has adopted.
    pub fn children(&self) -> Vec<Pid> {
        let us = getpid().as_raw();
        let ours = |pid: &Pid| procfs::stat(*pid).is_some_and(|stat| stat.parent == us) && PidFd::is_alive(*pid);
        procfs::processes().filter(ours).collect()
    }

    /// Whether no child is left. It asks the kernel, because one listing of /proc can miss a child whose parent ends
    /// meanwhile.
    ///
    /// # Errors
    /// A refused wait(2).
    pub fn has_no_child(&self) -> Result<bool> {
        nobody_left()
    }

    /// Whether the process is a descendant of this one.
    pub fn includes(&self, process: &PidFd) -> bool {
        descends_from(process, getpid())
    }

    /// Ends every descendant: TERM, then KILL after `kill_after` or at a second request. It returns when none is left.
    /// Their PIDs are free then.
    ///
    /// `events` must be armed for orphans.
    ///
    /// # Errors
    /// A refused wait(2) or poll(2).
    pub fn end(&self, events: &Events, kill_after: Duration) -> Result<()> {
        let mut asked = HashSet::new();
        let patience = Deadline::after(kill_after);
        loop {
            if nobody_left()? {
                return Ok(());
            }
            for process in descendants().into_iter().filter(|process| asked.insert(process.pid())) {
                // A process that has ended meanwhile, or that runs as another user, does not count.
                let _ = process.signal(Signal::TERM);
                // A stopped process gets TERM only when it is continued.
                let _ = process.signal(Signal::CONT);
            }
            match events.next(&[], patience)? {
                // Children may come and go without end.
                Event::Signal(arrived) if arrived.signal == Signal::CHLD && !patience.passed() => {}
                _ => return kill(events),
            }
        }
    }
}

impl Subreaper {
    /// Ends the descendants in our process group, as a shell's job ends: TERM, then KILL after `kill_after` or at a
    /// second request. A daemon in a session of its own is left alone.
    ///
    /// # Errors
    /// A refused wait(2) or poll(2).
    pub fn end_own_group(&self, events: &Events, kill_after: Duration) -> Result<()> {
        // The group is 0 if it began outside of our PID namespace, in /proc as well as here.
        let group = getpgrp().as_raw();
        let mut asked = HashSet::new();
        let mut patience = Deadline::after(kill_after);
        let (mut with, mut gives_up) = (Signal::TERM, Deadline::NEVER);
        let mut seen_none = 0;
        loop {
            nobody_left()?;
            let job: Vec<PidFd> = descendants().into_iter().filter(|process| runs_in(process, group)).collect();
            if job.is_empty() {
                seen_none += 1;
                // One look can miss a process, because descriptors may run out for a moment.
                if seen_none == 2 {
                    return Ok(());
                }
                continue;
            }
            seen_none = 0;
            for process in job.iter().filter(|process| asked.insert((process.pid(), with.number()))) {
                // A stopped process gets TERM only when it is continued.
                let _ = process.signal(with);
                let _ = process.signal(Signal::CONT);
            }
            let watched: Vec<Watched> = job.iter().map(|process| Watched::Read(process.as_fd())).collect();
            match events.next(&watched, patience)? {
                Event::Ready(_) if !patience.passed() => {}
                Event::Signal(arrived) if arrived.signal == Signal::CHLD && !patience.passed() => {}
                _ => {
                    if with != Signal::KILL {
                        gives_up = Deadline::after(AFTER_KILL);
                    } else if gives_up.passed() {
                        return Err(not_ended(&job));
                    }
                    // After KILL only wait for them. The next look sees a child that was forked meanwhile.
                    (with, patience) = (Signal::KILL, Deadline::after(LOOK_AGAIN));
                }
            }
        }
    }

    /// Reaps the orphans that have ended, but not the child for which another part of the program waits.
    ///
    /// # Errors
    /// A refused wait(2).
    pub fn reap_orphans(&self, but: Pid) -> Result<()> {
        reap_all_but(but)
    }
}

/// Reaps the children that have ended, but not the one for which another part of the program waits.
pub(crate) fn reap_all_but(but: Pid) -> Result<()> {
    loop {
        match any_ended() {
            // A zombie child stays a zombie until we reap it. So this call neither blocks nor hits another process.
            Ok(Some(pid)) if pid != but => drop(wait_for(pid)),
            Ok(_) => return Ok(()),
            Err(Errno::ECHILD) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e).act("wait for", "children"),
        }
    }
}

fn runs_in(process: &PidFd, group: i32) -> bool {
    procfs::stat(process.pid()).is_some_and(|stat| stat.group == group) && !process.has_ended().unwrap_or(false)
}

/// The time from KILL to the next look, which sees a child that was forked while we read /proc.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The time after KILL from which on a living process counts as hanging in the kernel.
const AFTER_KILL: Duration = Duration::from_secs(1);

fn not_ended(left: &[PidFd]) -> anyhow::Error {
    let named: Vec<String> = left.iter().take(20).map(|process| process.pid().to_string()).collect();
    anyhow::anyhow!("end what was started: killed, and not ended after a second: process {}", named.join(", "))
}

fn kill(events: &Events) -> Result<()> {
    const SEEN_NONE_AT_MOST: usize = 100;
    let mut seen_none = 0;
    let gives_up = Deadline::after(AFTER_KILL);
    while !nobody_left()? {
        let found = descendants();
        seen_none = if found.is_empty() { seen_none + 1 } else { 0 };
        if seen_none == SEEN_NONE_AT_MOST {
            anyhow::bail!("end what was started: it lives, but /proc does not show it");
        }
        for process in &found {
            // A process that has ended meanwhile does not count.
            let _ = process.signal(Signal::KILL);
        }
        if gives_up.passed() && !found.is_empty() {
            return Err(not_ended(&found));
        }
        events.next(&[], Deadline::after(LOOK_AGAIN))?;
    }
    Ok(())
}

/// Reaps every child that has ended. Returns whether no child is left.
fn nobody_left() -> Result<bool> {
    loop {
        match reap_any() {
            Ok(Some(_)) | Err(Errno::EINTR) => {}
            Ok(None) => return Ok(false),
            Err(Errno::ECHILD) => return Ok(true),
            Err(e) => return Err(e).act("wait for", "children"),
        }
    }
}

fn descendants() -> Vec<PidFd> {
    descendants_of(getpid())
}
