//! The steps that put the PID of a new process on record. The process takes them between fork(2) and execve(2).

use crate::claim::byte_lock::SUCCESSOR;
use crate::claim::restart_lock;
use crate::sys::steps::{Step, Told, before_exec_told};
use std::io;
use std::os::fd::RawFd;
use std::process::Command;

/// The way in which a process takes over a claim that its parent holds.
#[derive(Clone, Copy, Debug)]
pub struct RecordPid {
    descriptor: RawFd,
}

impl RecordPid {
    pub(crate) fn through(descriptor: RawFd) -> RecordPid {
        RecordPid { descriptor }
    }

    /// The descriptor that COMMAND inherits.
    pub fn descriptor(self) -> RawFd {
        self.descriptor
    }

    /// Locks the byte of the process, writes its PID, releases the restart lock, and keeps the descriptor over exec.
    pub fn lock_and_write(self) -> Vec<Step> {
        [vec![Step::LockOwnByte(self.descriptor, 0)], self.write()].concat()
    }

    /// Locks the byte of the process, writes its PID, and frees the restart lock. Children do not inherit the descriptor.
    pub(crate) fn lock_and_write_only(self) -> Vec<Step> {
        vec![
            Step::LockOwnByte(self.descriptor, 0),
            Step::WriteOwnPid(self.descriptor),
            Step::UnlockShared(self.descriptor, restart_lock::PLACE),
        ]
    }

    /// Locks the byte of the process and the byte that marks a successor, and keeps the descriptor over exec. The text still
    /// names the old daemon.
    pub fn lock_as_successor(self) -> Vec<Step> {
        vec![
            Step::LockOwnByte(self.descriptor, SUCCESSOR),
            Step::LockOwnByte(self.descriptor, 0),
            Step::Inherit(self.descriptor),
        ]
    }

    /// Writes the PID of the process, releases the restart lock, and keeps the descriptor over exec. It locks no byte:
    /// under --supervise the parent locks it.
    pub fn write(self) -> Vec<Step> {
        vec![
            Step::WriteOwnPid(self.descriptor),
            Step::UnlockShared(self.descriptor, restart_lock::PLACE),
            Step::Inherit(self.descriptor),
        ]
    }

    /// Keeps the descriptor over exec, so that COMMAND inherits the claim. It locks no byte and writes no PID.
    pub fn inherit(self) -> Vec<Step> {
        vec![Step::Inherit(self.descriptor)]
    }
}

/// Takes the steps in this process.
pub(crate) fn take(steps: &[Step]) -> io::Result<()> {
    steps.iter().try_for_each(|step| step.take())
}

/// Lets a child take the steps before it becomes COMMAND. The child reports whether they failed.
///
/// # Errors
/// No memory.
pub fn before_exec(command: &mut Command, steps: &[Step]) -> io::Result<Told> {
    before_exec_told(command, steps)
}
