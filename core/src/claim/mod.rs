//! Claiming a PID file: whether it is ours.
//!
//! Three layers, each with one job: the flock decides who may claim; the text is for people; the record lock on the byte
//! whose offset is the PID vouches that the text is true. The byte excludes too: nobody claims while a living process owns
//! its own byte, whatever the text says and whoever has unlocked the flock. The file is never removed: removal is the race in
//! which two daemons run. A crash at any point leaves nothing held, or a claim that is true.

pub mod authority;
pub mod byte_lock;
pub mod guard;
pub mod leftovers;
pub(crate) mod owner;
pub(crate) mod pid_file;
pub mod pid_text;
pub mod pin;
pub(crate) mod plausible;
pub mod process_arg;
pub mod record_pid;
pub mod restart_lock;
pub mod status;
pub mod unlocked;

pub use guard::ClaimGuard;

use crate::claim::owner::{Standing, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::restart_lock::RestartLock;
use crate::claim::status::{Claimant, Evidence, Status};
use crate::error::{Context, Result, Why, refused};
use crate::event::ready_by;
use crate::event::time::Deadline;
use crate::listener::decision;
use crate::lock::REPLACED_AT_MOST;
use crate::lock::holders::Holder;
use crate::lock::wait::{flock_by, try_flock};
use crate::process::pidfd::PidFd;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// What an attempt to claim came to.
#[derive(Debug)]
pub enum Claimed {
    /// It is ours, and names nobody yet.
    Ours(ClaimGuard),
    /// Another has it.
    Busy(Status),
}

/// Probing readers and claims half-way hold the flock for microseconds; this is how long a refusal may be one of those.
const PATIENCE: Duration = Duration::from_millis(100);

/// How to claim.
#[derive(Clone, Copy, Debug)]
pub struct ClaimOptions {
    /// How long to wait for a living claimant to leave.
    pub until: Deadline,
    /// The permission bits that the file is to have; else a new file gets 0644 less the umask.
    pub mode: Option<u32>,
}

impl ClaimOptions {
    /// Claim at once or not at all.
    pub fn at_once() -> ClaimOptions {
        ClaimOptions { until: Deadline::after(Duration::ZERO), mode: None }
    }
}

/// Claims the PID file at `path`, creating it if it is absent. Does not wait for a living claimant.
///
/// # Errors
/// As [`claim_by`].
pub fn try_claim(path: &Path) -> Result<Claimed> {
    claim_by(ClaimOptions::at_once(), path)
}

/// Claims the PID file at `path` as the options say, creating it if it is absent.
///
/// # Errors
/// The file cannot be opened or created, is not a regular file, is a symbolic link, or holds what cannot have been
/// a PID file; it is left as it was.
pub fn claim_by(options: ClaimOptions, path: &Path) -> Result<Claimed> {
    let patience = Deadline::after(PATIENCE).or_later(options.until);
    let mut replaced = 0;
    while replaced < REPLACED_AT_MOST {
        match attempt(options, patience, path)? {
            Attempt::Over(claimed) => return Ok(claimed),
            Attempt::Waited => {}
            Attempt::Replaced => {
                // Another may hold the lock on what the path names now.
                // Race: file-replaced (docs/races.md)
                decision("file-replaced", || format!("claim {}: replaced before it was locked, again", path.display()));
                replaced += 1;
            }
        }
    }
    Err(refused("claim", path.display(), Why::Replaced("something keeps replacing it".into())))
}

/// What one attempt came to.
enum Attempt {
    Over(Claimed),
    /// The path names another file than the one that was locked.
    Replaced,
    /// A claimant or a restart has been waited for.
    Waited,
}

fn attempt(options: ClaimOptions, patience: Deadline, path: &Path) -> Result<Attempt> {
    let busy = |status| Ok(Attempt::Over(Claimed::Busy(status)));
    let file = PidFile::open_for_claim(path, options.mode)?;
    file.check_content()?;
    if !take_flock(&file, options.until)? {
        return busy(Status::of(path));
    }
    if !file.still_at_path() {
        return Ok(Attempt::Replaced);
    }
    // Between two generations of a daemon whose descriptor could not be shared the claim is promised. And until the text
    // names us no restart begins: it could take us for the old daemon.
    // Race: restart-during-claim (docs/races.md)
    if !restart_lock::try_take(&file)? {
        decision("restart-during-claim", || format!("claim {}: a restart is under way, waiting", path.display()));
        drop(file);
        return match RestartLock::take_by(path, patience)? {
            Some(_) => Ok(Attempt::Waited),
            None => restart_under_way(path).map(Attempt::Over),
        };
    }
    // The flock is ours, and a living process may still own its own byte.
    // Race: heir-unlocks (docs/races.md)
    match owner::judge(&file)? {
        Verdict::Nobody => {}
        Verdict::One(standing) if !options.until.passed() => {
            drop(file);
            wait_for_end(standing, options.until)?;
            return Ok(Attempt::Waited);
        }
        verdict => {
            return busy(Status::of_verdict(verdict).unwrap_or(Status::Unknown("another process has it".into())));
        }
    }
    let before = file.check_content()?;
    if let Some(mode) = options.mode {
        file.set_mode(mode)?;
    }
    Ok(Attempt::Over(Claimed::Ours(ClaimGuard::new(file, before))))
}

/// Somebody has locked the place of the restart lock: a restart, or a foreign program that has locked more than that.
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

/// The refusal that names who has locked a byte that is not theirs.
pub(crate) fn record_locked(file: &PidFile) -> anyhow::Error {
    let who = match byte_lock::any_locker(file).unwrap_or_default() {
        Some(pid) => format!("process {}", Holder::new(pid)),
        None => "another process".into(),
    };
    refused("claim", file.path().display(), Why::Busy(format!("{who} has a record lock on it")))
}

/// Takes the flock. Where it is refused although the kernel vouches for nobody, tries again until the patience is over.
pub(crate) fn take_flock(file: &PidFile, until: Deadline) -> Result<bool> {
    let path = file.path();
    let lock = |answer: std::io::Result<bool>| answer.act("lock", path.display());
    if lock(try_flock(file.file()))? {
        return Ok(true);
    }
    if !until.passed() {
        let awaited = || format!("waiting for {}: {}", path.display(), Status::of(path).in_words());
        return lock(flock_by(file.file(), until, awaited));
    }
    // A reader's probe holds the flock for microseconds.
    // Race: probe-meets-claim (docs/races.md)
    let patience = Deadline::after(PATIENCE);
    let mut pause = Duration::from_millis(1);
    while !patience.passed() {
        if !matches!(owner::judge(file)?, Verdict::Nobody) {
            return Ok(false);
        }
        decision("probe-meets-claim", || format!("claim {}: locked by nobody that is known, again", path.display()));
        if lock(flock_by(file.file(), Deadline::after(pause).or(patience), String::new))? {
            return Ok(true);
        }
        pause *= 2;
    }
    Ok(false)
}

/// Waits for the end of a claimant by its byte, or a moment: it may give its lock back and live on.
fn wait_for_end(standing: Standing, until: Deadline) -> Result<()> {
    const MOMENT: Duration = Duration::from_millis(50);
    match PidFd::open(standing.pid)? {
        Some(process) => ready_by(process.as_fd(), Deadline::after(MOMENT).or(until)).map(|_| ()),
        None => Ok(()),
    }
}
