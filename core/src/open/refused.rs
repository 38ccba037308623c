//! The reasons why a file was not opened.

use nix::errno::Errno;
use std::fmt;
use std::io;

/// The reason why a file was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A system call failed.
    Errno(Errno),
    /// The file is a FIFO, a device or the like; the text names the type.
    Kind(&'static str),
    /// The path leads through this symbolic link, which this user has made.
    Link(String, u32),
    /// Another process holds a lease on the file (fcntl(2), F_SETLEASE).
    Lease,
    /// Another process replaced the file again and again while it was opened.
    Changing,
    /// The file is longer than this many bytes.
    TooLong(u64),
}

impl Refused {
    /// Whether the file is absent.
    pub fn is_absent(&self) -> bool {
        matches!(self, Refused::Errno(Errno::ENOENT))
    }

    /// The error of the system call, if one failed.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Refused::Errno(errno) => Some(*errno),
            _ => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Errno(errno) => f.write_str(&crate::error::reason(errno)),
            Refused::Kind(kind) => write!(f, "it is {kind}"),
            Refused::Link(link, uid) => {
                write!(f, "{link} is a symbolic link made by user {uid}, who could make it lead anywhere")
            }
            Refused::Lease => f.write_str("another process holds a lease on it"),
            Refused::Changing => f.write_str("something keeps replacing it"),
            Refused::TooLong(limit) => write!(f, "it is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Refused {
        Refused::Errno(errno)
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> io::Error {
        match refused {
            Refused::Errno(errno) => errno.into(),
            other => io::Error::other(other),
        }
    }
}
