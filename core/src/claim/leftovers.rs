//! The leftovers of a killed restart: a successor that the text never named, or an old daemon that was never stopped.
//!
//! The next claim, restart or stop ends a leftover. So a user who can make a process look like a leftover must have
//! power over that process already: see [`crate::claim::authority`].

use crate::claim::authority::Authority;
use crate::claim::owner::{self, Proof, Standing};
use crate::claim::pid_file::PidFile;
use crate::claim::restart_lock::{self, RestartLock};
use crate::error::{Result, Why, refused};
use crate::listener::decision;
use crate::lock::holders::{self, Holder};
use crate::process::pidfd::PidFd;
use std::path::Path;

/// The leftovers of restarts; none while a restart runs. With write permission it holds the restart lock during the
/// search; with read permission it can only test the lock.
///
/// # Errors
/// The file cannot be read.
pub fn leftovers(path: &Path) -> Result<Vec<PidFd>> {
    if let Ok(Some(file)) = PidFile::open_for_restart_lock(path) {
        return if restart_lock::try_take(&file)? { abandoned(&file, || Ok(false)) } else { Ok(vec![]) };
    }
    match PidFile::open(path)? {
        Some(file) if !restart_lock::is_taken(&file)? => abandoned(&file, || restart_lock::is_taken(&file)),
        _ => Ok(vec![]),
    }
}

impl RestartLock {
    /// Finds the leftovers of killed restarts.
    ///
    /// # Errors
    /// The kernel refuses the question.
    pub fn leftovers(&self) -> Result<Vec<PidFd>> {
        abandoned(self.file(), || Ok(false))
    }

    /// Refuses a restart beside leftovers that may not be ended: three generations would run.
    ///
    /// # Errors
    /// [`Why::Busy`], with the processes.
    pub fn check_nobody_is_left(&self) -> Result<()> {
        refuse_beside(self.file(), candidates(self.file())?)
    }
}

/// Fails if other processes own their byte, and names them; `None` if they cannot be told apart.
pub(crate) fn refuse_beside(file: &PidFile, left: Option<Vec<Standing>>) -> Result<()> {
    let Some(left) = left else {
        let why = "a process without a PID here owns a byte of it, or too many bytes are locked";
        return Err(refused("claim", file.path().display(), Why::Busy(why.into())));
    };
    if left.is_empty() {
        return Ok(());
    }
    let left: Vec<String> = left.iter().map(|one| Holder::new(one.pid).to_string()).collect();
    let why = format!("a restart that was killed has left {}, which may not be ended from here", left.join(", "));
    Err(refused("claim", file.path().display(), Why::Busy(why)))
}

/// Pins every process that owns its byte and is not the claimant; none while a restart or claim holds the restart lock.
///
/// Open a pidfd first, then check again. Otherwise the PID could be recycled, or a claim or restart could finish,
/// between the check and the signal.
pub(crate) fn abandoned(file: &PidFile, under_way: impl Fn() -> Result<bool>) -> Result<Vec<PidFd>> {
    let mut found = Vec::new();
    // Race: restart-killed (docs/races.md)
    // What cannot be told apart is not ended.
    for seen in candidates(file)?.unwrap_or_default() {
        if let Some(process) = PidFd::open(seen.pid)?
            && let Some(standing) =
                candidates(file)?.unwrap_or_default().into_iter().find(|again| again.pid == seen.pid)
            && !under_way()?
            && may_be_ended(file, &standing, &process)?
            && !process.has_ended()?
        {
            decision("restart-killed", || format!("process {} is the leftover of a restart", process.pid()));
            found.push(process);
        }
    }
    Ok(found)
}

/// The processes that own their byte and are not the claimant; `None` if they cannot be told apart.
fn candidates(file: &PidFile) -> Result<Option<Vec<Standing>>> {
    let named = owner::recorded(file)?;
    let Some(all) = owner::standing(file)? else { return Ok(None) };
    let leftover = |one: &Standing| match named {
        Some(named) if named.pid == one.pid => false,
        Some(named) => one.is_successor || named.is_successor,
        None => one.is_successor,
    };
    Ok(Some(all.into_iter().filter(leftover).collect()))
}

/// Whether every writer, who could have made the process look like a leftover, has power over it.
fn may_be_ended(file: &PidFile, one: &Standing, process: &PidFd) -> Result<bool> {
    let by_the_named = owner::recorded(file)?.is_none_or(|named| owner::has_power_over(named.pid, one.pid));
    // Without a PID attribute, each holder could have changed the text so that the claimant looks like a leftover.
    let by_the_holders = file.attribute().is_some() || {
        let holders = holders::of(file.locked_file()?);
        !holders.cut_short && holders.seen.iter().all(|holder| owner::has_power_over(holder.pid, one.pid))
    };
    let authority = Authority::over(file)?;
    let proven = match one.proof(file) {
        Proof::Proven => true,
        Proof::Refuted => false,
        Proof::Hidden => authority.is_ours_alone(),
    };
    Ok(proven && by_the_named && by_the_holders && authority.objection(process).is_none())
}
