//! The one place of the tests that needs `unsafe`: steps of a child between fork(2) and execve(2).
#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Lets the child take steps that only make system calls.
pub(crate) fn before_exec(command: &mut Command, steps: impl FnMut() -> io::Result<()> + Send + Sync + 'static) {
    // SAFETY: the callers, all in this crate, pass steps that only make system calls.
    unsafe { command.pre_exec(steps) };
}

/// Makes the terminal at descriptor 0 the controlling terminal of this session (TIOCSCTTY(2const)).
pub(crate) fn control_terminal() -> io::Result<()> {
    // SAFETY: the request takes a number and touches no memory.
    let set = unsafe { nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
