//! Claiming a PID file: whether it is ours.
//!
//! Three layers, each with one job: the flock decides who may claim; the text is for people; the record lock on the
//! byte whose offset is the PID vouches that the text is true. The file is never removed: removal is the race in which
//! two daemons run. A crash at any point leaves nothing held, or a claim that is true.

pub mod byte_lock;
pub mod guard;
pub(crate) mod owner;
pub mod pid_text;
pub mod pin;
pub mod process_arg;
pub mod record_pid;
pub mod restart_lock;
pub mod status;
pub mod unlocked;

pub use crate::claim::guard::ClaimGuard;
use crate::claim::owner::claimant;
use crate::claim::pid_text::Text;
use crate::claim::restart_lock::RestartLock;
use crate::claim::status::Status;
use crate::error::{Context, Result, Why, refused};
use crate::event::ready_by;
use crate::event::time::Deadline;
use crate::lock::REPLACED_AT_MOST;
use crate::lock::holders::Holder;
use crate::lock::wait::{flock_by, still_at, try_flock};
use crate::open::{How, Links, Refused};
use crate::process::pidfd::PidFd;
use rustix::fs::Mode;
use rustix::process::Pid;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
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

/// Claims the PID file at `path` as the terms say, creating it if it is absent.
///
/// # Errors
/// The file cannot be opened or created, is not a regular file, is a symbolic link, or holds what cannot have been
/// a PID file; it is left as it was.
pub fn claim_by(terms: ClaimOptions, path: &Path) -> Result<Claimed> {
    let patience = Deadline::after(PATIENCE).or_later(terms.until);
    let mut replaced = 0;
    loop {
        let file = open(path, terms.mode)?;
        acceptable(&file, path)?;
        if !take_flock(&file, terms.until, path).act("lock", path.display())? {
            return Ok(Claimed::Busy(Status::of(path)));
        }
        // Removed or replaced between open and lock: another may hold what the path names now.
        if !cfg!(racefree_broken = "no-inode-check") && !still_at(&file, path) {
            replaced += 1;
            if replaced == REPLACED_AT_MOST {
                let why = Why::Replaced("something keeps replacing it".into());
                return Err(refused("claim", path.display(), why));
            }
            continue;
        }
        // Between two generations of a daemon whose descriptor could not be shared the claim is promised. And from here
        // until we are named none begins: it could take us for the daemon whose number the text still has.
        if !restart_lock::try_take(&file)? {
            drop(file);
            match RestartLock::take_by(path, patience)? {
                Some(_) => continue,
                None => return no_ticket(path),
            }
        }
        // One question; on a file that nobody else has locked, the next need not be asked. The kernel vouches: a claim
        // by fcntl(2), which is another kind of lock.
        if byte_lock::is_locked(&file)
            && let Some(claimant) = claimant(&file)?
        {
            drop(file);
            if terms.until.passed() {
                return Ok(Claimed::Busy(Status::Held(claimant)));
            }
            wait_for_end(claimant.pid, terms.until)?;
            continue;
        }
        let before = acceptable(&file, path)?;
        if let Some(mode) = terms.mode {
            rustix::fs::fchmod(&file, Mode::from_bits_truncate(mode)).act("set the mode of", path.display())?;
        }
        return Ok(Claimed::Ours(ClaimGuard::new(file, path.to_owned(), before)));
    }
}

/// Somebody has locked where the ticket is: a restart, or a foreign program that has locked more than that.
fn no_ticket(path: &Path) -> Result<Claimed> {
    let under_way = Ok(Claimed::Busy(Status::Unknown("a restart is under way".into())));
    let Some(file) = status::open(path)? else { return under_way };
    match claimant(&file)? {
        Some(claimant) => Ok(Claimed::Busy(Status::Held(claimant))),
        None if restart_lock::is_taken(&file)? => under_way,
        None => Err(record_locked(&file, path)),
    }
}

/// The refusal that names who has locked a byte that is not theirs.
pub(crate) fn record_locked(file: &File, path: &Path) -> anyhow::Error {
    let who = match byte_lock::any_locker(file).unwrap_or_default() {
        Some(pid) => format!("process {}", Holder::new(pid)),
        None => "another process".into(),
    };
    refused("claim", path.display(), Why::Busy(format!("{who} has a record lock on it")))
}

/// Takes the flock; where it is refused, but the kernel vouches for nobody, once more until the patience is over.
pub(crate) fn take_flock(file: &File, until: Deadline, path: &Path) -> Result<bool> {
    if cfg!(racefree_broken = "no-flock") {
        return Ok(claimant(file)?.is_none());
    }
    if try_flock(file)? {
        return Ok(true);
    }
    if !until.passed() {
        let awaited = || format!("waiting for {}: {}", path.display(), Status::of(path).in_words());
        return Ok(flock_by(file, until, awaited)?);
    }
    let patience = Deadline::after(PATIENCE);
    let mut pause = Duration::from_millis(1);
    while !patience.passed() {
        if claimant(file)?.is_some() {
            return Ok(false);
        }
        if flock_by(file, Deadline::after(pause).or(patience), String::new)? {
            return Ok(true);
        }
        pause *= 2;
    }
    Ok(false)
}

/// Waits for the end of a claimant by fcntl(2), or a moment: it may give its lock back and live on.
fn wait_for_end(pid: Pid, until: Deadline) -> Result<()> {
    const MOMENT: Duration = Duration::from_millis(50);
    match PidFd::open(pid)? {
        Some(process) => ready_by(process.as_fd(), Deadline::after(MOMENT).or(until)).map(|_| ()),
        None => Ok(()),
    }
}

pub(crate) fn open(path: &Path, mode: Option<u32>) -> Result<File> {
    let how = How::read_write(Links::TrustedNotLast).or_create(mode.unwrap_or(0o644));
    match crate::open::open(path, how) {
        Ok(opened) => Ok(opened.file),
        Err(Refused::Kind(kind)) => {
            let why = format!("it is {kind}; name a regular file, or one that does not exist yet");
            Err(refused("claim", path.display(), Why::Unfit(why)))
        }
        Err(why) => Err(why).act("open", path.display()),
    }
}

/// The content, if it can have been a PID file: nothing, zeroes, or a number.
pub(crate) fn acceptable(file: &File, path: &Path) -> Result<Vec<u8>> {
    let refuse = |why: &str| {
        let why = format!("this was never a PID file: {why}; name another file, or empty this one");
        refused("claim", path.display(), Why::Unfit(why))
    };
    let metadata = file.metadata().act("look at", path.display())?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    // Whoever made the second name may want us to write into the file behind the first.
    if metadata.nlink() > 1 {
        let why = "it has several names (hard links); name a file of its own";
        return Err(refused("claim", path.display(), Why::Unfit(why.into())));
    }
    let content = status::read_start(file)?;
    match pid_text::parse(&content) {
        Text::Garbage(why) => Err(refuse(why)),
        Text::Empty | Text::Names(_) => Ok(content),
    }
}
