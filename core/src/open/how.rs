//! The ways in which a file may be opened.

use nix::fcntl::OFlag;

/// The symbolic links that may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Every link.
    Follow,
    /// A link that root or the caller has made. Another user's link is refused, in whichever component it stands.
    Trusted,
    /// As [`Links::Trusted`], and the last component must be no link.
    TrustedNotLast,
}

/// The purpose for which a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Writing at the end (`O_APPEND`).
    Append,
}

/// The types of file that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// A regular file.
    File,
    /// A regular file or a directory.
    FileOrDirectory,
}

/// The way to open a file.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The purpose.
    pub access: Access,
    /// The permission bits, less the umask, of a new file. With `None` no file is made.
    pub create: Option<u32>,
    /// The links that may be followed.
    pub links: Links,
    /// The types that may be opened.
    pub kinds: Kinds,
}

impl How {
    /// Opens a regular file for reading.
    pub const fn read(links: Links) -> How {
        How { access: Access::Read, create: None, links, kinds: Kinds::File }
    }

    /// Opens a regular file for reading and writing.
    pub const fn read_write(links: Links) -> How {
        How { access: Access::ReadWrite, create: None, links, kinds: Kinds::File }
    }

    /// Opens a regular file for appending.
    pub const fn append(links: Links) -> How {
        How { access: Access::Append, create: None, links, kinds: Kinds::File }
    }

    /// Makes the file if it is absent.
    #[must_use]
    pub const fn or_create(self, mode: u32) -> How {
        How { create: Some(mode), ..self }
    }

    /// Opens a directory as well.
    #[must_use]
    pub const fn or_directory(self) -> How {
        How { kinds: Kinds::FileOrDirectory, ..self }
    }

    pub(super) fn flags(self) -> OFlag {
        let access = match self.access {
            Access::Read => OFlag::O_RDONLY,
            Access::ReadWrite => OFlag::O_RDWR,
            Access::Append => OFlag::O_WRONLY | OFlag::O_APPEND,
        };
        access | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY
    }
}
