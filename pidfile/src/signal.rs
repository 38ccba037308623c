//! `pidfile signal`: send a signal to the claimant, or to no process.

use crate::group::Group;
use crate::outcome::Account;
use crate::send::Sender;
use crate::unlocked::Unlocked;
use clap::Args;
use racefree::claim::pin::MaybePinned;
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use racefree::process::pidfd::PidFd;
use racefree::signal::Signal;
use std::path::PathBuf;

/// Send SIGNAL to the process that has claimed PIDFILE, and to no other
///
/// The kernel verifies that the process holds the claim, and the signal goes through a pidfd: a process that has got a
/// recycled PID is never hit. Without a living claimant the exit code is that of `pidfile read`.
#[derive(Debug, Args)]
#[command(override_usage = "pidfile signal [--group] [--json] [--unlocked [--exe PATH]] SIGNAL PIDFILE")]
pub(crate) struct SendSignal {
    /// Send SIGNAL also to every descendant of the claimant, such as the daemon behind a shell or behind sudo(8)
    #[arg(long)]
    group: bool,
    /// Print a JSON object: path, outcome, pid, evidence, command, signals, reason, exit
    ///
    /// outcome is sent, not-running, refused or failed. pid is the claimant, and evidence is that of `pidfile read
    /// --json`. signals are the signals that were sent, in their order: signal, pid, command. reason is the message on
    /// stderr if there is no claimant that may be signalled. exit is the exit code.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    unlocked: Unlocked,
    /// The signal: a name with or without SIG, or a number
    signal: Signal,
    /// The PID file
    pidfile: PathBuf,
}

impl SendSignal {
    pub(crate) fn run(self) -> Result<Exit> {
        let sender = Sender::new("signal", &self.pidfile, self.json);
        let mut account = Account::new(&self.pidfile, self.json);
        let ended = self.attempt(&sender, &mut account);
        account.print(&sender, "sent", &ended).and(ended)
    }

    fn attempt(&self, sender: &Sender<'_>, account: &mut Account<'_>) -> Result<Exit> {
        match self.unlocked.to_be_signalled("signal", &self.pidfile)? {
            MaybePinned::Running(process, claimant) => {
                account.found(claimant);
                if self.send(sender, &process)? {
                    return Ok(Exit::Done);
                }
                let why = format!("signal {}: process {} has just ended", self.pidfile.display(), process.pid());
                Err(exit_as(Exit::No, why))
            }
            MaybePinned::Nobody(reading) => {
                let why = format!("signal {}: {}", self.pidfile.display(), self.unlocked.in_words(&reading));
                Err(exit_as(Exit::from(&reading), why))
            }
        }
    }

    fn send(&self, sender: &Sender<'_>, claimant: &PidFd) -> Result<bool> {
        let group = self.group.then(|| Group::of(&self.pidfile, claimant)).transpose()?;
        let sent = sender.send(claimant, self.signal)?;
        if let Some(group) = group {
            group.send(sender, 0, self.signal)?;
        }
        Ok(sent)
    }
}
