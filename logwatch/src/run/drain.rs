//! `--drain`: reads stdin to its end after a line has decided.

use crate::run::session::Session;
use racefree::error::{Context, Result};
use std::io;
use std::os::fd::AsFd;

impl Session<'_> {
    /// Reads stdin to its end and drops what it reads, so that the writer does not die of SIGPIPE.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn drain(&self) -> Result<()> {
        if self.logs.iter().all(|log| log.pipe().is_none()) {
            return Ok(());
        }
        let stdin = io::stdin().as_fd().try_clone_to_owned().act("read", "stdin")?;
        io::copy(&mut std::fs::File::from(stdin), &mut io::sink()).map(drop).act("read", "stdin")
    }
}
