//! The start of a child by posix_spawn(3), which does not copy this process (vfork(2)).
//!
//! posix_spawn(3) can set the signal mask and default actions. A start that needs another step goes through fork(2).

use crate::event::Events;
use crate::sys;
use nix::errno::Errno;
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawnp};
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::Pid;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Starts COMMAND with the signal actions that this process began with; `None` if the start needs more than
/// posix_spawn(3) can do.
///
/// # Errors
/// COMMAND was not found, or could not be executed.
pub(crate) fn quickly(words: &[OsString], events: &Events) -> Result<Option<Pid>, Errno> {
    // posix_spawn(3) cannot ignore a signal. It would leave SIGPIPE ignored.
    if sys::runtime::chld_was_ignored() {
        return Ok(None);
    }
    let (attributes, actions) = (attributes(events)?, PosixSpawnFileActions::init()?);
    let Some(arguments) = words.iter().map(|word| CString::new(word.as_bytes()).ok()).collect::<Option<Vec<_>>>()
    else {
        return Ok(None);
    };
    match posix_spawnp(&arguments[0], &actions, &attributes, &arguments, &environment()) {
        Ok(pid) => Ok(Some(pid)),
        // COMMAND is a script without #!. execvp(3) gives it to /bin/sh.
        Err(Errno::ENOEXEC) => Ok(None),
        Err(e) => Err(e),
    }
}

fn attributes(events: &Events) -> nix::Result<PosixSpawnAttr> {
    let mut attributes = PosixSpawnAttr::init()?;
    let mut flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
    attributes.set_sigmask(&events.mask_before())?;
    let mut defaults = SigSet::empty();
    if !sys::runtime::pipe_was_ignored() {
        defaults.add(Signal::SIGPIPE);
    }
    if !sys::runtime::xfsz_was_ignored() {
        defaults.add(Signal::SIGXFSZ);
    }
    attributes.set_sigdefault(&defaults)?;
    flags |= PosixSpawnFlags::POSIX_SPAWN_SETSIGDEF;
    attributes.set_flags(flags)?;
    Ok(attributes)
}

fn environment() -> Vec<CString> {
    let entry = |(name, value): (OsString, OsString)| {
        let mut entry = name.into_vec();
        entry.push(b'=');
        entry.extend_from_slice(value.as_bytes());
        CString::new(entry).ok()
    };
    std::env::vars_os().filter_map(entry).collect()
}
