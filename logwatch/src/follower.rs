//! One log, followed by its name: through growth, truncation, rotation, removal, and while it is not there yet.
//!
//! Whatever the name stood for is read to its end before what it stands for next; and stays open for a while, for a
//! daemon goes on writing into the old file until it is told of the new one.

use crate::ahead::{Ahead, Block};
use crate::cursor::{Cursor, Place};
use crate::generations::{self, Since};
use crate::hinted::Hinted;
use crate::judge::Judge;
use crate::stream::{LastRecord, Look, Piece, Stream};
use racefree_core::error::{Result, sentence};
use racefree_core::holders::Identity;
use racefree_core::inotify::{Hints, Watch};
use racefree_core::time::Deadline;
use racefree_core::voice;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an old file may be silent before nobody is believed to write into it any more.
const QUIET: Duration = Duration::from_secs(60);

/// So many old files are kept open at most.
const OLD_FILES: usize = 8;

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    began: Cursor,
    /// Oldest first.
    files: Vec<OpenFile>,
    /// The end of the file before the first of them.
    before: Option<Place>,
    /// What the name stood for at the last look.
    named: Option<Identity>,
    /// The place where it was to begin could not be found.
    pub(crate) gap: bool,
    is_stdin: bool,
}

#[derive(Debug)]
struct OpenFile {
    stream: Stream,
    ahead: Ahead,
    /// When it is given up, if it stays silent and is not the log itself any more.
    quiet_at: Deadline,
}

/// What came of a look at the log.
#[derive(Debug)]
pub(crate) enum Step {
    /// This piece of this file is to be judged.
    Judge(usize, Piece),
    /// There is more to be seen at once.
    Again,
    /// There is nothing more, now.
    Idle,
}

impl Follower {
    /// Follows a log from a place on.
    ///
    /// # Errors
    /// The log is there and cannot be read.
    pub(crate) fn from(path: &Path, began: Cursor) -> Result<Follower> {
        let Since { streams, gap } = generations::since(path, &began)?;
        let before = began.places.first().cloned();
        Ok(Follower { before, gap, ..Follower::new(path, began) }.with(streams))
    }

    /// Follows a log from its beginning on.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_start(path: &Path) -> Result<Follower> {
        let mut follower = Follower::new(path, generations::mark(path)?);
        follower.add_log()?;
        Ok(follower)
    }

    /// Reads stdin to its end.
    ///
    /// # Errors
    /// It is closed.
    pub(crate) fn of_stdin() -> Result<Follower> {
        let stdin = Follower { is_stdin: true, ..Follower::new(Path::new("-"), Cursor::now(vec![])) };
        Ok(stdin.with(vec![Stream::of_stdin()?]))
    }

    fn new(path: &Path, began: Cursor) -> Follower {
        let path = path.to_owned();
        Follower { path, began, files: vec![], before: None, named: None, gap: false, is_stdin: false }
    }

    fn with(mut self, streams: Vec<Stream>) -> Follower {
        self.add(streams);
        self
    }

    /// stdin, while something can still come from it.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.files.iter().find_map(|file| file.stream.pipe())
    }

    /// Whether nothing can come any more, ever.
    pub(crate) fn has_ended_for_good(&self) -> bool {
        self.is_stdin && self.files.is_empty()
    }

    /// Whether the log, or any file that it was, is there.
    pub(crate) fn is_there(&self) -> bool {
        !self.files.is_empty()
    }

    /// The log's name, as the user gave it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A file that is open.
    pub(crate) fn stream(&self, at: usize) -> &Stream {
        &self.files[at].stream
    }

    /// A file that is open, to say how far it has been judged.
    pub(crate) fn stream_mut(&mut self, at: usize) -> &mut Stream {
        &mut self.files[at].stream
    }

    /// Judges ahead in the oldest file that has not been read to its end.
    ///
    /// # Errors
    /// As [`Ahead::judge`].
    pub(crate) fn judge_ahead(
        &mut self,
        judge: &Judge,
        each: &mut dyn FnMut(&Stream, &Block) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let unread = self.files.iter_mut().find(|file| !file.stream.is_read());
        unread.map_or(Ok(()), |file| file.ahead.judge(&mut file.stream, judge, each))
    }

    /// Looks for more, the oldest file first.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn step(&mut self, last_record: LastRecord<'_>) -> Result<Step> {
        for at in 0..self.files.len() {
            let file = &mut self.files[at];
            let look = file.stream.look(last_record)?;
            if matches!(look, Look::Piece(_) | Look::Unfinished) {
                file.quiet_at = Deadline::after(QUIET);
            }
            match look {
                Look::Piece(piece) => return Ok(Step::Judge(at, piece)),
                Look::Unfinished => return Ok(Step::Again),
                Look::Later => {}
                Look::End if !self.has_ended(at) => {}
                Look::End | Look::Truncated => match self.files[at].stream.rest() {
                    // Its end will never come, so it is judged as it is.
                    Some(rest) => return Ok(Step::Judge(at, rest)),
                    None => {
                        self.leave(at, look)?;
                        return Ok(Step::Again);
                    }
                },
            }
        }
        if self.is_stdin { Ok(Step::Idle) } else { self.look_at_name() }
    }

    /// Whether nothing more can be expected from this file.
    fn has_ended(&self, at: usize) -> bool {
        let file = &self.files[at];
        let old = self.named != file.stream.identity() && at + 1 < self.files.len();
        file.stream.is_once() || old && (file.quiet_at.passed() || at + OLD_FILES < self.files.len())
    }

    fn leave(&mut self, at: usize, why: Look) -> Result<()> {
        let left = self.files.remove(at).stream;
        let place = Place::of(&left);
        if why == Look::Truncated && at == self.files.len() {
            return self.go_on_after_truncation(&place);
        }
        self.before = Some(place);
        Ok(())
    }

    /// The log was copied and truncated, or only truncated. What was written between our last look and the truncation
    /// is in the copy, or lost.
    fn go_on_after_truncation(&mut self, place: &Place) -> Result<()> {
        match generations::after(&self.path, place)? {
            Some(streams) => self.add(streams),
            None => {
                voice::detail(|| format!("{} was truncated; reading it from its beginning", self.path.display()));
                self.add_log()?;
            }
        }
        Ok(())
    }

    fn look_at_name(&mut self) -> Result<Step> {
        let named = match fs::metadata(&self.path) {
            Ok(metadata) => Some(Identity::from(&metadata)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(e) => {
                voice::detail(|| format!("look at {}: {e}", self.path.display()));
                return Ok(Step::Idle);
            }
        };
        let known = self.files.last().and_then(|file| file.stream.identity());
        if named.is_none() || named == known {
            self.named = named;
            return self.look_beyond_descriptor();
        }
        let before = self.files.len();
        match self.follow_name() {
            // A new file may be made first, and given to its readers then; the kernel hints at that too.
            Err(e) if is_not_ours_yet(&e) => voice::detail(|| sentence(&e)),
            followed => followed?,
        }
        Ok(if self.files.len() > before { Step::Again } else { Step::Idle })
    }

    /// An overlay copies a file up when it is first written to; a descriptor from before then shows the old one for ever.
    fn look_beyond_descriptor(&mut self) -> Result<Step> {
        // In this order: a file that only grows is never longer by its name than by its descriptor a moment later.
        let by_name = fs::metadata(&self.path).map_or(0, |there| there.len());
        let Some(last) = self.files.last() else { return Ok(Step::Idle) };
        let by_descriptor =
            last.stream.file().and_then(|file| file.metadata().ok()).map_or(u64::MAX, |there| there.len());
        if by_name <= by_descriptor {
            return Ok(Step::Idle);
        }
        let Some(file) = generations::open_log(&self.path)? else { return Ok(Step::Idle) };
        let again = Stream::of_file(file, &self.path, last.stream.position())?;
        voice::detail(|| format!("{} was copied up; reading the copy", self.path.display()));
        self.files.pop();
        self.add(vec![again]);
        Ok(Step::Again)
    }

    /// The name stands for another file: reads it, and those between it and the last one we know.
    fn follow_name(&mut self) -> Result<()> {
        let Some(last) = self.files.last() else {
            let streams = generations::since(&self.path, &self.began)?.streams;
            self.add(streams);
            return Ok(());
        };
        voice::detail(|| format!("{} is another file now", self.path.display()));
        match generations::after(&self.path, &Place::of(&last.stream))? {
            Some(mut streams) => {
                // The first is the file that we have open, unless the log itself was rewritten with its old content.
                if streams.len() > 1 || streams[0].identity() == last.stream.identity() {
                    streams.remove(0);
                }
                self.add(streams);
            }
            None => self.add_log()?,
        }
        Ok(())
    }

    fn add_log(&mut self) -> Result<()> {
        if let Some(file) = generations::open_log(&self.path)? {
            self.add(vec![Stream::of_file(file, &self.path, 0)?]);
        }
        Ok(())
    }

    fn add(&mut self, streams: Vec<Stream>) {
        let open = |stream| OpenFile { stream, ahead: Ahead::default(), quiet_at: Deadline::after(QUIET) };
        self.files.extend(streams.into_iter().map(open));
        self.named = self.files.last().and_then(|file| file.stream.identity());
    }

    /// The unfinished last lines.
    pub(crate) fn rests(&self) -> Vec<(usize, Piece)> {
        self.files.iter().enumerate().filter_map(|(at, file)| Some((at, file.stream.rest()?))).collect()
    }

    /// How often to look although the kernel hints, for the file system may not tell it everything.
    pub(crate) fn look_anyway(&self) -> Hinted {
        if self.is_stdin { Hinted::Always } else { Hinted::on(&self.path) }
    }

    /// When a file falls silent for long enough to be given up.
    pub(crate) fn due(&self) -> Deadline {
        let old = self.files.split_last().map_or(&[][..], |(_, old)| old);
        old.iter().fold(Deadline::NEVER, |due, file| due.or(file.quiet_at))
    }

    /// Where judging goes on: in each file that was begun.
    pub(crate) fn cursor(&self) -> Cursor {
        let begun = self.files.iter().rposition(|file| file.stream.position() > 0).unwrap_or(0);
        let open: Vec<Place> = self.files.iter().take(begun + 1).map(|file| Place::of(&file.stream)).collect();
        let same = |a: &Place, b: &Place| (a.device, a.inode) == (b.device, b.inode);
        let before = self.before.iter().filter(|before| open.iter().all(|place| !same(before, place))).cloned();
        let places: Vec<Place> = before.chain(open.clone()).collect();
        Cursor::now(places[places.len().saturating_sub(4)..].to_vec())
    }

    /// A record that may be finished, for nothing more has come.
    pub(crate) fn silent_record(&self) -> Option<(usize, Piece)> {
        let silent = |(at, file): (usize, &OpenFile)| {
            let rest = file.stream.rest().filter(|_| file.stream.has_unfinished_record())?;
            Some((at, rest))
        };
        self.files.iter().enumerate().find_map(silent)
    }

    /// Has the kernel hint at whatever may happen to this log.
    ///
    /// # Errors
    /// Watches run out.
    pub(crate) fn watch(&self, hints: &Hints) -> io::Result<BTreeSet<Watch>> {
        let mut watches = BTreeSet::new();
        if self.is_stdin {
            return Ok(watches);
        }
        for file in self.files.iter().filter_map(|file| file.stream.file()) {
            // By the descriptor: the name may stand for another file by now.
            let held = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
            watches.insert(hints.on_file(&held).or_else(|_| hints.on_file(&self.path))?);
        }
        let mut name = self.path.clone();
        for _ in 0..40 {
            watches.insert(hints.on_place_of(&name)?);
            // A link may be swapped where it is, and its target where that is.
            let Ok(target) = fs::read_link(&name) else { break };
            name = name.parent().unwrap_or(Path::new("")).join(target);
        }
        Ok(watches)
    }
}

fn is_not_ours_yet(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied))
}
