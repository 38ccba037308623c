//! Why a target is not as wanted. An error number becomes words only when it is printed: of many tries only the last
//! is.

use nix::errno::Errno;
use racefree::error::reason;
use std::borrow::Cow;
use std::fmt;

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Errno(Errno),
    Words(Cow<'static, str>),
}

impl From<Errno> for Reason {
    fn from(errno: Errno) -> Reason {
        Reason::Errno(errno)
    }
}

impl From<String> for Reason {
    fn from(words: String) -> Reason {
        Reason::Words(words.into())
    }
}

impl From<&'static str> for Reason {
    fn from(words: &'static str) -> Reason {
        Reason::Words(words.into())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Errno(errno) => f.write_str(&reason(errno)),
            Reason::Words(words) => f.write_str(words),
        }
    }
}
