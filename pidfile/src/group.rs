//! `--group`: the descendants of a claimant, such as the daemon behind a shell or behind sudo(8).

use crate::send::Sender;
use nix::unistd::{Pid, getpid};
use racefree::claim::authority;
use racefree::cli::output;
use racefree::error::Result;
use racefree::lock::holders::Holder;
use racefree::process::pidfd::PidFd;
use racefree::process::procfs;
use racefree::process::tree::descendants_of;
use racefree::signal::Signal;
use std::path::Path;

/// The descendants of a claimant, and the processes of the session that it leads. Each is pinned while the claimant
/// lives, because its descent is unknown after the claimant's end.
pub(crate) struct Group<'a> {
    pidfile: &'a Path,
    members: Vec<PidFd>,
    /// The members over which a writer of the file has no power.
    left_alone: Vec<Pid>,
}

impl<'a> Group<'a> {
    /// Finds the group of the claimant of `pidfile`, as it is at this moment.
    pub(crate) fn of(pidfile: &'a Path, claimant: &PidFd) -> Result<Group<'a>> {
        let mut group = Group { pidfile, members: vec![], left_alone: vec![] };
        group.look(claimant).map(|_| group)
    }

    /// Looks again, and returns the place of the first new member.
    pub(crate) fn look(&mut self, claimant: &PidFd) -> Result<usize> {
        let first = self.members.len();
        for process in descendants_of(claimant.pid()).into_iter().chain(session_of(claimant)) {
            let pid = process.pid();
            let known = self.members.iter().any(|member| member.pid() == pid) || self.left_alone.contains(&pid);
            if known || pid == getpid() || pid == claimant.pid() {
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

    /// Sends a signal to the living members from this place on. Returns whether there was one.
    pub(crate) fn send(&self, sender: &Sender<'_>, from: usize, signal: Signal) -> Result<bool> {
        let mut sent = false;
        for member in &self.members[from..] {
            sent |= !member.has_ended()? && sender.send(member, signal)?;
        }
        Ok(sent)
    }

    /// The members that have not ended.
    pub(crate) fn living(&self) -> impl Iterator<Item = &PidFd> {
        self.members.iter().filter(|member| !member.has_ended().unwrap_or(false))
    }
}

/// The processes of the session that a living process leads. This finds a worker that was put in the background twice.
fn session_of(leader: &PidFd) -> Vec<PidFd> {
    let number = leader.pid().as_raw();
    let belongs = |pid: Pid| procfs::stat(pid).is_some_and(|stat| stat.session == number);
    if !belongs(leader.pid()) {
        return vec![];
    }
    let held = procfs::processes().filter(|&pid| belongs(pid)).filter_map(|pid| PidFd::open(pid).ok().flatten());
    // A PID that was recycled between the look and the pin names another process.
    let held: Vec<PidFd> = held.filter(|process| belongs(process.pid())).collect();
    // While the leader lives, no other session has its ID.
    if leader.has_ended().unwrap_or(true) { vec![] } else { held }
}
