//! The options of `pidfile stop`.

use crate::unlocked::Unlocked;
use clap::Args;
use racefree::event::duration::{Limit, parse_duration};
use racefree::signal;
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
    pub(super) signal: signal::Signal,
    /// How long to wait until the daemon has ended, or `none`
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = Limit::parse)]
    pub(super) timeout: Limit,
    /// Send KILL if the daemon has not ended after DUR (default: never), also to its workers that keep the claim
    ///
    /// Its workers are its descendants that have the lock while it lives. Another process that has the lock of a dead
    /// daemon may have got it from any user who could read the file. pidfile names such a process and leaves it alone.
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(super) kill_after: Option<Duration>,
    /// With --kill-after: send KILL also to every other process that has the lock of a dead daemon
    ///
    /// Look at them first: `pidfile read --holders PIDFILE`.
    #[arg(long, requires = "kill_after")]
    pub(super) kill_holders: bool,
    /// Stop also all that descends from the claimant, such as the daemon behind a shell or behind sudo(8)
    ///
    /// The signal goes to the claimant, to its descendants and to the session that it leads. pidfile waits until all of them
    /// have ended, and --kill-after sends KILL to those that have not. pidfile stops processes for a moment (SIGSTOP), so
    /// that none is forked unseen.
    #[arg(long)]
    pub(super) group: bool,
    /// Print one JSON object for each file: path, outcome, pid, evidence, command, signals, reason, exit
    ///
    /// outcome is gone (it has ended and the claim is free), killed (the same, after KILL), not-running, refused (no
    /// process is proved to be the claimant, or it may not be signalled), timeout or failed. pid is the claimant, and
    /// evidence is that of `pidfile read --json`. signals are the signals that were sent, in their order, each signal to
    /// a process once: signal, pid, command. reason says why a file is not-running, refused, timeout or failed. exit is
    /// the exit code for this file. The objects are printed at the end, in the order of the files.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) unlocked: Unlocked,
    /// The PID file
    #[arg(required = true, value_name = "PIDFILE")]
    pub(super) pidfiles: Vec<PathBuf>,
}

impl Stop {
    pub(super) fn may_kill(&self) -> bool {
        self.kill_after.is_some()
    }
}
