//! The places that a cursor notes, beside the place in the log.

use crate::input::archive_names::ArchiveNames;
use crate::input::cursor::{Cursor, Place};
use crate::input::generation::{Generation, generations, open_file};
use crate::input::inode;
use crate::input::reader::Reader;
use racefree::error::Result;

/// The number of old archives whose ends are noted in a cursor. A scheme may compress them later and change their times.
const NOTED: usize = 32;

/// The place where the log ends now, and where its archives end. An unfinished last line is still to be judged.
///
/// # Errors
/// The log exists and cannot be read.
pub(crate) fn mark(names: &ArchiveNames) -> Result<Cursor> {
    let taken = inode::now();
    let generations = generations(names)?;
    let mut places = ends(&generations, |_| true);
    if let Some(log) = generations.last().filter(|last| last.is_log)
        && let Some(file) = open_file(&log.path)?
    {
        places.extend(Place::of(&Reader::at_end(file, &log.path)?));
    }
    Ok(Cursor { taken, places })
}

/// The ends of the newest archives for which `wanted` is true, the oldest first.
pub(crate) fn ends(generations: &[Generation], wanted: impl Fn(&Generation) -> bool) -> Vec<Place> {
    let archives = generations.iter().rev().filter(|generation| !generation.is_log && wanted(generation));
    let mut places: Vec<Place> = archives.take(NOTED).filter_map(Generation::end).collect();
    places.reverse();
    places
}

/// The places to note when all has been read up to the time `taken`: those of `places` whose files still have a name, and
/// before them the ends of the archives that were passed by because nobody has written to them.
///
/// # Errors
/// The log exists and cannot be looked at.
pub(crate) fn worth_noting(names: &ArchiveNames, taken: u64, places: Vec<Place>) -> Result<Vec<Place>> {
    let generations = generations(names)?;
    let is_known = |generation: &Generation| places.iter().any(|place| place.inode.may_be(generation.inode));
    let mut noted = ends(&generations, |g| !g.is_compressed() && g.modified < taken && !is_known(g));
    let exists = |place: &Place| generations.iter().any(|generation| generation.inode.may_be(place.inode));
    noted.extend(places.into_iter().filter(exists));
    Ok(noted)
}
