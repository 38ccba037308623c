//! `pidfile signal`: to the claimant, or to nobody.

use clap::Args;
use racefree_core::control::{self, Found};
use racefree_core::error::{Result, refusal};
use racefree_core::exit::Exit;
use racefree_core::reading::Evidence;
use racefree_core::signal;
use std::path::{Path, PathBuf};

/// Send SIGNAL to the process that has claimed PIDFILE, and to no other
///
/// The kernel vouches for the process before the signal is sent through a pidfd: a number that was recycled is never
/// hit. Without a living claimant the exit code is that of `pidfile read`.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// The signal: a name with or without SIG, or a number
    signal: signal::Signal,
    /// The PID file
    pidfile: PathBuf,
}

impl Signal {
    pub(crate) fn run(self) -> Result<Exit> {
        match to_be_signalled(&self.pidfile)? {
            Found::Running(process, _) if process.signal(self.signal)? => Ok(Exit::Done),
            Found::Running(process, _) => {
                let why = format!("signal {}: process {} has just ended", self.pidfile.display(), process.pid());
                Err(refusal(Exit::No, why))
            }
            Found::Nobody(reading) => {
                Err(refusal(reading.exit(), format!("signal {}: {}", self.pidfile.display(), reading.in_words())))
            }
        }
    }
}

/// The claimant, if the kernel vouches for it. What only the text says is no ground for a signal.
pub(crate) fn to_be_signalled(pidfile: &Path) -> Result<Found> {
    match control::claimant(pidfile)? {
        Found::Running(process, claimant) if claimant.evidence == Evidence::Recorded => {
            let why = format!(
                "signal {}: it is another user's, and only the file says that it is {}",
                pidfile.display(),
                process.pid()
            );
            Err(refusal(Exit::Unknown, why))
        }
        found => Ok(found),
    }
}
