//! The process arguments of the command lines: `pidfile:PATH` or `pid:N`.

use crate::claim::pin::{self, MaybePinned};
use crate::error::Result;
use crate::pid;
use crate::process::pidfd::PidFd;
use nix::unistd::Pid;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A process, as the user names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessArg {
    /// The claimant of this PID file.
    ByPidfile(PathBuf),
    /// The process with this PID.
    ByPid(Pid),
}

impl FromStr for ProcessArg {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<ProcessArg, String> {
        let wrong = || format!("'{word}' names no process (write pidfile:PATH or pid:N)");
        match word.split_once(':') {
            Some(("pidfile", path)) if !path.is_empty() => Ok(ProcessArg::ByPidfile(path.into())),
            Some(("pid", number)) => parse_pid(number.as_bytes()).map(ProcessArg::ByPid).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }
}

/// Parses the N of `pid:N`: digits only, and not 0.
pub fn parse_pid(digits: &[u8]) -> Option<Pid> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    pid::numbered(digits.parse().ok()?)
}

impl fmt::Display for ProcessArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessArg::ByPidfile(path) => write!(f, "pidfile:{}", path.display()),
            ProcessArg::ByPid(pid) => write!(f, "pid:{pid}"),
        }
    }
}

impl ProcessArg {
    /// Opens a pidfd of the process, if the process lives.
    ///
    /// # Errors
    /// A refused pidfd_open(2).
    pub fn hold(&self) -> Result<Option<PidFd>> {
        let process = match self {
            ProcessArg::ByPidfile(path) => match pin::pin(path)? {
                MaybePinned::Running(process, _) => Some(process),
                MaybePinned::Nobody(_) => None,
            },
            ProcessArg::ByPid(pid) => PidFd::open(*pid)?,
        };
        Ok(match process {
            Some(process) if !process.has_ended()? => Some(process),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pidfile_or_a_pid_names_a_process() {
        assert_eq!("pidfile:/run/x".parse(), Ok(ProcessArg::ByPidfile("/run/x".into())));
        assert_eq!("pid:12".parse::<ProcessArg>().map(|n| n.to_string()), Ok("pid:12".into()));
        for word in ["", "12", "pid:", "pid:0", "pid:-1", "pid:+1", "pid:x", "pid:99999999999", "pidfile:", "file:x"] {
            assert!(word.parse::<ProcessArg>().is_err(), "{word}");
        }
    }
}
