//! The text that a stopped daemon leaves in its PID file.

use racefree::claim::pid_text::{LONGEST, Text, parse};
use racefree::claim::status::Status;
use racefree::claim::{Claimed, try_claim};
use racefree::error::Result;
use racefree::open::{Links, read_small};
use std::path::Path;

/// The text of a PID file before its daemon is asked to end.
pub(crate) struct OldText(Option<Text>);

impl OldText {
    /// Reads the text. An unreadable file is never emptied.
    pub(crate) fn of(pidfile: &Path) -> OldText {
        OldText(read_small(pidfile, Links::TrustedNotLast, LONGEST as u64).ok().map(|text| parse(&text)))
    }

    /// Lets the file keep its text.
    pub(crate) fn keep(&mut self) {
        self.0 = None;
    }

    /// Empties the file if it still has this text and the claim is free. A file that the caller may not write keeps its text.
    ///
    /// # Errors
    /// The file cannot be read or cut.
    pub(crate) fn empty(&self, pidfile: &Path) -> Result<()> {
        // Race: pid-left-behind (docs/races.md)
        match &self.0 {
            Some(text @ Text::Names(_)) if Status::of(pidfile) == Status::Stale(*text) => match try_claim(pidfile) {
                Ok(Claimed::Ours(held)) => held.forget(text),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
