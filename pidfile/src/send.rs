//! The signal to one pinned process.

use racefree_core::error::{Context, Result};
use racefree_core::lock::holders::Holder;
use racefree_core::process::pidfd::PidFd;
use racefree_core::process::procfs;
use racefree_core::signal::Signal;
use std::path::Path;

/// Sends a signal; `false` if the process has ended. The error of a refused signal names the process and its user.
pub(crate) fn send(verb: &str, pidfile: &Path, process: &PidFd, signal: Signal) -> Result<bool> {
    process.signal(signal).map_err(|e| e.context(format!("{verb} {}", pidfile.display()))).or_else(|e| {
        let denied = e.chain().any(|cause| cause.downcast_ref() == Some(&nix::errno::Errno::EPERM));
        match denied.then(|| procfs::user(process.pid())).flatten() {
            Some(user) => Err(nix::errno::Errno::EPERM).act(
                &format!("{verb} {}: send {signal} to", pidfile.display()),
                format!("{}, which runs as {user}", Holder::new(process.pid())),
            ),
            None => Err(e),
        }
    })
}
