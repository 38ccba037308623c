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
