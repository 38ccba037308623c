//! `--group`: the descendants of a claimant, such as the daemon behind a shell or behind sudo(8).

use crate::send::Sender;
use nix::unistd::{Pid, getpid};
use racefree::claim::authority;
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::deadline::{Deadline, Pause};
use racefree::event::first_ready;
use racefree::lock::holders::Holder;
use racefree::process::pidfd::PidFd;
use racefree::process::procfs;
use racefree::process::tree::descendants_of_any;
use racefree::signal::Signal;
use std::path::Path;
use std::time::Duration;

/// The descendants of a claimant, and the processes of the session that it leads. Each is pinned while the claimant
/// lives, because its descent is unknown after the claimant's end.
pub(crate) struct Group<'a> {
    pidfile: &'a Path,
    members: Vec<PidFd>,
    /// The members over which a writer of the file has no power.
    left_alone: Vec<Pid>,
}

/// The time that processes may take to stop. A process that hangs in the kernel does not stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// The number of looks for new members while the group is asked.
const LOOKS_AT_MOST: usize = 100;

impl<'a> Group<'a> {
    /// Finds the group of the claimant of `pidfile`, as it is at this moment.
    pub(crate) fn of(pidfile: &'a Path, claimant: &PidFd) -> Result<Group<'a>> {
        let mut group = Group { pidfile, members: vec![], left_alone: vec![] };
        group.look(Some(claimant)).map(|_| group)
    }

    /// Looks again, and returns the place of the first new member. `claimant` is `None` if it has ended.
    pub(crate) fn look(&mut self, claimant: Option<&PidFd>) -> Result<usize> {
        let first = self.members.len();
        let ancestors: Vec<&PidFd> = claimant.into_iter().chain(self.living()).collect();
        let session = claimant.map(session_of).unwrap_or_default();
        for process in descendants_of_any(&ancestors).into_iter().chain(session) {
            let pid = process.pid();
            // The PID of a member that has ended may be that of a new one.
            let known = self.living().any(|member| member.pid() == pid) || self.left_alone.contains(&pid);
            // A stopped claimant does not reap its zombies.
            if known
                || process.has_ended()?
                || pid == getpid()
                || claimant.is_some_and(|claimant| claimant.pid() == pid)
            {
                continue;
            }
            match authority::objection_to(self.pidfile, &process)? {
                None => self.members.push(process),
                Some(why) => {
                    output::notice(&format!(
                        "{} descends from the claimant and is left alone: {why}",
                        Holder::new(pid)
                    ));
                    self.left_alone.push(pid);
                }
            }
        }
        Ok(first)
    }

    /// Asks the claimant and the group to end: looks and sends the signal until a look finds no new member. A process
    /// that is forked later is awaited and not asked: it may be what the daemon does at its end.
    pub(crate) fn ask(&mut self, sender: &Sender<'_>, claimant: &PidFd, signal: Signal) -> Result<()> {
        // Race: forked-while-asked (docs/races.md)
        // A stopped claimant neither forks nor ends meanwhile.
        let stops = stops_unseen(claimant) && sender.send(claimant, Signal::STOP).unwrap_or(false);
        let asked = self.ask_all(sender, claimant, signal, stops);
        if stops {
            sender.send(claimant, Signal::CONT)?;
        }
        asked
    }

    fn ask_all(&mut self, sender: &Sender<'_>, claimant: &PidFd, signal: Signal, stops: bool) -> Result<()> {
        let (pause, patience) = (Pause::begin(), Deadline::after(PATIENCE));
        while stops && !is_still(claimant) && !patience.passed() {
            first_ready(&[], pause.next().or(patience))?;
        }
        sender.send(claimant, signal)?;
        let mut from = 0;
        for _ in 0..LOOKS_AT_MOST {
            self.send(sender, from, signal)?;
            from = self.look(Some(claimant).filter(|claimant| !claimant.has_ended().unwrap_or(true)))?;
            if from == self.members.len() {
                break;
            }
        }
        Ok(())
    }

    /// Sends KILL to the claimant, if it has not ended, and to the group. Returns whether one was killed.
    pub(crate) fn kill(&mut self, sender: &Sender<'_>, claimant: Option<&PidFd>) -> Result<bool> {
        let stopped = self.stop_all(sender, claimant);
        let killed = claimant.map_or(Ok(false), |claimant| sender.send(claimant, Signal::KILL));
        let all_killed = self.send(sender, 0, Signal::KILL);
        stopped.and(killed).and_then(|killed| Ok(killed | all_killed?))
    }

    /// Stops the claimant and the group until a look finds no new member. A stopped process does not fork, and does not
    /// hand its children to another parent.
    fn stop_all(&mut self, sender: &Sender<'_>, claimant: Option<&PidFd>) -> Result<()> {
        // Race: forked-while-asked (docs/races.md)
        let (pause, patience) = (Pause::begin(), Deadline::after(PATIENCE));
        let stopped = claimant.filter(|claimant| stops_unseen(claimant));
        let mut unstopped = stopped.into_iter().chain(&self.members).collect::<Vec<_>>();
        loop {
            for process in unstopped {
                // KILL follows, and its failure is told.
                let _ = sender.send(process, Signal::STOP);
            }
            let still = stopped.into_iter().chain(self.living()).all(is_still);
            let from = self.look(claimant)?;
            if (still && from == self.members.len()) || patience.passed() {
                return Ok(());
            }
            unstopped = self.members[from..].iter().collect();
            if unstopped.is_empty() {
                first_ready(&[], pause.next().or(patience))?;
            }
        }
    }

    /// Sends a signal to the living members from this place on. Returns whether there was one.
    ///
    /// # Errors
    /// The first refused signal. The others are sent all the same.
    pub(crate) fn send(&self, sender: &Sender<'_>, from: usize, signal: Signal) -> Result<bool> {
        let living = self.members[from..].iter().filter(|member| !member.has_ended().unwrap_or(false));
        let sent: Vec<Result<bool>> = living.map(|member| sender.send(member, signal)).collect();
        sent.into_iter().try_fold(false, |any, sent| Ok(any | sent?))
    }

    /// The members that have not ended.
    pub(crate) fn living(&self) -> impl Iterator<Item = &PidFd> {
        self.members.iter().filter(|member| !member.has_ended().unwrap_or(false))
    }
}

fn is_still(process: &PidFd) -> bool {
    process.has_ended().unwrap_or(true) || procfs::is_stopped(process.pid())
}

/// Whether nobody watches this claimant for a stop: init is its parent, as after a start in the background. A shell would
/// take it for a job that is to be continued, and su(1) stops itself when its command stops.
fn stops_unseen(claimant: &PidFd) -> bool {
    leads_a_session(claimant) && procfs::stat(claimant.pid()).is_some_and(|stat| stat.parent == 1)
}

fn leads_a_session(process: &PidFd) -> bool {
    procfs::stat(process.pid()).is_some_and(|stat| stat.session == process.pid().as_raw())
}

/// The processes of the session that a living process leads. This finds a worker that was put in the background twice.
fn session_of(leader: &PidFd) -> Vec<PidFd> {
    let number = leader.pid().as_raw();
    let belongs = |pid: Pid| procfs::stat(pid).is_some_and(|stat| stat.session == number);
    if !leads_a_session(leader) {
        return vec![];
    }
    let held = procfs::processes().filter(|&pid| belongs(pid)).filter_map(|pid| PidFd::open(pid).ok().flatten());
    // A PID that was recycled between the look and the pin names another process.
    let held: Vec<PidFd> = held.filter(|process| belongs(process.pid())).collect();
    // While the leader lives, no other session has its ID.
    if leader.has_ended().unwrap_or(true) { vec![] } else { held }
}
