//! Where watching begins: at the end as it is now, at the start, at a cursor, or where the last run ended.

use crate::cursor::Cursor;
use crate::follower::Follower;
use clap::Args;
use racefree_core::cli::exit::Exit;
use racefree_core::error::{Context, Result, refusal};
use racefree_core::event::time::Deadline;
use racefree_core::lock::{self, Attempt, LockGuard};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where to begin.
#[derive(Debug, Args)]
pub(crate) struct Beginning {
    /// Begin at the `start` of LOG, at its `end`, or at a cursor that --mark printed
    ///
    /// Several cursors, one a LOG, stand with blanks or newlines between them: `--from "$(logwatch --mark a b)"`. A
    /// cursor is found again in the rotated log, compressed or not, and all that was written since is read.
    #[arg(long, value_name = "start|end|CURSOR")]
    from: Option<String>,
    /// Begin where the last run with FILE ended, and note in FILE where this one ends
    ///
    /// Each line is judged once, whatever rotation does between two runs. The first run begins at the start of LOG,
    /// or where --from says. FILE is replaced in one step, and only after the output was written.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(crate) cursor_file: Option<PathBuf>,
}

/// A cursor file, locked, and what it said.
#[derive(Debug)]
pub(crate) struct CursorFile {
    path: PathBuf,
    _held: LockGuard,
    noted: Vec<(PathBuf, Cursor)>,
}

impl Beginning {
    /// Follows each log from where it is to begin.
    ///
    /// # Errors
    /// [`Exit::Usage`]: what --from says is no cursor; a log cannot be read.
    pub(crate) fn followers(
        &self,
        logs: &[PathBuf],
        file: Option<&CursorFile>,
        unless_told: &str,
    ) -> Result<Vec<Follower>> {
        let usage = |why: String| refusal(Exit::Usage, format!("begin at --from: {why}"));
        let words: Vec<&str> = self.from.iter().flat_map(|from| from.split_whitespace()).collect();
        if words.len() > 1 && words.len() != logs.len() {
            return Err(usage(format!("{} cursors for {} logs", words.len(), logs.len())));
        }
        let follow = |(at, log): (usize, &PathBuf)| {
            if log.as_os_str() == "-" {
                return Follower::of_stdin();
            }
            if let Some(cursor) = file.and_then(|file| file.noted(log)) {
                return Follower::from(log, cursor);
            }
            match *words.get(at).or(words.first()).unwrap_or(&unless_told) {
                "start" => Follower::from_start(log),
                "end" => Follower::from_end(log),
                word if words.len() == logs.len() => Follower::from(log, word.parse().map_err(usage)?),
                _ => Err(usage(format!("one cursor for {} logs", logs.len()))),
            }
        };
        logs.iter().enumerate().map(follow).collect()
    }
}

/// The logs, with those that were given as a pattern which the shell was kept from expanding. A file that is called like
/// the pattern is that file.
///
/// # Errors
/// No file matches: a pattern cannot be waited for.
pub(crate) fn expanded(logs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = vec![];
    for log in logs {
        let pattern = log.to_str().filter(|text| text.contains(['*', '?', '[']) && !log.exists());
        let Some(paths) = pattern.and_then(|pattern| glob::glob(pattern).ok()) else {
            found.push(log.clone());
            continue;
        };
        let before = found.len();
        found.extend(paths.flatten());
        if found.len() == before {
            return Err(anyhow::anyhow!("no file matches the pattern now")).act("watch", log.display());
        }
    }
    Ok(found)
}

impl CursorFile {
    /// Locks a cursor file, creating it if it is absent, and reads it.
    ///
    /// # Errors
    /// [`Exit::Busy`]: another run has it. It is a symbolic link, another user's, or no cursor file: it is left alone.
    pub(crate) fn open(path: &Path, deadline: Deadline) -> Result<CursorFile> {
        let refuse = |why: &str| Err(anyhow::anyhow!("{why}")).act("use the cursor file", path.display());
        match fs::symlink_metadata(path) {
            Ok(there) if there.is_symlink() => return refuse("it is a symbolic link"),
            Ok(there) if !there.is_file() => return refuse("it is not a regular file"),
            Ok(there) if there.uid() != rustix::process::geteuid().as_raw() => return refuse("it is another user's"),
            // Absent: made by the lock. Unreadable: said by the lock.
            Ok(_) | Err(_) => {}
        }
        let held = match lock::open(path)?.hold_by(deadline)? {
            Attempt::Held(held) => held,
            Attempt::Busy(file) => return Err(file.busy(Exit::Busy)),
        };
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut text));
        read.act("read", path.display())?;
        let lines = text.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let noted = lines.map(|line| note(line).act("read the cursor file", path.display())).collect::<Result<_>>()?;
        Ok(CursorFile { path: path.to_owned(), _held: held, noted })
    }

    fn noted(&self, log: &Path) -> Option<Cursor> {
        self.noted.iter().find(|(path, _)| path == log).map(|(_, cursor)| cursor.clone())
    }

    /// Notes where each log is to be read on; what was noted of others stays. A crash leaves the old file or the new.
    ///
    /// # Errors
    /// It cannot be written: then the old one stands.
    pub(crate) fn note(mut self, logs: &[PathBuf], cursors: Vec<Cursor>) -> Result<()> {
        self.noted.retain(|(path, _)| !logs.contains(path));
        let now = logs.iter().cloned().zip(cursors).filter(|(log, _)| log.as_os_str() != "-");
        self.noted.extend(now);
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

/// Only the holder of the lock gets here, so the name of the new file is ours alone.
fn replace(path: &Path, new: &Path, text: &[u8]) -> std::io::Result<()> {
    match fs::remove_file(new) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o644).open(new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(new, path)
}
