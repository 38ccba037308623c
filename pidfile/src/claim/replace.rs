//! `--replace`: the new daemon starts beside the old one, and takes over when it is ready.
//!
//! Both share the open file description of the claim, so it is never free in between. The switch is one write: before
//! it the old one is the claimant, after it the new one is, and the kernel vouches for both.

use crate::claim::leftovers;
use crate::claim::sd_notify;
use crate::claim::start::{Daemon, Role, Start};
use crate::claim::{Claim, busy};
use crate::signal::{send, to_be_signalled};
use racefree_core::claim as core;
use racefree_core::claim::ClaimGuard;
use racefree_core::claim::pin::{self, Pinned};
use racefree_core::claim::restart_lock::RestartLock;
use racefree_core::claim::status::Status;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::cli::output;
use racefree_core::cli::status_line::StatusLine;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::event::{Event, Watched};
use racefree_core::process::pidfd::PidFd;
use racefree_core::signal::Signal;
use std::os::fd::AsFd;

/// Replaces the claimant, or starts the first one.
pub(crate) fn replace(claim: &Claim) -> Result<Exit> {
    let deadline = Deadline::within(claim.detached.timeout);
    loop {
        let Some(ticket) = RestartLock::take_by(&claim.pidfile, deadline)? else {
            let why = format!("replace the claimant of {}: another restart is under way", claim.pidfile.display());
            return Err(exit_as(Exit::Busy, why));
        };
        leftovers::end(ticket.leftovers()?, claim.detached.kill_after)?;
        match to_be_signalled("replace the claimant of", &claim.pidfile, pin::pin(&claim.pidfile)?)? {
            Pinned::Running(old, _) => return Restart::prepare(claim, deadline, ticket, old)?.run(),
            Pinned::Nobody(_) => drop(ticket),
        }
        // Nobody runs. Another may have started one since: then that is the one to replace.
        match core::claim_by(claim.terms(), &claim.pidfile)? {
            core::Claimed::Ours(held) => return Start::prepare(claim, deadline, held)?.run(),
            core::Claimed::Busy(Status::Held(_)) => {}
            core::Claimed::Busy(reading) => return Err(busy(&claim.pidfile, &reading)),
        }
    }
}

struct Restart<'a> {
    start: Start<'a>,
    old: PidFd,
    /// The lock is ours already, together with the old one.
    shared: bool,
}

impl<'a> Restart<'a> {
    fn prepare(claim: &'a Claim, deadline: Deadline, ticket: RestartLock, old: PidFd) -> Result<Restart<'a>> {
        let shared = ClaimGuard::shared_with(&old, &claim.pidfile)?;
        let (held, shared) = match shared {
            Some(held) => (held, true),
            None => (ClaimGuard::unlocked(&claim.pidfile)?, false),
        };
        output::detail(|| {
            let how = if shared { "shared with" } else { "taken over at the end of" };
            format!("the claim is {how} process {}", old.pid())
        });
        Ok(Restart { start: Start::prepare(claim, deadline, held)?.under(ticket), old, shared })
    }

    fn run(self) -> Result<Exit> {
        let mut new = self.start.spawn(Role::Successor)?;
        output::detail(|| format!("started {} as process {}", self.start.name(), new.pid));
        let outcome = self.start.wait_until_ready(&mut new).and_then(|()| self.switch(&mut new));
        outcome.map(|()| Exit::Done).map_err(|failure| self.start.undo(failure))
    }

    /// Lets the new one be the claimant, and stops the old one. If that will not go, it is the claimant again.
    fn switch(&self, new: &mut Daemon) -> Result<()> {
        let outcome = self.hand_over(new);
        // Where it cannot be told whether the old one has ended, it is named: a number that is wrong is not believed.
        if outcome.is_err() && !self.old.has_ended().unwrap_or(false) {
            self.start.held.put_back_text()?;
            sd_notify::tell_manager(&format!("MAINPID={}", self.old.pid()))?;
        }
        outcome
    }

    fn hand_over(&self, new: &mut Daemon) -> Result<()> {
        self.start.held.name(new.pid)?;
        // Before the old one ends: a manager must not take that for the end of the service.
        sd_notify::tell_manager(&format!("MAINPID={}", new.pid))?;
        self.stop_old(new).and_then(|()| self.lock())
    }

    fn stop_old(&self, new: &mut Daemon) -> Result<()> {
        let claim = self.start.claim;
        send("replace the claimant of", &claim.pidfile, &self.old, claim.stop_signal)?;
        let mut status = StatusLine::begin();
        let old = self.old.pid();
        loop {
            status.show(|| format!("waiting for process {old} to end"));
            let watched = [Watched::Read(self.old.as_fd()), Watched::Read(new.child.process().as_fd())];
            match self.start.events.next(&watched, self.start.deadline.or(status.due()))? {
                Event::Signal(arrived) if arrived.signal == Signal::CHLD => {}
                Event::Signal(arrived) => {
                    let (signal, why) =
                        (arrived.signal, format!("{} arrived; process {old} may go on", arrived.signal));
                    return Err(self.start.failure(Exit::Signalled(signal), why));
                }
                Event::Ready(0) => return Ok(()),
                Event::Ready(_) => return Err(self.start.early_death(new)),
                Event::Deadline if self.start.deadline.passed() => {
                    return Err(self.start.too_late(&format!("the old one, process {old}, has not ended")));
                }
                Event::Deadline => {}
            }
        }
    }

    /// Where the lock could not be shared, it is taken now. The ticket keeps all claimers of our kind away.
    fn lock(&self) -> Result<()> {
        if self.shared || self.start.held.take_by(self.start.deadline)? {
            return Ok(());
        }
        let why = format!("another process has taken the lock of {} meanwhile", self.start.claim.pidfile.display());
        Err(self.start.failure(Exit::Busy, why))
    }
}
