//! The moment in which a claim gets its name: in the new process, between fork(2) and execve(2).

use crate::claim::byte_lock;
use crate::claim::pid_text::Line;
use crate::claim::restart_lock;
use crate::sys;
use rustix::process::Pid;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};

/// The steps by which a process takes a claim that its parent holds. Only system calls: it runs after fork(2).
#[derive(Clone, Copy, Debug)]
pub struct RecordPid {
    descriptor: RawFd,
}

impl RecordPid {
    pub(crate) fn through(descriptor: RawFd) -> RecordPid {
        RecordPid { descriptor }
    }

    /// The descriptor that is to be inherited.
    pub fn descriptor(self) -> RawFd {
        self.descriptor
    }

    /// Locks the byte of the calling process, writes its number, lets restarts begin again, and the descriptor be inherited
    /// over exec.
    ///
    /// # Errors
    /// EAGAIN: another process has locked the byte. ENOSPC, EIO: the text cannot be written.
    pub fn lock_and_write(self) -> io::Result<()> {
        byte_lock::take(sys::borrow(self.descriptor), rustix::process::getpid())?;
        self.write()
    }

    /// Locks the byte only, as the newcomer of a restart: the text still names the old one.
    ///
    /// # Errors
    /// EAGAIN: another process has locked the byte.
    pub fn lock_as_successor(self) -> io::Result<()> {
        let (file, pid) = (sys::borrow(self.descriptor), rustix::process::getpid());
        byte_lock::mark(file, pid)?;
        byte_lock::take(file, pid)?;
        self.inherit()
    }

    /// The same without the byte: the parent will vouch.
    ///
    /// # Errors
    /// ENOSPC, EIO: the text cannot be written.
    pub fn write(self) -> io::Result<()> {
        write_text(sys::borrow(self.descriptor), rustix::process::getpid())?;
        restart_lock::release(sys::borrow(self.descriptor));
        self.inherit()
    }

    /// Neither: only lets the descriptor be inherited over exec.
    ///
    /// # Errors
    /// A refused fcntl(2).
    pub fn inherit(self) -> io::Result<()> {
        sys::set_inherited(self.descriptor, true)
    }
}

/// One write, then the cut: the first line is a whole number at every instant.
pub(crate) fn write_text(file: BorrowedFd<'_>, pid: Pid) -> io::Result<()> {
    let line = Line::of(pid);
    let text = line.as_bytes();
    let written = rustix::io::pwrite(file, text, 0)?;
    if written < text.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(rustix::fs::ftruncate(file, text.len() as u64)?)
}
