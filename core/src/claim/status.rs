//! Reading somebody's PID file: who has claimed it, and how we know.
//!
//! The kernel is asked first (the record lock on the byte whose offset is the PID), and nothing is taken. Only where it
//! vouches for nobody is the flock probed, shared and without waiting; claimers expect such a probe and try again.

use crate::claim::owner::{self, claimant};
use crate::claim::pid_text::{self, Text};
use crate::claim::unlocked;
use crate::error::{Context, Result, sentence};
use crate::lock::holders::{self, Holder, Holders, Holds};
use crate::lock::locked_file::LockedFile;
use crate::open::{self, How, Links, Refused};
use crate::process::pidfd::PidFd;
use fs4::{FileExt, TryLockError};
use rustix::process::Pid;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What a PID file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// There is no such file.
    Absent,
    /// Held by nobody; what it says is history.
    Stale(Text),
    /// Claimed by a living process.
    Held(Claimant),
    /// Held by nobody, and the process that it names is not believed to have written it, for this reason. Only where an
    /// unlocked PID file was to be believed.
    Unfit(Pid, String),
    /// The recorded process is dead but others still hold its lock.
    Orphaned(Pid, Holders),
    /// Nothing can be said, and why.
    Unknown(String),
}

/// The living process that a claim names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its number, valid here.
    pub pid: Pid,
    /// Why it is believed.
    pub evidence: Evidence,
}

/// Why a number is believed, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The kernel vouches: the process, or the parent that waits for it, owns the byte of the number.
    Vouched,
    /// The process has a descriptor that holds the flock.
    Descriptor,
    /// Only the text, of a held file: alive, and older than the last writing.
    Recorded,
}

impl Evidence {
    /// The word for it in `--json`.
    pub fn word(self) -> &'static str {
        match self {
            Evidence::Vouched => "vouched",
            Evidence::Descriptor => "descriptor",
            Evidence::Recorded => "recorded",
        }
    }
}

impl Status {
    /// Reads the PID file at `path`. Never fails: what cannot be read is [`Status::Unknown`].
    pub fn of(path: &Path) -> Status {
        let file = match open(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Status::Absent,
            Err(e) => return Status::Unknown(sentence(&e)),
        };
        Status::of_open(&file).act("read", path.display()).unwrap_or_else(|e| Status::Unknown(sentence(&e)))
    }

    fn of_open(file: &File) -> Result<Status> {
        if let Some(claimant) = claimant(file)? {
            return Ok(Status::Held(claimant));
        }
        // Free *now*; what the file says may only be read after that, for a claim may have come and gone before.
        if !is_flocked(file)? {
            return Ok(Status::Stale(read_text(file)?));
        }
        // A claim may have been completed since the first look.
        if let Some(claimant) = claimant(file)? {
            return Ok(Status::Held(claimant));
        }
        second_opinion(file)
    }

    /// The word for it in `--json`.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Absent => "absent",
            Status::Stale(_) | Status::Unfit(..) => "stale",
            Status::Held(_) => "held",
            Status::Orphaned(..) => "orphaned",
            Status::Unknown(_) => "unknown",
        }
    }

    /// What was found, in words.
    pub fn in_words(&self) -> String {
        match self {
            Status::Absent => "no such PID file".into(),
            Status::Stale(Text::Empty) => "empty, held by nobody".into(),
            Status::Stale(Text::Names(pid)) => format!("stale: names {pid}, but nobody holds it"),
            Status::Stale(Text::Garbage(why)) => format!("stale: nobody holds it, and {why}"),
            Status::Unfit(pid, why) => format!("stale: names {pid}, but nobody holds it, and {why}"),
            Status::Held(claimant) => format!("held by {}", Holder::new(claimant.pid)),
            Status::Orphaned(pid, holders) => {
                format!("orphaned: {pid} is dead, but its lock is {holders}")
            }
            Status::Unknown(why) => why.clone(),
        }
    }
}

/// Opens a PID file for reading; `None` if there is none.
pub(crate) fn open(path: &Path) -> Result<Option<File>> {
    match open::open(path, How::read(Links::Trusted)) {
        Ok(opened) => Ok(Some(opened.file)),
        Err(why) if why.is_absent() => Ok(None),
        Err(Refused::Kind(kind)) => anyhow::bail!("read {}: it is {kind}, so no PID file", path.display()),
        Err(why) => Err(why).act("open", path.display()),
    }
}

/// Reads a file from its start, as far as it takes to see what it is.
pub(crate) fn read_start(file: &File) -> Result<Vec<u8>> {
    let mut start = vec![0; pid_text::LONGEST + 1];
    let mut filled = 0;
    loop {
        match file.read_at(&mut start[filled..], filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e).act("read", "the PID file"),
        }
    }
    start.truncate(filled);
    Ok(start)
}

pub(crate) fn read_text(file: &File) -> Result<Text> {
    Ok(pid_text::parse(&read_start(file)?))
}

/// Whether anybody holds the flock at this moment.
fn is_flocked(file: &File) -> Result<bool> {
    match FileExt::try_lock_shared(file) {
        Ok(()) => {
            FileExt::unlock(file).act("release", "the probe")?;
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e).act("ask for", "the lock"),
    }
}

/// The flock is held but the kernel vouches for nobody: a foreign tool's claim, a daemon that opened and closed its own
/// PID file, the children of a dead one, or a claim half-way.
fn second_opinion(file: &File) -> Result<Status> {
    let metadata = file.metadata().act("look at", "the PID file")?;
    let identity = LockedFile::of(file).act("look at", "the PID file")?;
    let seen = || holders::of(identity);
    let pid = match read_text(file)? {
        Text::Names(pid) => pid,
        Text::Empty => return Ok(Status::Unknown(format!("names nobody, but is {}", seen()))),
        Text::Garbage(why) => return Ok(Status::Unknown(format!("{why}, but it is {}", seen()))),
    };
    if owner::owner(file, pid)?.is_some_and(|owner| owner.pid.is_none()) {
        let why = "who holds it, but is in another PID namespace and has no number here";
        return Ok(Status::Unknown(format!("names {pid}, {why}")));
    }
    let alive = match PidFd::open(pid)? {
        Some(process) => !process.has_ended()?,
        None => false,
    };
    if !alive {
        return Ok(Status::Orphaned(pid, holders::of(identity)));
    }
    Ok(match holders::holds(pid, identity) {
        Holds::Yes => Status::Held(Claimant { pid, evidence: Evidence::Descriptor }),
        Holds::No => Status::Unknown(format!("names {}, who does not hold it; it is {}", Holder::new(pid), seen())),
        Holds::Hidden => match unlocked::misfit(pid, &metadata, None) {
            None => Status::Held(Claimant { pid, evidence: Evidence::Recorded }),
            Some(why) => Status::Unknown(format!("names {pid}, but {why}; it is {}", seen())),
        },
    })
}
