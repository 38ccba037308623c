//! PID 1 of a namespace, as a utility is that is the first program of a container.
//!
//! The kernel keeps from PID 1 every signal whose action is the default one (pid_namespaces(7)): TERM and Ctrl-C would
//! do nothing. A handler that ends the process at once is what the default action is elsewhere.

use super::is_ignored;
use crate::signal::Signal;
use nix::libc;
use nix::unistd::{Pid, getpid};
use std::mem::MaybeUninit;

/// The signals that people and supervisors end a program by.
const ENDINGS: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

extern "C" fn end(signal: libc::c_int) {
    // SAFETY: async-signal-safe; no handler, no destructor and no buffer of anybody's is touched.
    unsafe { libc::_exit(128 + signal) }
}

/// Lets the signals that end every other process end this one too, if it is PID 1. execve(2) gives COMMAND the default
/// actions again, and a signal that is ignored stays ignored.
pub(crate) fn obey_signals_as_pid_1() {
    if getpid() == Pid::from_raw(1) {
        ENDINGS.into_iter().filter(|&signal| !is_ignored(signal)).for_each(handle);
    }
}

fn handle(signal: Signal) {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zeroes are a valid sigaction, and the handler only ends the process. A refusal leaves the signal as it
    // was.
    unsafe {
        (*action.as_mut_ptr()).sa_sigaction = end as *const () as usize;
        libc::sigaction(signal.number(), action.as_ptr(), std::ptr::null_mut());
    }
}
