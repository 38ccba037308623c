//! The effects of rotation since a cursor was taken: the files that are to be read, their offsets, and their order.
//!
//! A file is read if it was written to since the cursor was taken. Where a place of the cursor lies in it, it is read from
//! there, otherwise from its beginning. The identity of a file and an equal beginning prove nothing: a log that was copied
//! and truncated keeps both. So every archive that was written to since is looked at first, and the oldest file that holds
//! the bytes before a place continues it. Where that leaves two answers, lines are read twice rather than not at all.

use crate::input::archive_names::ArchiveNames;
use crate::input::budget::Budget;
use crate::input::cursor::{Cursor, Place};
use crate::input::generation::{Generation, Holds, LOOKS, generations};
use crate::input::inode;
use crate::input::reader::Reader;
use racefree::error::Result;
use racefree::listener::decision;
use std::cell::Cell;

/// For so many nanoseconds after a copy of the log was written to, the log may be truncated because of it.
const COPYING: u64 = 2_000_000_000;

/// A file that is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Unread {
    pub(crate) generation: Generation,
    /// The place to read from; None: the beginning.
    pub(crate) place: Option<Place>,
}

/// The files to read to have everything since a cursor, the oldest first.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) unread: Vec<Unread>,
    /// The last place was not found, or an archive cannot be read: lines may be missing.
    pub(crate) gap: bool,
    /// The log is being copied, or has just been: a truncation may follow.
    pub(crate) is_copying: bool,
}

impl Unread {
    /// Opens the file at the place. None if the file has moved or changed meanwhile.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(crate) fn open(&self, budget: &Budget) -> Result<Option<Reader>> {
        let Some(mut reader) = self.generation.open()? else { return Ok(None) };
        let Some(place) = &self.place else { return Ok(Some(reader)) };
        let there = reader.go_to(place.offset, budget)?;
        Ok(Some(reader).filter(|reader| there && place.is_proven_by(reader.buffer.proof())))
    }

    /// The offset to read from.
    pub(crate) fn offset(&self) -> u64 {
        self.place.as_ref().map_or(0, |place| place.offset)
    }
}

/// Finds what is to be read since the cursor was taken.
///
/// # Errors
/// The log exists and cannot be looked at.
pub(crate) fn since(names: &ArchiveNames, cursor: &Cursor, budget: &Budget) -> Result<Plan> {
    let (mut search, mut last_found) = Search::through(generations(names)?, cursor, budget);
    for _ in 0..LOOKS {
        if !search.moved.get() {
            break;
        }
        (search, last_found) = Search::through(generations(names)?, cursor, budget);
    }
    let is_copying = search.is_copying();
    Ok(Plan { unread: search.unread(), gap: !last_found, is_copying })
}

/// The search for the places of a cursor among the generations of a log.
struct Search<'a> {
    generations: Vec<Generation>,
    cursor: &'a Cursor,
    budget: &'a Budget<'a>,
    /// For each generation the place that it continues.
    continued: Vec<Option<usize>>,
    /// For each generation: it is the file of a place, and the bytes before that place are unchanged.
    known: Vec<bool>,
    /// For each generation: all of its content is in the log too.
    copy: Vec<bool>,
    /// Rotation has changed the names while we looked.
    moved: Cell<bool>,
}

impl<'a> Search<'a> {
    /// Looks for each place. Also tells if the last one was found.
    fn through(generations: Vec<Generation>, cursor: &'a Cursor, budget: &'a Budget<'a>) -> (Search<'a>, bool) {
        let (continued, copy) = (vec![None; generations.len()], vec![false; generations.len()]);
        let (known, moved) = (vec![false; generations.len()], Cell::new(false));
        let mut search = Search { generations, cursor, budget, continued, known, copy, moved };
        search.known = search.generations.iter().map(|generation| search.is_known(generation)).collect();
        // A place with few bytes before it may be found by chance where another one is. The last place comes first of those:
        // rather read lines twice than not at all.
        let (proven, weak): (Vec<_>, Vec<_>) =
            (0..cursor.places.len()).partition(|&at| cursor.places[at].is_well_proven());
        let mut last_found = cursor.places.is_empty();
        for at in proven.into_iter().chain(weak.into_iter().rev()) {
            let found = search.find(at);
            last_found |= found && at + 1 == cursor.places.len();
        }
        search.pass_copies_of_new_log();
        (search, last_found)
    }

    fn is_known(&self, generation: &Generation) -> bool {
        let mut own = self.cursor.places.iter().filter(|place| place.inode.may_be(generation.inode));
        own.any(|place| !generation.is_rewritten(place) && self.holds(generation, place))
    }

    fn holds(&self, generation: &Generation, place: &Place) -> bool {
        let holds = generation.holds(place, self.budget);
        self.moved.set(self.moved.get() || holds == Holds::Moved);
        holds == Holds::Yes
    }

    /// Finds the generation that continues a place: the oldest that holds the bytes before it.
    fn find(&mut self, at: usize) -> bool {
        let place = &self.cursor.places[at];
        let mut all = 0..self.generations.len();
        let own = all.find(|&number| self.known[number] && self.generations[number].inode.may_be(place.inode));
        if place.offset == 0 || own.is_none() && self.is_packed(place) {
            return self.find_beginning(at, own);
        }
        for number in 0..self.generations.len() {
            if self.continued[number].is_some() || !(Some(number) == own || self.may_be_copy(number, at)) {
                continue;
            }
            if Some(number) != own && own.is_some_and(|own| self.is_mere_copy(number, own, place)) {
                self.pass(number);
            } else if self.holds(&self.generations[number], place) {
                self.continued[number] = Some(at);
                return true;
            }
        }
        false
    }

    /// Nothing stands before the place that a copy could be found by. Every file that may continue it is read from its
    /// beginning anyway.
    fn find_beginning(&mut self, at: usize, own: Option<usize>) -> bool {
        if let Some(own) = own {
            self.continued[own].get_or_insert(at);
        }
        own.is_some() || (0..self.generations.len()).any(|number| self.may_be_copy(number, at))
    }

    /// True if the file of the place was compressed and nobody wrote to it since: such an archive has kept the time, and is
    /// not read. It is looked into only where another archive could be taken for it.
    fn is_packed(&self, place: &Place) -> bool {
        let is_last = self.cursor.places.last() == Some(place);
        let mut unknown = self.generations.iter().zip(&self.known).filter(|(_, known)| !**known).map(|(g, _)| g);
        if is_last || place.modified >= self.cursor.taken || !unknown.clone().any(|g| g.modified >= self.cursor.taken) {
            return false;
        }
        unknown.any(|g| g.is_compressed() && g.modified == place.modified && self.holds(g, place))
    }

    /// True if all that the copy holds is in the log too: it is still short, or the log was not truncated.
    fn is_mere_copy(&self, number: usize, own: usize, place: &Place) -> bool {
        let (copy, own) = (&self.generations[number], &self.generations[own]);
        let is_short = copy.length < place.offset && copy.modified >= inode::now().saturating_sub(COPYING);
        own.is_log && (is_short || copy.is_younger_than(own)) && copy.is_copied_from(own)
    }

    /// Passes by the copies of a log that is read from its beginning anyway. A log that was rotated by its name is younger than
    /// its archives, so its archives are no copies of it, even if they begin alike.
    fn pass_copies_of_new_log(&mut self) {
        let is_new_log = |(at, generation): &(usize, &Generation)| generation.is_log && self.continued[*at].is_none();
        let Some((_, log)) = self.generations.iter().enumerate().find(is_new_log) else { return };
        let is_copy = |&number: &usize| {
            let copy = &self.generations[number];
            let is_new = self.continued[number].is_none() && copy.modified >= self.cursor.taken && !copy.is_log;
            let is_later = log.inode.born > 0 && copy.inode.born > log.inode.born;
            is_new && is_later && copy.is_younger_than(log) && copy.is_copied_from(log)
        };
        let copies: Vec<usize> = (0..self.generations.len()).filter(is_copy).collect();
        copies.into_iter().for_each(|number| self.pass(number));
    }

    fn pass(&mut self, number: usize) {
        // Race: log-copied (docs/races.md)
        decision("log-copied", || {
            format!("{} is a copy of the log; not read", self.generations[number].path.display())
        });
        self.copy[number] = true;
    }

    /// True if this generation may be a copy of the file that the place is in, made after the cursor was taken.
    fn may_be_copy(&self, number: usize, at: usize) -> bool {
        let (generation, place) = (&self.generations[number], &self.cursor.places[at]);
        // A compressed copy of a file that nobody wrote to meanwhile keeps its time.
        let in_time = generation.modified >= self.cursor.taken || generation.modified == place.modified;
        // The log under a new identity may begin like the old one by chance.
        in_time && !self.known[number] && (!generation.is_log || place.is_well_proven())
    }

    fn is_copying(&self) -> bool {
        let recent = inode::now().saturating_sub(COPYING);
        (0..self.copy.len()).any(|number| self.copy[number] && self.generations[number].modified >= recent)
    }

    fn unread(self) -> Vec<Unread> {
        let last = self.cursor.places.len().checked_sub(1);
        let mut unread = vec![];
        for (number, generation) in self.generations.into_iter().enumerate() {
            let place = self.continued[number].map(|at| &self.cursor.places[at]);
            let wanted = match place {
                Some(place) if place.is_behind_all() => false,
                // A daemon may still write into the file that it had open when the cursor was taken.
                Some(place) => {
                    let may_grow = generation.is_log || self.continued[number] == last || generation.is_compressed();
                    // A copy is opened although it holds nothing new, so that its own place is noted.
                    may_grow || generation.length > place.offset || !place.inode.may_be(generation.inode)
                }
                None => generation.is_log || generation.modified >= self.cursor.taken && !self.copy[number],
            };
            if wanted {
                unread.push(Unread { place: place.cloned(), generation });
            }
        }
        unread
    }
}
