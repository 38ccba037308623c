//! `--unlocked`: the PID files of daemons that write their own and take no lock.

use clap::Args;
use racefree::claim::evidence::{Trust, pin_to_signal};
use racefree::claim::pid_text::Text;
use racefree::claim::pin::MaybePinned;
use racefree::claim::status::Status;
use racefree::claim::unlocked;
use racefree::error::Result;
use racefree::process::pidfd::PidFd;
use racefree::process::procfs;
use std::path::{Path, PathBuf};

const UNLOCKED: &str = "A file without a lock";

/// The options that let a file without a lock be believed.
#[derive(Debug, Default, Args)]
pub(crate) struct Unlocked {
    /// Also believe the PID file of a daemon that writes its own, without a lock
    ///
    /// pidfile believes the file if the process is alive, was started before the file was last written, and runs as the
    /// owner of the file (or the owner is root). No lock proves it: use --unlocked only for a daemon that you cannot
    /// start otherwise.
    #[arg(long, help_heading = UNLOCKED)]
    unlocked: bool,
    /// With --unlocked: only if the process runs this program
    #[arg(long, help_heading = UNLOCKED, value_name = "PATH", requires = "unlocked")]
    exe: Option<PathBuf>,
}

impl Unlocked {
    /// Reads the file with or without `--unlocked`.
    pub(crate) fn read(&self, pidfile: &Path) -> Status {
        if self.unlocked { unlocked::reading(pidfile, self.exe.as_deref()) } else { Status::of(pidfile) }
    }

    /// Pins the claimant, if it may be signalled.
    pub(crate) fn to_be_signalled(&self, verb: &'static str, pidfile: &Path) -> Result<MaybePinned> {
        let trust = if self.unlocked { Trust::TextToo(self.exe.as_deref()) } else { Trust::Locks };
        pin_to_signal(verb, pidfile, trust)
    }

    /// The status in words. If a living process has the recorded PID, the words name `--unlocked`.
    pub(crate) fn in_words(&self, reading: &Status) -> String {
        let words = reading.in_words();
        match reading {
            Status::Stale(Text::Names(pid)) if !self.unlocked && PidFd::is_alive(*pid) => {
                let command = procfs::command_line(*pid).unwrap_or_default();
                format!("{words}; {pid} is alive ({command}): --unlocked asks whether it may have written the file")
            }
            _ => words,
        }
    }
}
