//! The cursor file: where the last run ended, for each log.

use crate::input::cursor::Cursor;
use racefree::error::{Context, Result};
use racefree::event::deadline::Deadline;
use racefree::lock::{self, Attempt, LockGuard};
use racefree::open::{self, Access, Links};
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The cursors of ten thousand logs are no longer.
const LONGEST: u64 = 1 << 20;

/// A locked cursor file and its content.
#[derive(Debug)]
pub(crate) struct CursorFile {
    path: PathBuf,
    _held: LockGuard,
    noted: Vec<(PathBuf, Cursor)>,
}

impl CursorFile {
    /// Locks the cursor file, creating it if it is absent, and reads it.
    ///
    /// # Errors
    /// [`Why::Busy`](racefree::error::Why::Busy): another run holds the lock. A symbolic link, another user's
    /// file and a file that holds no cursors are refused and left unchanged.
    pub(crate) fn open(path: &Path, deadline: Deadline) -> Result<CursorFile> {
        let refuse = |why: &str| Err(anyhow::anyhow!("{why}")).act("use the cursor file", path.display());
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_symlink() => return refuse("it is a symbolic link"),
            Ok(there) if !there.is_file() => return refuse("it is not a regular file"),
            Ok(there) if there.uid() != nix::unistd::geteuid().as_raw() => return refuse("it is another user's"),
            // The lock creates an absent file, and reports one that cannot be opened.
            Ok(_) | Err(_) => {}
        }
        let held = match lock::open(path)?.hold_by(deadline)? {
            Attempt::Held(held) => held,
            Attempt::Busy(file) => return Err(file.busy().error()),
        };
        let text = open::read_small(path, Links::TrustedNotLast, LONGEST).act("read", path.display())?;
        let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let noted = lines.map(|line| note(line).act("read the cursor file", path.display())).collect::<Result<_>>()?;
        Ok(CursorFile { path: path.to_owned(), _held: held, noted })
    }

    pub(crate) fn noted(&self, log: &Path) -> Option<Cursor> {
        self.noted.iter().find(|(path, _)| path == log).map(|(_, cursor)| cursor.clone())
    }

    /// Writes the new cursors of these logs; the cursors of other logs stay. A crash leaves either the old or the new file.
    ///
    /// # Errors
    /// The file cannot be written: the old file stays.
    pub(crate) fn note(mut self, cursors: Vec<(PathBuf, Cursor)>) -> Result<()> {
        self.noted.retain(|(path, _)| cursors.iter().all(|(log, _)| log != path));
        self.noted.extend(cursors.into_iter().filter(|(log, _)| log.as_os_str() != "-"));
        let mut new = self.path.clone().into_os_string();
        new.push(".new");
        let line = |(log, cursor): &(PathBuf, Cursor)| {
            [cursor.to_string().as_bytes(), b" ", log.as_os_str().as_bytes(), b"\n"].concat()
        };
        let text: Vec<u8> = self.noted.iter().flat_map(line).collect();
        replace(&self.path, Path::new(&new), &text).act("write", self.path.display())
    }
}

fn note(line: &[u8]) -> Result<(PathBuf, Cursor)> {
    let space = line.iter().position(|&b| b == b' ').unwrap_or(line.len());
    let (cursor, log) = line.split_at(space);
    let cursor = String::from_utf8_lossy(cursor).parse().map_err(anyhow::Error::msg)?;
    Ok((PathBuf::from(std::ffi::OsStr::from_bytes(log.get(1..).unwrap_or_default())), cursor))
}

/// Only the holder of the lock calls this, so no other run uses the name of the new file.
fn replace(path: &Path, new: &Path, text: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(new) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = open::create_new(new, Access::Append, Links::TrustedNotLast, 0o644)?.file;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(new, path)
}
