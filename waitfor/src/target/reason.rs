//! Why a target is not as it should be. What the kernel has said is put into words only where somebody reads them: of
//! many tries one is told.

use racefree_core::error::reason;
use rustix::io::Errno;
use std::borrow::Cow;
use std::fmt;

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Errno(Errno),
    Words(Cow<'static, str>),
}

impl From<Errno> for Why {
    fn from(errno: Errno) -> Why {
        Why::Errno(errno)
    }
}

impl From<String> for Why {
    fn from(words: String) -> Why {
        Why::Words(words.into())
    }
}

impl From<&'static str> for Why {
    fn from(words: &'static str) -> Why {
        Why::Words(words.into())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Errno(errno) => f.write_str(&reason(errno)),
            Why::Words(words) => f.write_str(words),
        }
    }
}
