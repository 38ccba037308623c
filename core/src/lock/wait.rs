//! The wait for a flock(2) or a record lock, in the kernel's own queue, which is first come, first served, and with an
//! exact deadline.

use crate::event::deadline::Deadline;
use crate::listener;
use crate::lock::file_id::FileId;
use crate::sys::Alarm;
use fs4::{FileExt, TryLockError};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Whether the path still names this very file.
pub(crate) fn still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => FileId::from(&ours) == FileId::from(&there),
        _ => false,
    }
}

/// Takes the exclusive flock if it is free.
pub(crate) fn try_flock(file: &File) -> std::io::Result<bool> {
    answered(FileExt::try_lock(file))
}

/// The result of an attempt; `false` if another process has the lock.
pub(crate) fn answered(answer: std::result::Result<(), TryLockError>) -> std::io::Result<bool> {
    match answer {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Waits for the exclusive flock in the kernel's queue, which is first come, first served, until the deadline.
pub(crate) fn flock_by(file: &File, deadline: Deadline, awaited: impl Fn() -> String + Sync) -> std::io::Result<bool> {
    blocked_by(deadline, awaited, || false, || try_flock(file), || FileExt::lock(file))
}

/// An alarm that was lost rings again so soon.
pub(crate) const AGAIN: Duration = Duration::from_millis(5);

/// Waits in a system call that blocks, until the deadline, or until an interruption finds the wait hopeless. Then it tries
/// once more.
pub(crate) fn blocked_by(
    deadline: Deadline,
    awaited: impl Fn() -> String + Sync,
    hopeless: impl Fn() -> bool,
    try_now: impl Fn() -> std::io::Result<bool>,
    block: impl Fn() -> std::io::Result<()>,
) -> std::io::Result<bool> {
    listener::while_waiting(awaited, || {
        loop {
            if deadline.passed() {
                return try_now();
            }
            let alarm = deadline.left().map(|left| Alarm::set(left, AGAIN)).transpose()?;
            // After the alarm is set: it would silence another that rings because there is no hope.
            if hopeless() {
                return try_now();
            }
            match block() {
                Ok(()) => return Ok(true),
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => drop(alarm),
                Err(e) => return Err(e),
            }
        }
    })
}
