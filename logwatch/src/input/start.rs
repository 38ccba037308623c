//! Where a log begins to be followed: at a cursor, at its end, or at its beginning.

use crate::input::archive_names::ArchiveNames;
use crate::input::budget::Budget;
use crate::input::cursor::Cursor;
use crate::input::directories::Directories;
use crate::input::follower::Follower;
use crate::input::generation::{Generation, generations, open_file};
use crate::input::inode;
use crate::input::noting;
use crate::input::open_files::OpenFiles;
use crate::input::reader::Reader;
use crate::input::rotation;
use racefree::error::Result;
use std::fs::File;
use std::path::Path;

impl Follower {
    /// Follows a log from a cursor on.
    ///
    /// # Errors
    /// The log exists and cannot be read.
    pub(crate) fn from(names: ArchiveNames, cursor: Cursor, budget: &Budget) -> Result<Follower> {
        open_file(names.log())?;
        let mut follower = Follower::new(names, cursor.taken);
        follower.directories = Directories::of(follower.names.directories());
        let plan = rotation::since(&follower.names, &cursor, budget)?;
        follower.files = OpenFiles::after(cursor.places);
        (follower.gap, follower.is_copying, follower.unread) = (plan.gap, plan.is_copying, plan.unread.into());
        // If a file has moved meanwhile, the first step plans anew.
        follower.read_next(budget)?;
        Ok(follower)
    }

    /// Follows a log from its end on.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_end(names: ArchiveNames) -> Result<Follower> {
        Follower::without_archives(names, Reader::at_end)
    }

    /// Follows a log from its beginning on.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_start(names: ArchiveNames) -> Result<Follower> {
        Follower::without_archives(names, |file, path| Reader::of_file(file, path, 0))
    }

    /// Reads a log once, from its beginning, whatever its name stands for meanwhile.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn once(names: ArchiveNames) -> Result<Follower> {
        let mut follower = Follower { once: true, ..Follower::new(names, 0) };
        if let Some(file) = open_file(follower.path())? {
            let reader = Reader::of_file(file, follower.path(), 0)?;
            follower.add(reader);
        }
        Ok(follower)
    }

    /// Follows a log. What its archives hold is of no interest.
    fn without_archives(names: ArchiveNames, reader: impl Fn(File, &Path) -> Result<Reader>) -> Result<Follower> {
        let mut follower = Follower::new(names, inode::now());
        follower.directories = Directories::of(follower.names.directories());
        // An archive that was written to in this very tick of the clock would look like one that is written to later.
        if follower.directories.are_fresh() {
            let is_fresh = |generation: &Generation| generation.modified >= follower.taken;
            follower.files = OpenFiles::after(noting::ends(&generations(&follower.names)?, is_fresh));
        }
        if let Some(file) = open_file(follower.path())? {
            let reader = reader(file, follower.path())?;
            follower.add(reader);
        }
        Ok(follower)
    }

    /// Reads stdin to its end.
    ///
    /// # Errors
    /// stdin is closed.
    pub(crate) fn of_stdin() -> Result<Follower> {
        let names = ArchiveNames::new(Path::new("-"), &[], false);
        let mut stdin = Follower { is_stdin: true, ..Follower::new(names, inode::now()) };
        stdin.add(Reader::of_stdin()?);
        Ok(stdin)
    }
}
