//! `file:` a file that exists. `nonempty:` a file with content, or a directory with an entry.
//!
//! A path with `*`, `?` or `[` that names no file as it stands is a pattern: any file that it matches will do.

use super::{Answer, ProbeOptions, Target};
use racefree::error::{Result, reason};
use racefree::event::path_watch::PathWatch;
use std::fs::Metadata;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::Instant;

/// A file to wait for.
pub(crate) struct File {
    watch: PathWatch,
    /// The names in the directory that is empty, or that a pattern searches.
    entries: Option<PathWatch>,
    nonempty: bool,
    is_final: fn(&Answer) -> bool,
    /// The state of the file that was found, and since when it has been the same.
    found: Option<(State, Instant)>,
    /// No watch tells of the next change.
    unwatched: bool,
}

/// The facts that change when a process writes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
}

impl From<&Metadata> for State {
    fn from(found: &Metadata) -> State {
        let (file, modified) = ((found.dev(), found.ino()), (found.mtime(), found.mtime_nsec()));
        State { file, length: found.len(), modified }
    }
}

impl File {
    /// A file with any content, or none.
    pub(crate) fn existing(path: PathBuf, options: &ProbeOptions) -> File {
        let (watch, is_final) = (PathWatch::on(path), options.is_final());
        File { watch, entries: None, nonempty: false, is_final, found: None, unwatched: false }
    }

    /// A file that is not empty.
    pub(crate) fn nonempty(path: PathBuf, options: &ProbeOptions) -> File {
        File { nonempty: true, ..File::existing(path, options) }
    }

    fn look(&mut self) -> Answer {
        let path = self.watch.path().to_owned();
        self.unwatched = false;
        match (self.judge(&path), pattern(&path)) {
            (Answer::No(_), Some(pattern)) if !path.exists() => self.search(&path, pattern),
            (answer, _) => answer,
        }
    }

    /// Judges the file of this name.
    fn judge(&mut self, path: &Path) -> Answer {
        let found = match std::fs::metadata(path) {
            Ok(found) => found,
            Err(e) => {
                self.found = None;
                return match e.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Answer::no(reason(&e)),
                    _ => Answer::unclear(reason(&e)),
                };
            }
        };
        match self.nonempty.then(|| is_empty(path, &found)).transpose() {
            Ok(Some(true)) => {
                self.found = None;
                if found.is_dir() {
                    self.entries.get_or_insert_with(|| PathWatch::on_names_in(path));
                }
                return Answer::no("it is empty");
            }
            Ok(_) => {}
            Err(e) => return Answer::unclear(reason(&e)),
        }
        let state = State::from(&found);
        if self.found.is_none_or(|(seen, _)| seen != state) {
            self.found = Some((state, Instant::now()));
        }
        Answer::YES
    }

    /// Judges the files that a pattern matches, until one is as it should be.
    fn search(&mut self, path: &Path, pattern: &str) -> Answer {
        let mut answer = Answer::no("no file matches it");
        // The pattern was read before; a directory that may not be read matches nothing.
        for found in glob::glob(pattern).into_iter().flatten().flatten() {
            answer = self.judge(&found);
            if matches!(answer, Answer::Yes(_)) {
                return answer;
            }
            // Somebody may write to a file that is there.
            self.unwatched = true;
        }
        let parent = path.parent().unwrap_or(Path::new(""));
        // Only the names of one directory are watched.
        self.unwatched |= has_wildcard(parent);
        self.entries.get_or_insert_with(|| PathWatch::on_names_in(parent));
        answer
    }

    /// Watches what is there now, and returns whether a look taken earlier must be repeated.
    fn arm(&mut self) -> bool {
        let begins = self.watch.arm();
        self.entries.as_mut().is_some_and(PathWatch::arm) || begins
    }
}

fn has_wildcard(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

/// The path as a pattern, if it is one.
fn pattern(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| has_wildcard(path) && glob::Pattern::new(text).is_ok())
}

fn is_empty(path: &Path, found: &Metadata) -> io::Result<bool> {
    if found.is_dir() { Ok(std::fs::read_dir(path)?.next().is_none()) } else { Ok(found.len() == 0) }
}

impl Target for File {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        let mut answer = self.look();
        // Race: look-before-watch (docs/races.md). A look may begin to watch a directory, whose entries must be looked
        // at once more.
        for _ in 0..2 {
            if !(self.is_final)(&answer) && self.arm() {
                answer = self.look();
            }
        }
        Ok(Poll::Ready(answer))
    }

    fn lasts_since(&self) -> Option<Instant> {
        self.found.map(|(_, since)| since)
    }

    fn ready_text(&self) -> &'static str {
        if self.nonempty { "it is there, and not empty" } else { "it is there" }
    }

    fn still_text(&self) -> String {
        "it is still there".into()
    }

    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        let entries = self.entries.as_ref().and_then(PathWatch::descriptor);
        self.watch.descriptor().into_iter().chain(entries).collect()
    }

    fn drain_events(&mut self) -> bool {
        let changed = self.watch.drain();
        self.entries.as_mut().is_some_and(PathWatch::drain) || changed
    }

    fn is_event_driven(&self) -> bool {
        !self.unwatched && self.watch.trusted() && self.entries.as_ref().is_none_or(PathWatch::trusted)
    }
}
