//! Claiming a PID file: one attempt after another, until the file is claimed or another process has it.

use crate::claim::flock::{PATIENCE, record_locked, take_flock};
use crate::claim::guard::ClaimGuard;
use crate::claim::owner::{self, Standing, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::restart_lock::{self, RestartLock};
use crate::claim::status::{Claimant, Evidence, Status};
use crate::error::{Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::event::ready_by;
use crate::listener::decision;
use crate::lock::REPLACED_AT_MOST;
use crate::process::pidfd::PidFd;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// The result of a claim.
#[derive(Debug)]
pub enum Claimed {
    /// This process has the claim, and the file does not name the new process yet.
    Ours(ClaimGuard),
    /// Another process has the claim.
    Busy(Status),
}

/// The options of a claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimOptions {
    /// The deadline of the wait for a living claimant to leave.
    pub until: Deadline,
    /// The permission bits of the file; with `None` a new file gets 0644 less the umask.
    pub mode: Option<u32>,
}

impl ClaimOptions {
    /// Claims at once or fails.
    pub fn at_once() -> ClaimOptions {
        ClaimOptions { until: Deadline::after(Duration::ZERO), mode: None }
    }
}

/// Claims the PID file at `path`, and creates it if it is absent. It does not wait for a living claimant.
///
/// # Errors
/// As [`claim_by`].
pub fn try_claim(path: &Path) -> Result<Claimed> {
    claim_by(ClaimOptions::at_once(), path)
}

/// Claims the PID file at `path` with these options, and creates it if it is absent.
///
/// # Errors
/// The file cannot be opened or created, is not a regular file, is a symbolic link, or has a content that no PID file
/// has. The file is left unchanged.
pub fn claim_by(options: ClaimOptions, path: &Path) -> Result<Claimed> {
    let patience = Deadline::after(PATIENCE).or_later(options.until);
    let mut replaced = 0;
    while replaced < REPLACED_AT_MOST {
        match attempt(options, patience, path)? {
            Progress::Over(claimed) => return Ok(claimed),
            Progress::Waited => {}
            Progress::Replaced => {
                // Race: file-replaced (docs/races.md)
                // Another process may hold the lock on the file that the path names now.
                decision("file-replaced", || format!("claim {}: replaced before it was locked, again", path.display()));
                replaced += 1;
            }
        }
    }
    Err(refused("claim", path.display(), Why::Replaced("something keeps replacing it".into())))
}

/// The result of one attempt.
enum Progress {
    Over(Claimed),
    /// The path names another file than the one that was locked.
    Replaced,
    /// The attempt has waited for a claimant or a restart.
    Waited,
}

fn attempt(options: ClaimOptions, patience: Deadline, path: &Path) -> Result<Progress> {
    let busy = |status| Ok(Progress::Over(Claimed::Busy(status)));
    let file = PidFile::open_for_claim(path, options.mode)?;
    file.check_content()?;
    // Race: two-starts (docs/races.md)
    if !take_flock(&file, options.until)? {
        return busy(Status::of(path));
    }
    if !file.still_at_path() {
        return Ok(Progress::Replaced);
    }
    // Race: restart-during-claim (docs/races.md)
    // This claim keeps the restart lock until its PID is written. Otherwise a restart would read the old PID and take
    // this process for the old daemon.
    let no_restart_can_begin = restart_lock::try_take(&file)?;
    if !no_restart_can_begin {
        drop(file);
        return wait_for_restart(path, patience);
    }
    // Race: heir-unlocks (docs/races.md)
    // This process has the flock, and another living process may still own the byte of its PID.
    match owner::judge(&file)? {
        Verdict::Nobody => {}
        Verdict::One(standing) if !options.until.passed() => {
            drop(file);
            wait_for_end(standing, options.until)?;
            return Ok(Progress::Waited);
        }
        verdict => {
            decision("heir-unlocks", || {
                format!("claim {}: the lock is free, and a process owns its byte", path.display())
            });
            return busy(Status::of_verdict(verdict).unwrap_or(Status::Unknown("another process has it".into())));
        }
    }
    let before = file.check_content()?;
    if let Some(mode) = options.mode {
        file.set_mode(mode)?;
    }
    Ok(Progress::Over(Claimed::Ours(ClaimGuard::new(file, before))))
}

/// Waits for a restart that holds the restart lock. It could not share the old daemon's descriptor, so the flock is free
/// between the two daemons.
fn wait_for_restart(path: &Path, patience: Deadline) -> Result<Progress> {
    // Race: claim-beside-a-restart (docs/races.md)
    decision("claim-beside-a-restart", || format!("claim {}: a restart is under way, waiting", path.display()));
    match RestartLock::take_by(path, patience)? {
        Some(_) => Ok(Progress::Waited),
        None => restart_under_way(path).map(Progress::Over),
    }
}

/// Reports that the byte of the restart lock is locked: by a restart, or by a foreign program that has locked more than
/// that byte.
fn restart_under_way(path: &Path) -> Result<Claimed> {
    let under_way = Ok(Claimed::Busy(Status::Unknown("a restart is under way".into())));
    let Some(file) = PidFile::open(path)? else { return under_way };
    match owner::judge(&file)? {
        Verdict::One(Standing { pid, .. }) => {
            Ok(Claimed::Busy(Status::Held(Claimant { pid, evidence: Evidence::Vouched })))
        }
        _ if restart_lock::is_taken(&file)? => under_way,
        _ => Err(record_locked(&file)),
    }
}

/// Waits until a claimant ends, or for a moment: the claimant may release its lock and live on.
fn wait_for_end(standing: Standing, until: Deadline) -> Result<()> {
    const MOMENT: Duration = Duration::from_millis(50);
    match PidFd::open(standing.pid)? {
        Some(process) => ready_by(process.as_fd(), Deadline::after(MOMENT).or(until)).map(|_| ()),
        None => Ok(()),
    }
}
