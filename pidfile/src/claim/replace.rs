//! `--replace`: the new daemon starts beside the old one, and takes over when it is ready.
//!
//! Both share the open file description of the claim, so it is never free in between. The switch is one write: before
//! it the old one is the claimant, after it the new one is, and the kernel vouches for both.

use crate::claim::background::launch_claimant;
use crate::claim::hold::busy;
use crate::claim::mode::Launch;
use crate::claim::options::Claim;
use crate::claim::role::Role;
use crate::claim::service_manager::{self, Delivery};
use crate::claim::start::{Daemon, Start};
use crate::claim::{leftovers, ready};
use crate::send::Sender;
use nix::unistd::Pid;
use racefree::claim::evidence::{Trust, pin_to_signal};
use racefree::claim::pin::MaybePinned;
use racefree::claim::restart_lock::RestartLock;
use racefree::claim::status::Status;
use racefree::claim::{ClaimGuard, Claimed, claim_by};
use racefree::cli::ended_by;
use racefree::cli::exit::{Exit, ending, exit_as};
use racefree::cli::output;
use racefree::cli::status_line::StatusLine;
use racefree::error::{Result, sentence};
use racefree::event::deadline::Deadline;
use racefree::event::{Watched, first_ready};
use racefree::listener::decision;
use racefree::process::pidfd::PidFd;
use std::os::fd::AsFd;
use std::time::Duration;

/// How long a service manager may take to read what it is told, and no longer than half of the time that is left. One that
/// takes longer may miss it.
const PATIENCE: Duration = Duration::from_secs(5);

const ACT: &str = "replace the claimant of";

/// Replaces the claimant, or starts the first one.
pub(crate) fn replace(options: &Claim, launch: Launch) -> Result<Exit> {
    let deadline = Deadline::within(options.detached.timeout);
    loop {
        let taken = ended_by(deadline, || RestartLock::take_by(&options.pidfile, deadline))?;
        let Some(restart) = taken else {
            let why = format!("{ACT} {}: another restart is under way", options.pidfile.display());
            return Err(exit_as(Exit::Busy, why));
        };
        leftovers::end(restart.leftovers()?, options.detached.kill_after)?;
        restart.check_nobody_is_left()?;
        match ended_by(deadline, || pin_to_signal(ACT, &options.pidfile, Trust::Locks))? {
            MaybePinned::Running(old, _) => return Restart::prepare(options, launch, deadline, restart, old)?.run(),
            MaybePinned::Nobody(_) => drop(restart),
        }
        // Nobody runs. Another may have started one since: then that is the one to replace.
        match ended_by(deadline, || claim_by(options.terms(), &options.pidfile))? {
            Claimed::Ours(held) => return launch_claimant(options, launch, deadline, held),
            Claimed::Busy(Status::Held(_)) => {}
            Claimed::Busy(status) => return Err(busy(&options.pidfile, status)),
        }
    }
}

struct Restart<'a> {
    options: &'a Claim,
    start: Start<'a>,
    old: PidFd,
}

impl<'a> Restart<'a> {
    fn prepare(
        options: &'a Claim,
        launch: Launch,
        deadline: Deadline,
        restart: RestartLock,
        old: PidFd,
    ) -> Result<Restart<'a>> {
        let (mut held, shared) = match ClaimGuard::shared_with(&old, &options.pidfile)? {
            Some(held) => (held, true),
            None => {
                let path = options.pidfile.display();
                decision("claim-beside-a-restart", || {
                    format!("replace {path}: the lock is taken at the end of the old daemon")
                });
                (ClaimGuard::unlocked(&options.pidfile)?, false)
            }
        };
        held.name_old(&old)?;
        output::detail(|| {
            let how = if shared { "shared with" } else { "taken over at the end of" };
            format!("the claim is {how} process {}", old.pid())
        });
        let start = Start::prepare(options, launch, deadline, held)?.under(restart);
        Ok(Restart { options, start, old })
    }

    fn run(mut self) -> Result<Exit> {
        let mut new = self.start.spawn(Role::Successor)?;
        output::detail(|| format!("started {} as process {}", self.options.name(), new.pid));
        let outcome = ready::wait(&mut self.start, &mut new).and_then(|()| self.switch(&mut new));
        outcome.and_then(|()| self.start.succeed()).or_else(|failure| self.start.undo(failure, new.pid))
    }

    /// Lets the new daemon be the claimant, and stops the old one. If the old one does not end, it is the claimant again.
    fn switch(&self, new: &mut Daemon) -> Result<()> {
        let outcome = self.hand_over(new);
        // Where it cannot be told whether the old one has ended, the text names it: a number that is wrong is not
        // believed.
        if outcome.is_err() && !self.old.has_ended().unwrap_or(false) {
            self.start.held.put_back_text()?;
            // The time may be over; a manager that reads at all reads this at once.
            let by = Deadline::after(Duration::from_millis(500));
            self.tell_manager(self.old.pid(), |watched| Ok(first_ready(&[watched], by)?.is_some()))?;
        }
        outcome
    }

    fn hand_over(&self, new: &mut Daemon) -> Result<()> {
        self.start.held.name(new.pid)?;
        // Before the old one ends: a manager must not take that for the end of the service.
        let by = self.start.attempt.deadline().half_way(PATIENCE);
        self.tell_manager(new.pid, |watched| self.wait_for_manager(watched, by))?;
        self.stop_old(new).and_then(|()| self.lock())
    }

    fn tell_manager(&self, main: Pid, wait: impl FnMut(Watched<'_>) -> Result<bool>) -> Result<()> {
        if service_manager::tell_manager(&format!("MAINPID={main}"), wait)? == Delivery::Unread {
            let what = format!("the service manager does not read that process {main} is the main one; going on");
            output::notice(&format!("{ACT} {}: {what}", self.options.pidfile.display()));
        }
        Ok(())
    }

    /// `false` once the manager's time is over. A signal, and the deadline of the restart, are failures.
    fn wait_for_manager(&self, watched: Watched<'_>, by: Deadline) -> Result<bool> {
        loop {
            match self.start.next(&[watched], by, || "the service manager does not read".into())? {
                Some(_) => return Ok(true),
                None if by.passed() => return Ok(false),
                None => {}
            }
        }
    }

    fn stop_old(&self, new: &mut Daemon) -> Result<()> {
        // Race: manager-does-not-read (docs/races.md). Who is asked to end when the time is over ends after the new one was ended: then nobody serves.
        let late = || "the old one was not asked to end".into();
        self.start.next(&[], Deadline::after(Duration::ZERO), late)?;
        Sender::new(ACT, &self.options.pidfile, false).send(&self.old, self.options.stop_signal)?;
        let old = self.old.pid();
        let mut status = StatusLine::begin();
        loop {
            status.show(|| format!("waiting for process {old} to end"));
            let watched = [Watched::Read(self.old.as_fd()), Watched::Read(new.child.process().as_fd())];
            let late = || format!("the old one, process {old}, has not ended");
            match self.start.next(&watched, status.due(), late).map_err(|e| self.interrupted(e))? {
                None => {}
                Some(0) => return Ok(()),
                Some(_) => return Err(ready::early_death(&self.start, new)),
            }
        }
    }

    /// A signal to us that ends the wait leaves the old daemon asked to end.
    fn interrupted(&self, error: anyhow::Error) -> anyhow::Error {
        match ending(&error) {
            exit @ Exit::Signalled(_) => {
                exit_as(exit, format!("{}; process {} may go on", sentence(&error), self.old.pid()))
            }
            _ => error,
        }
    }

    /// Takes the lock. Where it is shared with the old daemon, that may have freed it for both at its end, as a shell does
    /// that unlocks its descriptor. The restart lock keeps all claimers of our kind away.
    fn lock(&self) -> Result<()> {
        let Start { attempt, held, .. } = &self.start;
        if held.take_by(attempt.deadline())? {
            return Ok(());
        }
        let why = format!("another process has taken the lock of {} meanwhile", self.options.pidfile.display());
        Err(attempt.failure(Exit::Busy, why))
    }
}
