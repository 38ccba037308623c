//! `pidfile stop`: ask the claimants to end, and wait until processes and claims are gone.

mod one_daemon;
mod workers;

use crate::stop::one_daemon::Stopping;
use crate::unlocked::Unlocked;
use clap::Args;
use racefree_core::cli;
use racefree_core::cli::exit::{Exit, ending};
use racefree_core::cli::output;
use racefree_core::cli::status_line::StatusLine;
use racefree_core::error::Result;
use racefree_core::event::time::{Deadline, Limit, Pause, parse_duration};
use racefree_core::event::{Watched, first_ready};
use racefree_core::signal;
use std::path::PathBuf;
use std::time::Duration;

/// Stop the daemon that has claimed PIDFILE, and return when it is gone
///
/// pidfile returns when the process has ended *and* the claim is free, so that a start may follow at once. If the daemon
/// does not run, that is success. pidfile stops several daemons in parallel. PIDFILE stays where it is, and is emptied: no
/// other tool can take the PID for a living process that has got it since. A daemon that crashed leaves its PID.
#[derive(Debug, Args)]
#[command(override_usage = "pidfile stop [OPTIONS] PIDFILE...")]
pub(crate) struct Stop {
    /// The signal that asks the daemon to end
    #[arg(long, value_name = "SIG", default_value = "TERM")]
    pub(crate) signal: signal::Signal,
    /// How long to wait until the daemon has ended, or `none`
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = Limit::parse)]
    timeout: Limit,
    /// Send KILL if the daemon has not ended after DUR (default: never), also to its workers that keep the claim
    ///
    /// Its workers are its descendants that have the lock while it lives. Another process that has the lock of a dead
    /// daemon may have got it from any user who could read the file. pidfile names such a process and leaves it alone.
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    kill_after: Option<Duration>,
    /// With --kill-after: send KILL also to every other process that has the lock of a dead daemon
    ///
    /// Look at them first: `pidfile read --holders PIDFILE`.
    #[arg(long, requires = "kill_after")]
    pub(crate) kill_holders: bool,
    /// Stop also all that descends from the claimant, such as the daemon behind a shell or behind sudo(8)
    ///
    /// The signal goes to the claimant, to its descendants and to the session that it leads. pidfile waits until all of them
    /// have ended, and --kill-after sends KILL to those that have not.
    #[arg(long)]
    pub(crate) group: bool,
    #[command(flatten)]
    pub(crate) unlocked: Unlocked,
    /// The PID file
    #[arg(required = true, value_name = "PIDFILE")]
    pidfiles: Vec<PathBuf>,
}

impl Stop {
    pub(crate) fn may_kill(&self) -> bool {
        self.kill_after.is_some()
    }

    pub(crate) fn run(self) -> Result<Exit> {
        let deadline = Deadline::within(self.timeout);
        let mut kill_at = self.kill_after.map_or(Deadline::NEVER, Deadline::after);
        // This process has nothing to undo, so a signal ends it at once, by its default action.
        if let Some(backstop) = cli::end_by(deadline) {
            backstop.stay();
        }
        let mut all: Vec<Stopping> = self.pidfiles.iter().map(|path| Stopping::begin(&self, path)).collect();
        let (mut pause, mut status) = (Pause::begin(), StatusLine::begin());
        loop {
            if all.iter_mut().map(Stopping::look).fold(false, |any, news| any | news) {
                pause = Pause::begin();
            }
            if all.iter().all(Stopping::is_over) {
                return self.outcome(all);
            }
            status.show(|| all.iter().filter_map(Stopping::awaited).collect::<Vec<_>>().join("; "));
            let watched: Vec<Watched> = all.iter().flat_map(Stopping::watched).collect();
            // The end of a holder is an event. A holder that only closes its descriptor gives no event, hence the
            // pause.
            let look_again = if all.iter().any(Stopping::is_freeing) { pause.next() } else { Deadline::NEVER };
            first_ready(&watched, deadline.or(kill_at).or(look_again).or(status.due()))?;
            if kill_at.passed() {
                kill_at = Deadline::NEVER;
                all.iter_mut().for_each(Stopping::kill);
            } else if deadline.passed() {
                all.iter_mut().for_each(|one| one.give_up(&self.timeout.after()));
            }
        }
    }

    /// Reports every failure. The one with the highest code decides the exit code.
    fn outcome(&self, all: Vec<Stopping>) -> Result<Exit> {
        let (ended, mut failed): (Vec<_>, Vec<_>) = all.into_iter().map(Stopping::outcome).partition(Result::is_ok);
        failed.sort_by_key(|failure| failure.as_ref().err().map(|e| ending(e).code()));
        if let Some(worst) = failed.pop() {
            failed.iter().filter_map(|failure| failure.as_ref().err()).for_each(output::failure);
            return worst;
        }
        let killed = ended.into_iter().flatten().any(|exit| exit == Exit::Killed);
        Ok(if killed { Exit::Killed } else { Exit::Done })
    }
}
