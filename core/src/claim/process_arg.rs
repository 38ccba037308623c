//! A process as it is named on a command line: `pidfile:PATH` or `pid:N`.

use crate::claim::pin::{self, Pinned};
use crate::error::Result;
use crate::process::pidfd::PidFd;
use rustix::process::Pid;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// How a user names a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// Whoever has claimed this PID file.
    ByPidfile(PathBuf),
    /// By its number.
    ByPid(Pid),
}

impl FromStr for Named {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Named, String> {
        let wrong = || format!("'{word}' names no process (write pidfile:PATH or pid:N)");
        match word.split_once(':') {
            Some(("pidfile", path)) if !path.is_empty() => Ok(Named::ByPidfile(path.into())),
            Some(("pid", number)) => {
                let digits = number.bytes().all(|b| b.is_ascii_digit());
                let number = digits.then(|| number.parse().ok()).flatten();
                number.and_then(Pid::from_raw).map(Named::ByPid).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::ByPidfile(path) => write!(f, "pidfile:{}", path.display()),
            Named::ByPid(pid) => write!(f, "pid:{pid}"),
        }
    }
}

impl Named {
    /// Takes hold of the process, if it lives.
    ///
    /// # Errors
    /// A refused pidfd_open(2).
    pub fn hold(&self) -> Result<Option<PidFd>> {
        let process = match self {
            Named::ByPidfile(path) => match pin::pin(path)? {
                Pinned::Running(process, _) => Some(process),
                Pinned::Nobody(_) => None,
            },
            Named::ByPid(pid) => PidFd::open(*pid)?,
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
        assert_eq!("pidfile:/run/x".parse(), Ok(Named::ByPidfile("/run/x".into())));
        assert_eq!("pid:12".parse::<Named>().map(|n| n.to_string()), Ok("pid:12".into()));
        for word in ["", "12", "pid:", "pid:0", "pid:-1", "pid:+1", "pid:x", "pid:99999999999", "pidfile:", "file:x"] {
            assert!(word.parse::<Named>().is_err(), "{word}");
        }
    }
}
