//! The first steps of a process, in the place of Rust's runtime.

use super::{is_ignored, set_ignored};
use crate::signal::Signal;
use nix::libc;
use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, Ordering};

static PIPE_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
static CHLD_WAS_IGNORED: AtomicBool = AtomicBool::new(false);
static XFSZ_WAS_IGNORED: AtomicBool = AtomicBool::new(false);

/// Opens descriptors 0, 1 and 2 if they are closed, ignores SIGPIPE and SIGXFSZ, lets children be waited for, and returns
/// the arguments.
///
/// COMMAND must start with the signal actions that this process started with (`trap '' PIPE`), so the function notes
/// which were ignored. If SIGCHLD is ignored, the kernel reaps children and discards their status (wait(2), NOTES). So
/// this process sets it to the default.
///
/// # Safety
/// `arguments` must point to `count` C strings that stay as they are.
pub unsafe fn begin(count: libc::c_int, arguments: *const *const libc::c_char) -> Vec<OsString> {
    open_standard_descriptors();
    PIPE_WAS_IGNORED.store(is_ignored(Signal::PIPE), Ordering::Relaxed);
    CHLD_WAS_IGNORED.store(is_ignored(Signal::CHLD), Ordering::Relaxed);
    XFSZ_WAS_IGNORED.store(is_ignored(Signal::XFSZ), Ordering::Relaxed);
    // Both calls succeed for every signal that can be ignored.
    let _ = set_ignored(Signal::PIPE, true);
    // Beyond `ulimit -f` a write is to fail (EFBIG), not to end us, nor a child of ours before it is COMMAND.
    let _ = set_ignored(Signal::XFSZ, true);
    // Race: status-lost (docs/races.md)
    let _ = if chld_was_ignored() { set_ignored(Signal::CHLD, false) } else { Ok(()) };
    // SAFETY: the caller promises that these are `count` C strings.
    let argument = |at| unsafe { CStr::from_ptr(*arguments.add(at)) };
    (0..count as usize).map(|at| OsStr::from_bytes(argument(at).to_bytes()).to_owned()).collect()
}

/// Opens /dev/null for each closed one of 0, 1 and 2. Otherwise a file that is opened as number 2 would get our
/// messages.
fn open_standard_descriptors() {
    let mut standard = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: the kernel writes to the three elements only.
    unsafe { libc::poll(standard.as_mut_ptr(), 3, 0) };
    for _closed in standard.iter().filter(|descriptor| descriptor.revents & libc::POLLNVAL != 0) {
        // SAFETY: the lowest free number, which is one of the closed three, is taken and left open for good. Where there is
        // no /dev/null, it is taken by a name for the root directory, which can neither be read nor written.
        unsafe {
            if libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) < 0 {
                libc::open(c"/".as_ptr(), libc::O_PATH);
            }
        }
    }
}

/// Whether SIGPIPE was ignored when this process began.
pub(crate) fn pipe_was_ignored() -> bool {
    PIPE_WAS_IGNORED.load(Ordering::Relaxed)
}

/// Whether SIGCHLD was ignored when this process began.
pub(crate) fn chld_was_ignored() -> bool {
    CHLD_WAS_IGNORED.load(Ordering::Relaxed)
}

/// Whether SIGXFSZ was ignored when this process began.
pub(crate) fn xfsz_was_ignored() -> bool {
    XFSZ_WAS_IGNORED.load(Ordering::Relaxed)
}
