//! A log and its rotated siblings: which files were written under this name, and in which order.

use crate::input::cursor::{Cursor, Place};
use crate::input::decompress;
use crate::input::reader::Reader;
use crate::input::rotated_names::rotated_names;
use crate::input::source::end_of_whole_lines;
use racefree_core::error::{Context, Result};
use racefree_core::lock::file_id::FileId;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One file that was once written under the log's name, or is now.
struct Generation {
    path: PathBuf,
    identity: FileId,
    changed: SystemTime,
    file: File,
}

/// How often rotation may go on while we look, before we take what we see.
const LOOKS: usize = 20;

/// What is to be read to have everything since a place; the last reader is the log itself, if it is there.
#[derive(Debug)]
pub(crate) struct Since {
    pub(crate) readers: Vec<Reader>,
    /// The place was not found: what is read begins with the oldest file changed since, and something may be missing.
    pub(crate) gap: bool,
}

/// Opens the log itself, if it is there.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub(crate) fn open_log(path: &Path) -> Result<Option<File>> {
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    // Not to hang on a FIFO, should there be one.
    let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match fs::OpenOptions::new().read(true).custom_flags(nonblocking).open(path) {
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
        opened => opened.act("open", path.display())?,
    };
    let kind = file.metadata().act("look at", path.display())?.file_type();
    let why = match kind {
        kind if kind.is_file() => return Ok(Some(file)),
        kind if kind.is_dir() => "it is a directory",
        kind if kind.is_fifo() => "it is a FIFO; read it through stdin (logwatch ... - < FIFO)",
        _ => "it is not a regular file",
    };
    Err(anyhow::anyhow!(why)).act("watch", path.display())
}

/// Everything since the cursor's place.
///
/// # Errors
/// The log is there and cannot be read.
pub(crate) fn since(log: &Path, cursor: &Cursor) -> Result<Since> {
    let generations = stable(log)?;
    let Some((at, begin)) = first_found(cursor, &generations)? else {
        let lost = cursor.places.iter().any(|place| place.offset > 0);
        return changed_since(generations, cursor, lost);
    };
    let late = late_writes(cursor, &generations[at + 1..]);
    let mut readers: Vec<Reader> = late.into_iter().chain([begin]).collect();
    for generation in generations.into_iter().take(at).rev() {
        readers.push(generation.begin()?);
    }
    Ok(Since { readers, gap: false })
}

/// The files that came after the place in a file we have read to its end; nothing where that file is not to be found.
///
/// # Errors
/// As [`since`].
pub(crate) fn after(log: &Path, place: &Place) -> Result<Option<Vec<Reader>>> {
    let generations = stable(log)?;
    let Some((at, begin)) = find(place, &generations)? else { return Ok(None) };
    let mut readers = vec![begin];
    for generation in generations.into_iter().take(at).rev() {
        readers.push(generation.begin()?);
    }
    Ok(Some(readers))
}

/// The newest place of the cursor that is found. Where a log was empty, and has gone, the end of the one before it says
/// where to go on.
fn first_found(cursor: &Cursor, generations: &[Generation]) -> Result<Option<(usize, Reader)>> {
    for place in cursor.places.iter().rev() {
        let found = find(place, generations)?;
        if found.is_some() || place.offset > 0 {
            return Ok(found);
        }
    }
    Ok(None)
}

/// The place where the log ends now, and where the file before it does. An unfinished last line is still to be judged.
///
/// # Errors
/// As [`since`].
pub(crate) fn mark(log: &Path) -> Result<Cursor> {
    let generations = stable(log)?;
    let mut plain: Vec<&Generation> = generations.iter().filter(|g| !g.is_compressed()).take(2).collect();
    plain.reverse();
    let place = |generation: &&Generation| {
        let end = end_of_whole_lines(&generation.file).act("read", generation.path.display())?;
        Ok(Place::of(&generation.at(end)?))
    };
    Ok(Cursor::now(plain.iter().map(place).collect::<Result<_>>()?))
}

fn changed_since(generations: Vec<Generation>, cursor: &Cursor, gap: bool) -> Result<Since> {
    let place = cursor.places.last();
    // A file cut back to nothing has kept its identity, and begins anew.
    let mut new: Vec<Generation> =
        generations.into_iter().filter(|g| cursor.is_before(g.changed) || g.is(place)).collect();
    new.reverse();
    Ok(Since { readers: new.into_iter().map(Generation::begin).collect::<Result<_>>()?, gap })
}

/// What was written into the file before the last one since we left it.
fn late_writes(cursor: &Cursor, older: &[Generation]) -> Vec<Reader> {
    let before = cursor.places.split_last().map_or(&[][..], |(_, before)| before);
    let grown = |place: &Place| {
        let generation = older.iter().find(|g| place.is_in_same(&g.file))?;
        let length = generation.file.metadata().ok()?.len();
        (length > place.offset).then_some(())?;
        Reader::of_file(generation.file.try_clone().ok()?, &generation.path, place.offset).ok()
    };
    before.iter().filter_map(grown).collect()
}

/// Where the place is: first in the very file, then in a copy or a compressed copy, the newest first.
fn find(place: &Place, generations: &[Generation]) -> Result<Option<(usize, Reader)>> {
    let very = generations.iter().position(|g| place.is_in_same(&g.file));
    // Nothing proves the beginning of a file but its identity.
    let copies = generations.iter().enumerate().filter(|_| place.offset > 0);
    // The log itself comes last: to read a line twice is better than never.
    let copies = copies.clone().skip(1).chain(copies.take(1));
    match very {
        Some(at) => Ok(Some((at, generations[at].at(place.offset)?))),
        None => Ok(copies.into_iter().find_map(|(at, g)| Some((at, g.copy_at(place)?)))),
    }
}

/// The log, if it is there, and its siblings, the newest first, opened while no rotation was going on.
fn stable(log: &Path) -> Result<Vec<Generation>> {
    let mut seen = look(log)?;
    for _ in 0..LOOKS {
        let again = look(log)?;
        let same = |(a, b): (&Generation, &Generation)| (&a.path, a.identity) == (&b.path, b.identity);
        if seen.len() == again.len() && seen.iter().zip(&again).all(same) {
            break;
        }
        seen = again;
    }
    Ok(seen)
}

fn look(log: &Path) -> Result<Vec<Generation>> {
    let mut generations: Vec<Generation> = vec![];
    if let Some(file) = open_log(log)? {
        generations.extend(Generation::of(log.to_owned(), file));
    }
    for path in rotated_names(log) {
        // Gone since it was listed, or not ours to read: then it is not a generation that we know.
        let Some(generation) = File::open(&path).ok().and_then(|file| Generation::of(path, file)) else { continue };
        if generations.iter().all(|known| known.identity != generation.identity) {
            generations.push(generation);
        }
    }
    Ok(generations)
}

impl Generation {
    fn of(path: PathBuf, file: File) -> Option<Generation> {
        let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
        let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Some(Generation { path, identity: FileId::from(&metadata), changed, file })
    }

    fn is(&self, place: Option<&Place>) -> bool {
        use std::os::unix::fs::MetadataExt;
        let there = self.file.metadata();
        place.is_some_and(|p| there.is_ok_and(|there| (there.dev(), there.ino()) == (p.device, p.inode)))
    }

    fn at(&self, offset: u64) -> Result<Reader> {
        Reader::of_file(self.file.try_clone().act("share", self.path.display())?, &self.path, offset)
    }

    fn begin(self) -> Result<Reader> {
        match self.is_compressed() {
            true => Ok(Reader::read_once(decompress::open(&self.path, self.file)?, &self.path)),
            false => Reader::of_file(self.file, &self.path, 0),
        }
    }

    fn is_compressed(&self) -> bool {
        decompress::is_compressed(&self.path)
    }

    /// The reader at this place, if this is a copy of the file that the place is in. A damaged archive is not.
    fn copy_at(&self, place: &Place) -> Option<Reader> {
        if !self.is_compressed() {
            return if place.is_in(&self.file) { self.at(place.offset).ok() } else { None };
        }
        let reader = decompress::open(&self.path, self.file.try_clone().ok()?).ok()?;
        let mut reader = Reader::read_once(reader, &self.path);
        let there = reader.skip_to(place.offset).ok()? && place.is_proven_by(reader.buffer.proof());
        there.then_some(reader)
    }
}
