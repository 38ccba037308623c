//! A PID file, from free to ours to naming a process.
//!
//! Three layers, each with one job: the flock decides who may claim; the text is for people; the record lock on the
//! byte whose offset is the PID vouches that the text is true. The file is never removed: removal is the race in which
//! two daemons run. A crash at any point leaves nothing held, or a claim that is true.

use crate::error::{Doing, Result, refusal};
use crate::exit::Exit;
use crate::holders::{Holds, Identity, holds};
use crate::lock::{flock_by, still_at, try_flock};
use crate::reading::{self, Reading};
use crate::record;
use crate::sys;
use crate::text::{self, Line, Text};
use crate::time::Deadline;
use crate::voice::StatusLine;
use crate::vouch::vouched;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::Pid;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What an attempt to claim came to.
#[derive(Debug)]
pub enum Claim {
    /// It is ours, and names nobody yet.
    Ours(Held),
    /// Another has it.
    Theirs(Reading),
}

/// A PID file that is ours. Its text is still what the last claimant left.
#[must_use = "dropping it frees the claim, unless a daemon has inherited it"]
#[derive(Debug)]
pub struct Held {
    file: File,
    path: PathBuf,
    before: Vec<u8>,
}

/// Probing readers and claims half-way hold the flock for microseconds; this is how long a refusal may be one of those.
const PATIENCE: Duration = Duration::from_millis(100);

/// How often a file may be replaced under us before we take it for an attack.
const REPLACED_AT_MOST: usize = 100;

impl Claim {
    /// Claims the PID file at `path`, creating it if it is absent. Does not wait for a living claimant.
    ///
    /// # Errors
    /// The file cannot be opened or created, is not a regular file, is a symbolic link, or holds what cannot have been
    /// a PID file; it is left as it was.
    pub fn on(path: &Path) -> Result<Claim> {
        for _ in 0..REPLACED_AT_MOST {
            let file = open(path)?;
            acceptable(&file, path)?;
            if !take_flock(&file).doing("lock", path.display())? {
                return Ok(Claim::Theirs(Reading::of(path)));
            }
            // Removed or replaced between open and lock: another may hold what the path names now.
            if !still_at(&file, path) {
                continue;
            }
            // The flock was free, but the kernel vouches: a claim by fcntl(2), which is another kind of lock.
            if let Some(claimant) = vouched(&file)? {
                return Ok(Claim::Theirs(Reading::Held(claimant)));
            }
            let before = acceptable(&file, path)?;
            return Ok(Claim::Ours(Held { file, path: path.to_owned(), before }));
        }
        Err(refusal(Exit::Failed, format!("claim {}: something keeps replacing it", path.display())))
    }
}

/// Takes the flock; where it is refused, but the kernel vouches for nobody, once more until the patience is over.
fn take_flock(file: &File) -> Result<bool> {
    if try_flock(file)? {
        return Ok(true);
    }
    let patience = Deadline::after(PATIENCE);
    let mut pause = Duration::from_millis(1);
    while !patience.passed() {
        if vouched(file)?.is_some() {
            return Ok(false);
        }
        if flock_by(file, Deadline::after(pause).or(patience), &mut StatusLine::begin(), String::new)? {
            return Ok(true);
        }
        pause *= 2;
    }
    Ok(false)
}

fn open(path: &Path) -> Result<File> {
    if let Ok(there) = std::fs::symlink_metadata(path)
        && !there.is_file()
    {
        let kind = if there.is_symlink() { "a symbolic link" } else { "not a regular file" };
        return Err(refusal(
            Exit::Failed,
            format!("claim {}: it is {kind}; name a regular file, or one that does not exist yet", path.display()),
        ));
    }
    let flags = OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mode = Mode::from_bits_truncate(0o644);
    let opened = match rustix::fs::open(path, flags | OFlags::CREATE, mode) {
        // fs.protected_regular refuses O_CREAT on another's file in a sticky directory, even to root.
        Err(Errno::ACCESS) => match rustix::fs::open(path, flags, mode) {
            Err(Errno::NOENT) => Err(Errno::ACCESS),
            opened => opened,
        },
        opened => opened,
    };
    opened.map(File::from).doing("open", path.display())
}

/// The content, if it can have been a PID file: nothing, zeroes, or a number.
fn acceptable(file: &File, path: &Path) -> Result<Vec<u8>> {
    let refuse = |why: &str| {
        let path = path.display();
        refusal(
            Exit::Failed,
            format!("claim {path}: this was never a PID file: {why}; name another file, or empty this one"),
        )
    };
    if !file.metadata().doing("look at", path.display())?.is_file() {
        return Err(refuse("it is not a regular file"));
    }
    let content = reading::read_start(file)?;
    match text::parse(&content) {
        Text::Garbage(why) => Err(refuse(why)),
        Text::Empty | Text::Names(_) => Ok(content),
    }
}

impl Held {
    /// Makes the claim name this very process, which is to become the daemon by exec.
    ///
    /// # Errors
    /// The byte is locked by another, or the text cannot be written (a full disk).
    pub fn name_this_process(&self) -> Result<()> {
        self.naming().take().doing("record the PID in", self.path.display())
    }

    /// What a child needs to make the claim name itself, between fork and exec.
    pub fn naming(&self) -> Naming {
        Naming { descriptor: self.file.as_raw_fd() }
    }

    /// Puts the text back as it was, for a COMMAND that could not be executed.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn put_back_text(&self) -> Result<()> {
        let whole = self.file.write_all_at(&self.before, 0).and_then(|()| self.file.set_len(self.before.len() as u64));
        whole.doing("restore", self.path.display())
    }

    /// Whether `pid` still has what it inherited: the kernel vouches for it, or it has a descriptor with the lock. A
    /// daemon that closes all its descriptors has lost the claim.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn still_has(&self, pid: Pid) -> Result<bool> {
        let owner = record::owner(&self.file, pid).doing("ask who owns", self.path.display())?;
        if owner.is_some_and(|owner| owner.pid == Some(pid)) {
            return Ok(true);
        }
        let identity = Identity::from(&self.file.metadata().doing("look at", self.path.display())?);
        Ok(holds(pid, identity) == Holds::Yes)
    }
}

/// The steps by which a process takes a claim that its parent holds. Only system calls: it runs after fork(2).
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    descriptor: RawFd,
}

impl Naming {
    /// Locks the byte of the calling process, writes its number, and lets the descriptor be inherited over exec.
    ///
    /// # Errors
    /// EAGAIN: another process has locked the byte. ENOSPC, EIO: the text cannot be written.
    pub fn take(self) -> io::Result<()> {
        let pid = rustix::process::getpid();
        let file = sys::borrow(self.descriptor);
        record::take(file, pid)?;
        write_text(file, pid)?;
        sys::set_inherited(self.descriptor, true)
    }
}

/// One write, then the cut: the first line is a whole number at every instant.
fn write_text(file: BorrowedFd<'_>, pid: Pid) -> io::Result<()> {
    let line = Line::of(pid);
    let text = line.as_bytes();
    let written = rustix::io::pwrite(file, text, 0)?;
    if written < text.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(rustix::fs::ftruncate(file, text.len() as u64)?)
}
