//! A compressed generation of a log, read as if it were not.
//!
//! gzip, which logrotate uses unless told otherwise, is read by ourselves; the rarer ones by their own tools.

use flate2::read::MultiGzDecoder;
use racefree_core::error::{Context, Result};
use racefree_core::process::child;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

/// The names that compressed files end with, and what decompresses them from stdin to stdout.
pub(crate) const KINDS: [(&str, &str); 4] = [("gz", "gzip"), ("xz", "xz"), ("zst", "zstd"), ("bz2", "bzip2")];

/// Whether the name is that of a compressed file.
pub(crate) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|e| KINDS.iter().any(|(known, _)| e == *known))
}

/// Reads a compressed file's content.
///
/// # Errors
/// The tool that decompresses it is not installed.
pub(crate) fn open(path: &Path, mut file: File) -> Result<Box<dyn Read>> {
    // A duplicate shares its offset with the descriptor through which we may have looked before.
    file.rewind().act("read", path.display())?;
    let tool = KINDS.iter().find(|(ending, _)| path.extension().is_some_and(|e| e == *ending));
    match tool {
        Some(&("gz", _)) | None => Ok(Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(64 << 10, file)))),
        Some((_, tool)) => {
            let mut command = child::command(&[OsString::from(tool), "-dc".into()]);
            command.stdin(file).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().act(&format!("run {tool} for"), path.display())?;
            match child.stdout.take() {
                Some(stdout) => Ok(Box::new(Decompressed { child, stdout })),
                None => Err(anyhow::anyhow!("no pipe")).act("read", path.display()),
            }
        }
    }
}

/// What a tool writes, until it ends; a damaged archive is an error, not an end.
struct Decompressed {
    child: Child,
    stdout: ChildStdout,
}

impl Read for Decompressed {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.stdout.read(room)?;
        // Where somebody else has reaped it, there is nothing to be learned.
        match if count == 0 { self.child.wait().ok() } else { None } {
            Some(ended) if !ended.success() => Err(io::Error::other("the archive is damaged")),
            _ => Ok(count),
        }
    }
}

impl Drop for Decompressed {
    fn drop(&mut self) {
        // It may have ended by itself; in any case nothing of it is to be left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
