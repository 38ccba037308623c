//! The ticket of a restart: one at a time replaces the claimant of a PID file, and nobody claims between the generations.
//!
//! It is a lock on a byte beyond the largest PID, held by the open file description: so it ends with the process, and no
//! other descriptor of the file can drop it. A process that has locked its own byte while the text names another is the
//! newcomer of a restart under way if somebody has the ticket, and else the leftover of one that was killed. A plain claim
//! half-way looks like that too, so it has the ticket for that moment.

use crate::claim::byte_lock;
use crate::claim::owner::{claimant, owner_of};
use crate::claim::pid_text::Text;
use crate::claim::status::{self, read_text};
use crate::claim::{acceptable, open};
use crate::error::{Context, Result, Why, refused};
use crate::event::time::Deadline;
use crate::lock::REPLACED_AT_MOST;
use crate::lock::wait::{blocked_by, still_at};
use crate::open::{self, How, Links, Opened};
use crate::process::pidfd::PidFd;
use nix::errno::Errno;
use rustix::process::Pid;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Beyond PID_MAX_LIMIT, so no PID's byte.
const PLACE: i64 = (1 << 22) + 1;

/// The right to replace the claimant.
#[must_use = "dropping it lets the next restart begin"]
#[derive(Debug)]
pub struct RestartLock {
    file: File,
}

impl RestartLock {
    /// Waits until no other restart is under way; `None` at the deadline.
    ///
    /// # Errors
    /// As [`crate::claim::claim_by`].
    pub fn take_by(path: &Path, deadline: Deadline) -> Result<Option<RestartLock>> {
        let awaited = || format!("waiting for another restart of {}", path.display());
        for _ in 0..REPLACED_AT_MOST {
            let file = open(path, None)?;
            acceptable(&file, path)?;
            let taken = blocked_by(
                deadline,
                awaited,
                || Ok(byte_lock::take_shared(&file, PLACE)?),
                || Ok(byte_lock::wait_shared(&file, PLACE)?),
            );
            match taken.act("queue at", path.display())? {
                false => return Ok(None),
                true if still_at(&file, path) => return Ok(Some(RestartLock { file })),
                true => {}
            }
        }
        Err(refused("queue at", path.display(), Why::Replaced("something keeps replacing it".into())))
    }

    /// The leftovers of restarts that were killed.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn leftovers(&self) -> Result<Vec<PidFd>> {
        abandoned_successors(&self.file)
    }
}

/// Takes the ticket for a claim, through the descriptor of the claim itself: no restart can begin while a claim is half-way,
/// its text still somebody else's. `false` if a restart is under way. Given back by [`release`].
///
/// # Errors
/// The kernel does not answer.
pub(crate) fn try_take(file: &File) -> Result<bool> {
    match byte_lock::take_shared(file, PLACE) {
        // Without such locks there are no restarts.
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(true),
        answer => answer.act("ask for", "the ticket"),
    }
}

/// Gives back what [`try_take`] has taken. Async-signal-safe.
pub(crate) fn release(file: BorrowedFd<'_>) {
    // Where it cannot be given back, it could not be taken.
    let _ = byte_lock::free_shared(file, PLACE);
}

/// Whether a restart, or a claim, is under way.
pub(crate) fn is_taken(file: &File) -> Result<bool> {
    match byte_lock::is_taken(file, PLACE) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(false),
        answer => answer.act("ask for", "the ticket"),
    }
}

/// Whether a restart, or a claim, of the file at `path` is under way.
///
/// # Errors
/// The file cannot be read.
pub fn is_held(path: &Path) -> Result<bool> {
    status::open(path)?.map_or(Ok(false), |file| is_taken(&file))
}

/// The leftovers of restarts that were killed, where none is under way that may still need them. Who may write the file has
/// the ticket while looking; who may not asks for it.
///
/// # Errors
/// The file cannot be read.
pub fn leftovers(path: &Path) -> Result<Vec<PidFd>> {
    if let Ok(Opened { file, .. }) = open::open(path, How::read_write(Links::TrustedNotLast)) {
        return if try_take(&file)? { abandoned_successors(&file) } else { Ok(vec![]) };
    }
    match status::open(path)? {
        Some(file) if !is_taken(&file)? => pin_and_recheck(&file, || is_taken(&file)),
        _ => Ok(vec![]),
    }
}

/// Every process that vouches for itself (or is vouched for by its waiting parent) while the text names another, where no
/// other restart or claim can be under way: the ticket is ours.
pub(crate) fn abandoned_successors(file: &File) -> Result<Vec<PidFd>> {
    pin_and_recheck(file, || Ok(false))
}

/// Each is held first, and judged then: its number may be recycled, a claim be completed, a restart begin or end while
/// we look. A restart or claim that is over once the process is held has said its last word about it.
fn pin_and_recheck(file: &File, under_way: impl Fn() -> Result<bool>) -> Result<Vec<PidFd>> {
    let mut found = Vec::new();
    if !byte_lock::is_locked(file) {
        return Ok(found);
    }
    for range in byte_lock::locked_ranges(file).act("ask who owns", "the bytes")? {
        let byte = i32::try_from(range.start).ok().filter(|_| range.length == 1).and_then(Pid::from_raw);
        let Some(byte) = byte.filter(|_| range.start < PLACE) else { continue };
        if let Some(pid) = owner_of(file, byte)?
            && let Some(process) = PidFd::open(pid)?
            && owner_of(file, byte)? == Some(pid)
            && !under_way()?
            && is_unannounced(file, byte, pid)?
            && !process.has_ended()?
        {
            found.push(process);
        }
    }
    Ok(found)
}

/// Whether the text names another, and that one stands or this one is marked as a newcomer.
fn is_unannounced(file: &File, byte: Pid, pid: Pid) -> Result<bool> {
    if read_text(file)? == Text::Names(byte) {
        return Ok(false);
    }
    let marked = byte_lock::is_marked(file, byte).act("ask for the mark of", byte)?;
    Ok(marked || claimant(file)?.is_some_and(|other| other.pid != pid))
}

impl AsFd for RestartLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
