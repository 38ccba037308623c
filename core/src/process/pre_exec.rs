//! The start of COMMAND: the descriptors that it inherits, and the steps that its process takes before it becomes
//! COMMAND.

use crate::error::{Context, Result};
use crate::signal::Signal;
use crate::sys;
use crate::sys::steps::{Step, before_exec};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Lets children inherit 0, 1, 2 and the descriptors named here, and no other that is open now.
///
/// # Errors
/// A descriptor is not open.
pub fn inherit_only(kept: &[RawFd]) -> Result<()> {
    sys::inherit_none_from(3);
    kept.iter().try_for_each(|&fd| sys::set_inherited(fd, true).act("keep descriptor", fd))
}

/// Lets COMMAND begin with SIGINT ignored, so that only its parent acts on a Ctrl-C.
pub fn ignore_int(command: &mut Command) {
    before_exec(command, &[Step::Ignore(Signal::INT, true)]);
}

/// Lets the kernel kill COMMAND when this process ends. A program with other privileges than its caller's, or one that
/// changes them, loses this protection (PR_SET_PDEATHSIG(2const)).
pub fn die_with_us(command: &mut Command) {
    before_exec(command, &[Step::DieWithParent(nix::unistd::getpid())]);
}

/// Lets COMMAND and its whole process group be killed when this process ends.
///
/// The child that is started becomes a guard, and COMMAND the guard's child. The guard leads the group, ends as COMMAND
/// ends, and kills the group once its own parent has ended. A process that leaves the group escapes.
pub fn end_group_with_us(command: &mut Command) {
    command.process_group(0);
    before_exec(command, &[Step::LeaveGuard(nix::unistd::getpid())]);
}

/// Takes back [`die_with_us`] as the last step before execve(2). COMMAND may outlive this process from then on.
pub fn outlive_us(command: &mut Command) {
    before_exec(command, &[Step::OutliveParent]);
}

/// Lets COMMAND begin a session (setsid(2)).
pub fn lead_a_session(command: &mut Command) {
    before_exec(command, &[Step::NewSession]);
}

/// Closes a descriptor in the child before the steps that are added after this one. Race: exec-drops-lock
/// (docs/races.md). If execve(2) closed the descriptor, it would drop the record locks of those steps.
pub fn close_first(command: &mut Command, descriptor: impl AsFd) {
    before_exec(command, &[Step::Close(descriptor.as_fd().as_raw_fd())]);
}
