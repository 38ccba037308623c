//! What COMMAND is born with: the descriptors it inherits, and the steps that its process takes before it becomes it.

use crate::error::{Context, Result};
use crate::signal::Signal;
use crate::sys;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::process::Command;

/// Lets children inherit 0, 1, 2 and the descriptors named here, and no other that is open now.
///
/// # Errors
/// One of them is not open.
pub fn inherit_only(kept: &[RawFd]) -> Result<()> {
    sys::inherit_none_from(3);
    kept.iter().try_for_each(|&fd| sys::set_inherited(fd, true).act("keep descriptor", fd))
}

/// Lets COMMAND begin with SIGINT ignored: a Ctrl-C is its parent's to act on.
pub fn ignore_int(command: &mut Command) {
    sys::before_exec(command, || sys::set_ignored(Signal::INT, true));
}

/// Lets COMMAND end (by KILL) when this process ends, however that comes. A program with other privileges than its
/// caller's, or one that changes them, loses this protection (PR_SET_PDEATHSIG(2const)).
pub fn die_with_us(command: &mut Command) {
    let us = rustix::process::getpid();
    sys::before_exec(command, move || {
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
        // We may have ended before that; then nothing would be sent any more.
        if rustix::process::getppid() == Some(us) { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
    });
}

/// Takes that back, as the last step before execve(2): from then on it may outlive us.
pub fn outlive_us(command: &mut Command) {
    sys::before_exec(command, || Ok(rustix::process::set_parent_process_death_signal(None)?));
}

/// Closes a descriptor in the child before the steps that are added after this one. One of the same file that were
/// closed by execve(2) only would drop the record locks that those steps take.
pub fn close_first(command: &mut Command, descriptor: impl AsFd) {
    let number = descriptor.as_fd().as_raw_fd();
    sys::before_exec(command, move || sys::close_in_child(number));
}

/// Takes steps in the child after fork(2) and before execve(2). They may only make system calls.
pub fn before_exec(command: &mut Command, steps: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    sys::before_exec(command, steps);
}
