//! The restart lock. One restart at a time replaces the claimant of a PID file, and no claim comes between the two
//! daemons.
//!
//! It is a lock on a byte beyond the largest PID. The open file description holds it, so it ends with the process, and
//! the close of another descriptor of the file does not drop it. A process that has locked its own byte while the text
//! names another process is a successor: of a restart that runs, if the restart lock is held, else of a restart that
//! was killed. A plain claim half-way looks like a successor, so a claim holds the restart lock for that moment.

use crate::claim::byte_lock;
use crate::claim::pid_file::PidFile;
use crate::error::{Context, Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::lock::REPLACED_AT_MOST;
use crate::lock::wait::blocked_by;
use nix::errno::Errno;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// The byte of the restart lock, beyond PID_MAX_LIMIT, so it is the byte of no PID.
pub(crate) const PLACE: i64 = (1 << 22) + 1;

/// The right to replace the claimant.
#[must_use = "dropping it lets the next restart begin"]
#[derive(Debug)]
pub struct RestartLock {
    file: PidFile,
}

impl RestartLock {
    /// Waits until no other restart runs; `None` at the deadline.
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
                || false,
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

/// Takes the restart lock for a claim, through the descriptor of the claim. No restart begins while the text of a claim
/// half-way names another process. `false` if a restart runs. The claimant's first steps release it.
///
/// # Errors
/// The kernel refuses the question.
pub(crate) fn try_take(file: &PidFile) -> Result<bool> {
    match byte_lock::ofd_take(file, PLACE) {
        // A file system without such locks has no restarts.
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(true),
        answer => answer.act("ask for", "the restart lock"),
    }
}

/// Whether a restart or a claim holds the restart lock.
pub(crate) fn is_taken(file: &PidFile) -> Result<bool> {
    match byte_lock::is_taken(file, PLACE) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(false),
        answer => answer.act("ask for", "the restart lock"),
    }
}

/// Whether a restart or a claim of the file at `path` holds the restart lock.
///
/// # Errors
/// The file cannot be read.
pub fn is_held(path: &Path) -> Result<bool> {
    PidFile::open(path)?.map_or(Ok(false), |file| is_taken(&file))
}
