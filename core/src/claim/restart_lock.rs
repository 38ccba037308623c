//! The restart lock: one restart at a time replaces the claimant of a PID file, and nobody claims between the generations.
//!
//! It is a lock on a byte beyond the largest PID, held by the open file description: it ends with the process, and no other
//! descriptor of the file can drop it. A process that has locked its own byte while the text names another is the successor of
//! a restart under way if somebody has the restart lock, and else was abandoned by one that was killed. A plain claim half-way
//! looks like that too, so it has the restart lock for that moment.

use crate::claim::byte_lock;
use crate::claim::pid_file::PidFile;
use crate::error::{Context, Result, Why, refused};
use crate::event::time::Deadline;
use crate::lock::REPLACED_AT_MOST;
use crate::lock::wait::blocked_by;
use nix::errno::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Beyond PID_MAX_LIMIT, so no PID's byte.
pub(crate) const PLACE: i64 = (1 << 22) + 1;

/// The right to replace the claimant.
#[must_use = "dropping it lets the next restart begin"]
#[derive(Debug)]
pub struct RestartLock {
    file: PidFile,
}

impl RestartLock {
    /// Waits until no other restart is under way; `None` at the deadline.
    ///
    /// # Errors
    /// As [`crate::claim::claim_by`].
    pub fn take_by(path: &Path, deadline: Deadline) -> Result<Option<RestartLock>> {
        let awaited = || format!("waiting for another restart of {}", path.display());
        for _ in 0..REPLACED_AT_MOST {
            let file = PidFile::open_for_claim(path, None)?;
            file.check_content()?;
            let taken = blocked_by(
                deadline,
                awaited,
                || Ok(byte_lock::ofd_take(&file, PLACE)?),
                || Ok(byte_lock::ofd_wait(&file, PLACE)?),
            );
            match taken.act("queue at", path.display())? {
                false => return Ok(None),
                true if file.still_at_path() => return Ok(Some(RestartLock { file })),
                true => {}
            }
        }
        Err(refused("queue at", path.display(), Why::Replaced("something keeps replacing it".into())))
    }

    pub(crate) fn file(&self) -> &PidFile {
        &self.file
    }
}

impl AsFd for RestartLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Takes the restart lock for a claim, through the descriptor of the claim itself: no restart can begin while the text of a
/// claim half-way is still somebody else's. `false` if a restart is under way. The claimant's first steps free it.
///
/// # Errors
/// The kernel does not answer.
pub(crate) fn try_take(file: &PidFile) -> Result<bool> {
    match byte_lock::ofd_take(file, PLACE) {
        // Without such locks there are no restarts.
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(true),
        answer => answer.act("ask for", "the restart lock"),
    }
}

/// Whether a restart, or a claim, is under way.
pub(crate) fn is_taken(file: &PidFile) -> Result<bool> {
    match byte_lock::is_taken(file, PLACE) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(false),
        answer => answer.act("ask for", "the restart lock"),
    }
}

/// Whether a restart, or a claim, of the file at `path` is under way.
///
/// # Errors
/// The file cannot be read.
pub fn is_held(path: &Path) -> Result<bool> {
    PidFile::open(path)?.map_or(Ok(false), |file| is_taken(&file))
}
