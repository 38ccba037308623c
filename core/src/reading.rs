//! Reading somebody's PID file: who has claimed it, and how we know.
//!
//! The kernel is asked first (the record lock on the byte whose offset is the PID), and nothing is taken. Only where it
//! vouches for nobody is the flock probed, shared and without waiting; claimers expect such a probe and try again.

use crate::error::{Doing, Result, sentence};
use crate::exit::Exit;
use crate::holders::{self, Holder, Holds, Identity};
use crate::process::Process;
use crate::procfs;
use crate::record;
use crate::text::{self, Text};
use fs4::{FileExt, TryLockError};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

/// What a PID file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// There is no such file.
    Absent,
    /// Held by nobody; what it says is history.
    Stale(Text),
    /// Claimed by a living process.
    Held(Claimant),
    /// The recorded process is dead but others still hold its lock.
    Orphaned(Pid, Vec<Holder>),
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

impl Reading {
    /// Reads the PID file at `path`. Never fails: what cannot be read is [`Reading::Unknown`].
    pub fn of(path: &Path) -> Reading {
        let file = match open(path) {
            Ok(Some(file)) => file,
            Ok(None) => return Reading::Absent,
            Err(e) => return Reading::Unknown(sentence(&e)),
        };
        Reading::of_open(&file).doing("read", path.display()).unwrap_or_else(|e| Reading::Unknown(sentence(&e)))
    }

    fn of_open(file: &File) -> Result<Reading> {
        if let Some(claimant) = vouched(file)? {
            return Ok(Reading::Held(claimant));
        }
        // Free *now*; what the file says may only be read after that, for a claim may have come and gone before.
        if !is_flocked(file)? {
            return Ok(Reading::Stale(read_text(file)?));
        }
        // A claim may have been completed since the first look.
        if let Some(claimant) = vouched(file)? {
            return Ok(Reading::Held(claimant));
        }
        second_opinion(file)
    }

    /// The word for it in `--json`.
    pub fn word(&self) -> &'static str {
        match self {
            Reading::Absent => "absent",
            Reading::Stale(_) => "stale",
            Reading::Held(_) => "held",
            Reading::Orphaned(..) => "orphaned",
            Reading::Unknown(_) => "unknown",
        }
    }

    /// How `pidfile read` ends: the LSB's status codes.
    pub fn exit(&self) -> Exit {
        match self {
            Reading::Absent => Exit::NotRunning,
            Reading::Stale(_) => Exit::No,
            Reading::Held(_) => Exit::Done,
            Reading::Orphaned(..) => Exit::Orphaned,
            Reading::Unknown(_) => Exit::Unknown,
        }
    }

    /// What was found, in words.
    pub fn in_words(&self) -> String {
        match self {
            Reading::Absent => "no such PID file".into(),
            Reading::Stale(Text::Empty) => "empty, held by nobody".into(),
            Reading::Stale(Text::Names(pid)) => format!("stale: names {pid}, but nobody holds it"),
            Reading::Stale(Text::Garbage(why)) => format!("stale: nobody holds it, and {why}"),
            Reading::Held(claimant) => format!("held by {}", Holder::new(claimant.pid)),
            Reading::Orphaned(pid, holders) => {
                format!("orphaned: {pid} is dead, but its lock is {}", holders::in_words(holders))
            }
            Reading::Unknown(why) => why.clone(),
        }
    }
}

/// Opens a PID file for reading, without waiting for a FIFO's writer or waking a device.
fn open(path: &Path) -> Result<Option<File>> {
    match std::fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).doing("look at", path.display()),
        Ok(metadata) if !metadata.is_file() => {
            anyhow::bail!("read {}: not a regular file, so no PID file", path.display())
        }
        Ok(_) => {}
    }
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(Some(File::from(file))),
        // Renamed or removed since the look.
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e).doing("open", path.display()),
    }
}

/// Reads a file from its start, as far as it takes to see what it is.
pub(crate) fn read_start(file: &File) -> Result<Vec<u8>> {
    let mut start = vec![0; text::LONGEST + 1];
    let mut filled = 0;
    loop {
        match file.read_at(&mut start[filled..], filled as u64) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e).doing("read", "the PID file"),
        }
    }
    start.truncate(filled);
    Ok(start)
}

fn read_text(file: &File) -> Result<Text> {
    Ok(text::parse(&read_start(file)?))
}

/// Asks the kernel whether the process that the text names is the living claimant.
pub(crate) fn vouched(file: &File) -> Result<Option<Claimant>> {
    let Text::Names(named) = read_text(file)? else { return Ok(None) };
    let owner = match record::owner(file, named) {
        Ok(owner) => owner.and_then(|owner| owner.pid),
        // A file system without record locks vouches for nobody.
        Err(nix::errno::Errno::ENOLCK | nix::errno::Errno::EINVAL | nix::errno::Errno::EOPNOTSUPP) => None,
        Err(e) => return Err(e).doing("ask who owns", format!("byte {named}")),
    };
    Ok(owner.and_then(|owner| stood_for(owner, named)).map(|pid| Claimant { pid, evidence: Evidence::Vouched }))
}

/// The number of the process that `owner` vouches for by holding the byte `named`: itself, its child, or itself under
/// the number it has in its own PID namespace. Anybody who may write the file can lock any byte, so an owner for whom
/// none of the three is true vouches for nothing: it must gain no power over a stranger by it.
fn stood_for(owner: Pid, named: Pid) -> Option<Pid> {
    if owner == named {
        return Some(named);
    }
    if procfs::stat(named).is_some_and(|stat| stat.parent == owner.as_raw_pid() && !stat.zombie) {
        return Some(named);
    }
    let inner = procfs::numbers_in_namespaces(owner);
    (inner.len() > 1 && inner.last() == Some(&named.as_raw_pid())).then_some(owner)
}

/// Whether anybody holds the flock at this moment.
fn is_flocked(file: &File) -> Result<bool> {
    match FileExt::try_lock_shared(file) {
        Ok(()) => {
            FileExt::unlock(file).doing("release", "the probe")?;
            Ok(false)
        }
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e).doing("ask for", "the lock"),
    }
}

/// The flock is held but the kernel vouches for nobody: a foreign tool's claim, a daemon that opened and closed its own
/// PID file, the children of a dead one, or a claim half-way.
fn second_opinion(file: &File) -> Result<Reading> {
    let metadata = file.metadata().doing("look at", "the PID file")?;
    let identity = Identity::from(&metadata);
    let seen = || holders::in_words(&holders::of(identity));
    let pid = match read_text(file)? {
        Text::Names(pid) => pid,
        Text::Empty => return Ok(Reading::Unknown(format!("names nobody, but is {}", seen()))),
        Text::Garbage(why) => return Ok(Reading::Unknown(format!("{why}, but it is {}", seen()))),
    };
    let alive = match Process::open(pid)? {
        Some(process) => !process.has_ended()?,
        None => false,
    };
    if !alive {
        return Ok(Reading::Orphaned(pid, holders::of(identity)));
    }
    Ok(match holders::holds(pid, identity) {
        Holds::Yes => Reading::Held(Claimant { pid, evidence: Evidence::Descriptor }),
        Holds::No => Reading::Unknown(format!("names {}, who does not hold it; it is {}", Holder::new(pid), seen())),
        Holds::Hidden if written_in_its_lifetime(pid, &metadata) => {
            Reading::Held(Claimant { pid, evidence: Evidence::Recorded })
        }
        Holds::Hidden => Reading::Unknown(format!("names {pid}, who is younger than the file; it is {}", seen())),
    })
}

/// Whether the process was started before the file was last written: a recycled number was not.
pub fn written_in_its_lifetime(pid: Pid, file: &std::fs::Metadata) -> bool {
    // Start times are cut to 10 ms, file times to the timer tick.
    const GRAIN: Duration = Duration::from_millis(20);
    match (procfs::stat(pid), file.modified()) {
        (Some(stat), Ok(written)) => !stat.zombie && stat.started() <= written + GRAIN,
        _ => false,
    }
}
