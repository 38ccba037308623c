//! One file that was once written under the log's name, or is now.

use crate::input::archive_names::{ArchiveNames, Rank};
use crate::input::budget::Budget;
use crate::input::cursor::Place;
use crate::input::decompress;
use crate::input::inode::{Inode, modified};
use crate::input::reader::Reader;
use crate::input::source::proof_of;
use nix::errno::Errno;
use racefree::error::{Context, Result};
use racefree::open::{How, Links, Refused, open};
use std::cmp::Reverse;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// A generation of a log, as it was a moment ago.
#[derive(Clone, Debug)]
pub(crate) struct Generation {
    pub(crate) path: PathBuf,
    pub(crate) inode: Inode,
    pub(crate) modified: u64,
    pub(crate) length: u64,
    pub(crate) is_log: bool,
    rank: Rank,
}

/// The answer to the question if a file holds the bytes before a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Yes,
    No,
    /// Another file has the name by now, or the file was truncated.
    Moved,
}

impl From<bool> for Holds {
    fn from(yes: bool) -> Holds {
        if yes { Holds::Yes } else { Holds::No }
    }
}

/// Rotation may change the names this often while we list them, before we take what we see.
pub(crate) const LOOKS: usize = 20;

/// The generations of a log, the oldest first and the log itself last. The list is repeated until no rotation falls into it.
///
/// The file system knows the order: the time of the last write. Names decide only where the times are equal.
///
/// # Errors
/// The log exists and cannot be looked at.
pub(crate) fn generations(names: &ArchiveNames) -> Result<Vec<Generation>> {
    let mut seen = list(names)?;
    // Race: log-rotated (docs/races.md)
    for _ in 0..LOOKS {
        let again = list(names)?;
        let same = |(a, b): (&Generation, &Generation)| (&a.path, a.inode) == (&b.path, b.inode);
        let unchanged = seen.len() == again.len() && seen.iter().zip(&again).all(same);
        seen = again;
        if unchanged {
            break;
        }
    }
    Ok(seen)
}

fn list(names: &ArchiveNames) -> Result<Vec<Generation>> {
    let mut found: Vec<Generation> = vec![];
    match fs::metadata(names.log()) {
        Ok(there) => found.push(Generation::new(names.log(), &there, Rank::Log)),
        Err(e) if is_absent(&e) => {}
        Err(e) => return Err(e).act("look at", names.log().display()),
    }
    for archive in names.archives() {
        // An archive may vanish after it was listed. What is no regular file is no archive.
        let Some(there) = fs::metadata(&archive.path).ok().filter(Metadata::is_file) else { continue };
        let generation = Generation::new(&archive.path, &there, archive.rank);
        // The log may be a symbolic link to a file that has the name of an archive.
        if found.iter().all(|known| known.inode != generation.inode) {
            found.push(generation);
        }
    }
    found.sort_by(|a, b| (a.is_log, a.modified, Reverse(&a.rank)).cmp(&(b.is_log, b.modified, Reverse(&b.rank))));
    Ok(found)
}

/// True if the error says that there is no such file.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Opens a log or an archive. None if it does not exist.
///
/// # Errors
/// The file cannot be opened, or is no regular file.
pub(crate) fn open_file(path: &Path) -> Result<Option<File>> {
    match open(path, How::read(Links::Follow)) {
        Ok(opened) => Ok(Some(opened.file)),
        Err(Refused::Errno(Errno::ENOENT | Errno::ENOTDIR)) => Ok(None),
        Err(Refused::Kind("a FIFO")) => {
            Err(anyhow::anyhow!("it is a FIFO; read it through stdin (logwatch ... - < FIFO)"))
                .act("watch", path.display())
        }
        Err(Refused::Kind(kind)) => Err(anyhow::anyhow!("it is {kind}")).act("watch", path.display()),
        Err(refused) => Err(io::Error::from(refused)).act("open", path.display()),
    }
}

impl Generation {
    fn new(path: &Path, there: &Metadata, rank: Rank) -> Generation {
        let is_log = rank == Rank::Log;
        let (inode, modified, length) = (Inode::at(path, there), modified(there), there.len());
        Generation { path: path.to_owned(), inode, modified, length, is_log, rank }
    }

    /// True if the file is compressed: its content has no end that is known in advance.
    pub(crate) fn is_compressed(&self) -> bool {
        !self.is_log && decompress::is_compressed(&self.path)
    }

    /// True if the bytes before the place are in this file.
    pub(crate) fn holds(&self, place: &Place, budget: &Budget) -> Holds {
        if place.is_behind_all() {
            return Holds::from(self.inode.may_be(place.inode) && self.modified == place.modified);
        }
        // UTF-16 may become longer when it is read as UTF-8.
        if !self.is_compressed() && self.length.saturating_mul(2) < place.offset {
            return Holds::No;
        }
        let mut reader = match self.open() {
            Ok(Some(reader)) => reader,
            Ok(None) => return Holds::Moved,
            // A file that cannot be read holds nothing that could be proved.
            Err(_) => return Holds::No,
        };
        // A damaged archive is no proof.
        let there = reader.go_to(place.offset, budget).is_ok_and(|there| there);
        if there && place.is_proven_by(reader.buffer.proof()) {
            return Holds::Yes;
        }
        // Race: log-truncated (docs/races.md)
        // The copy of a log that was truncated after it was listed may not have been listed.
        let now = reader.growing().and_then(|file| file.metadata().ok());
        if now.is_some_and(|now| now.len() < self.length) { Holds::Moved } else { Holds::No }
    }

    /// True if the file was written to after the place was noted, and has not grown: its content was replaced.
    pub(crate) fn is_rewritten(&self, place: &Place) -> bool {
        let is_weak = !self.is_log || !place.is_well_proven();
        let same_length = !self.is_compressed() && self.length == place.offset;
        is_weak && same_length && place.modified != 0 && self.modified != place.modified
    }

    /// True if the log has not been written to since this copy of it was: it has not been truncated. Within one tick of the
    /// clock of files the length tells.
    pub(crate) fn is_younger_than(&self, log: &Generation) -> bool {
        (log.modified, log.length) <= (self.modified, self.length)
    }

    /// True if this plain file is a copy of the beginning of `log`, as far as its last bytes tell.
    pub(crate) fn is_copied_from(&self, log: &Generation) -> bool {
        let last_bytes = |generation: &Generation| {
            let file = open_file(&generation.path).ok()??;
            proof_of(Some(&file), self.length).ok()
        };
        !self.is_compressed()
            && self.length <= log.length
            && last_bytes(self).is_some_and(|own| last_bytes(log) == Some(own))
    }

    /// Opens the file at its beginning. None if another file has its name by now.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(&self) -> Result<Option<Reader>> {
        let Some(file) = open_file(&self.path)? else { return Ok(None) };
        let there = file.metadata().act("look at", self.path.display())?;
        if !self.inode.may_be(Inode::of(&file, &there)) {
            return Ok(None);
        }
        match self.is_compressed() {
            true => Reader::of_archive(file, &self.path).map(Some),
            false => Reader::of_file(file, &self.path, 0).map(Some),
        }
    }

    /// The place behind all that the file holds now.
    pub(crate) fn end(&self) -> Option<Place> {
        if self.is_compressed() {
            return Some(Place::behind(self.inode, self.modified));
        }
        let file = open_file(&self.path).ok()??;
        Place::of(&Reader::of_file(file, &self.path, self.length).ok()?)
    }
}
