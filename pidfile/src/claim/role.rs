//! The role of a new daemon: the claimant at once, or the successor of a claimant that still runs.

use clap::ValueEnum;
use nix::unistd::Pid;
use racefree::claim::ClaimGuard;
use racefree::claim::record_pid::RecordPid;
use racefree::error::Result;
use racefree::process::child;
use racefree::sys::steps::{Step, Told};
use std::ffi::OsStr;
use std::io;

/// The way in which a new process gets the claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// The claimant: the PID file names it before its first instruction.
    Claimant,
    /// The successor: it owns its byte, and the PID file names the old daemon until the switch.
    Successor,
}

impl Role {
    /// The word by which [`ValueEnum`] reads it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::Claimant => "claimant",
            Role::Successor => "successor",
        }
    }

    /// The steps of a process that owns its own byte, between fork(2) and execve(2).
    pub(crate) fn record_itself(self, pid: RecordPid) -> Vec<Step> {
        match self {
            Role::Claimant => pid.lock_and_write(),
            Role::Successor => pid.lock_as_successor(),
        }
    }

    /// The steps of a process whose parent owns its byte, between fork(2) and execve(2).
    pub(crate) fn record_supervised(self, pid: RecordPid) -> Vec<Step> {
        match self {
            Role::Claimant => pid.write(),
            Role::Successor => pid.inherit(),
        }
    }

    /// Locks the byte of a child.
    pub(crate) fn vouch(self, held: &ClaimGuard, child: Pid) -> Result<()> {
        match self {
            Role::Claimant => held.vouch_for(child),
            Role::Successor => held.vouch_for_successor(child),
        }
    }

    /// Restores the text that a claimant has replaced. A successor has written none.
    pub(crate) fn unname(self, held: &ClaimGuard) -> Result<()> {
        match self {
            Role::Claimant => held.unname(),
            Role::Successor => Ok(()),
        }
    }

    /// The error of a COMMAND that could not be started; `told` says whether the steps of the claim failed.
    pub(crate) fn not_started(self, held: &ClaimGuard, name: &OsStr, error: &io::Error, told: &Told) -> anyhow::Error {
        match self {
            Role::Claimant => held.not_started(name, error, told),
            Role::Successor => child::not_executed(name, error),
        }
    }
}
