//! The status of another process's PID file: who has claimed it, and on what evidence.
//!
//! A reader asks the kernel for the owner of the byte lock first, which takes nothing. Only if no owner is verified
//! does it probe the flock, with a shared lock and without waiting. A claim expects such a probe and tries again.

use crate::claim::owner::{self, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::pid_text::Text;
use crate::claim::plausible;
use crate::error::{Context, Result, sentence};
use crate::listener::decision;
use crate::lock::holders::{self, Holder, Holders, Holds, holds};
use crate::process::pidfd::PidFd;
use fs4::{FileExt, TryLockError};
use nix::unistd::Pid;
use std::path::Path;

/// The status of a PID file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The file is absent.
    Absent,
    /// No process holds a claim on the file.
    Stale(Text),
    /// A living process has claimed the file.
    Held(Claimant),
    /// No process holds a claim on the file, and the process that the file names cannot have written it, for this
    /// reason. Only a reading with `--unlocked` returns this.
    Unfit(Pid, String),
    /// The recorded process is dead, and other processes still hold its lock.
    Orphaned(Pid, Holders),
    /// The status cannot be known, for this reason.
    Unknown(String),
    /// The file cannot be read, and why: an error, which names the act and the file.
    Unreadable(String),
}

/// The living process that a claim names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// Its PID in our PID namespace.
    pub pid: Pid,
    /// The evidence for it.
    pub evidence: Evidence,
}

/// The evidence that a process is the claimant, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It has a verified owner: the process, or the parent that waits for it, owns the byte of the PID.
    Vouched,
    /// The process has a descriptor that holds the flock.
    Descriptor,
    /// Only the text of a held file names it; it lives and is older than the last writing.
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
    /// Reads the PID file at `path`. It never fails: an unreadable file is [`Status::Unreadable`].
    pub fn of(path: &Path) -> Status {
        let file = match PidFile::open(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Status::Absent,
            Err(e) => return Status::Unreadable(sentence(&e)),
        };
        Status::of_open(&file).act("read", path.display()).unwrap_or_else(|e| Status::Unreadable(sentence(&e)))
    }

    fn of_open(file: &PidFile) -> Result<Status> {
        if let Some(status) = Status::of_verdict(owner::judge(file)?) {
            return Ok(status);
        }
        // The flock is free *now*. Read the text only after that: a claim may have come and gone before.
        if !is_flocked(file)? {
            return Ok(Status::Stale(file.text()?));
        }
        // A claim may have been completed since the first look.
        // Race: read-before-write (docs/races.md)
        match Status::of_verdict(owner::judge(file)?) {
            Some(status) => {
                decision("read-before-write", || {
                    format!("read {}: claimed since the first look", file.path().display())
                });
                Ok(status)
            }
            None => second_opinion(file),
        }
    }

    pub(crate) fn of_verdict(verdict: Verdict) -> Option<Status> {
        match verdict {
            Verdict::Nobody => None,
            Verdict::One(standing) => Some(Status::Held(Claimant { pid: standing.pid, evidence: Evidence::Vouched })),
            Verdict::Several(all) => {
                let all: Vec<String> = all.iter().map(|one| Holder::new(one.pid).to_string()).collect();
                let why = "each of these processes owns the byte of its PID, and only one can be the claimant";
                Some(Status::Unknown(format!("{why}: {}", all.join(", "))))
            }
            Verdict::Invisible => {
                let why = "a process that has no PID here (it is in another PID namespace) owns the byte of its PID";
                Some(Status::Unknown(why.into()))
            }
        }
    }

    /// The word for it in `--json`.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Absent => "absent",
            Status::Stale(Text::Empty) => "empty",
            Status::Stale(_) | Status::Unfit(..) => "stale",
            Status::Held(_) => "held",
            Status::Orphaned(..) => "orphaned",
            Status::Unknown(_) | Status::Unreadable(_) => "unknown",
        }
    }

    /// The status in words.
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
            Status::Unknown(why) | Status::Unreadable(why) => why.clone(),
        }
    }
}

/// Whether a process holds the flock at this moment.
fn is_flocked(file: &PidFile) -> Result<bool> {
    match FileExt::try_lock_shared(file.file()) {
        Ok(()) => {
            FileExt::unlock(file.file()).act("release", "the probe")?;
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e).act("ask for", "the lock"),
    }
}

/// Finds out who holds the flock if no owner is verified: another program's claim, a daemon that opened and closed its
/// own PID file, workers of a dead daemon, or a claim half-way.
fn second_opinion(file: &PidFile) -> Result<Status> {
    let locked = file.locked_file()?;
    let seen = || holders::of(locked);
    let pid = match file.text()? {
        Text::Names(pid) => pid,
        Text::Empty => return Ok(Status::Unknown(format!("names nobody, but is {}", seen()))),
        Text::Garbage(why) => return Ok(Status::Unknown(format!("{why}, but it is {}", seen()))),
    };
    if owner::owner(file, pid)?.is_some_and(|owner| owner.pid.is_none()) {
        let why = "who holds it, but is in another PID namespace and has no number here";
        return Ok(Status::Unknown(format!("names {pid}, {why}")));
    }
    // Race: orphaned-claim (docs/races.md)
    if PidFd::open(pid)?.is_none_or(|process| process.has_ended().unwrap_or(false)) {
        return Ok(Status::Orphaned(pid, seen()));
    }
    Ok(match holds(pid, locked) {
        Holds::Yes => Status::Held(Claimant { pid, evidence: Evidence::Descriptor }),
        Holds::No => Status::Unknown(format!("names {}, who does not hold it; it is {}", Holder::new(pid), seen())),
        Holds::Hidden => match plausible::objection(pid, file, None)? {
            None => Status::Held(Claimant { pid, evidence: Evidence::Recorded }),
            Some(why) => Status::Unknown(format!("names {pid}, but {why}; it is {}", seen())),
        },
    })
}
