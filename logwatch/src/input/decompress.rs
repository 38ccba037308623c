//! Decompression of archives.
//!
//! gzip, the default of logrotate, is decompressed in this process; the other formats by their own tools.

use flate2::read::MultiGzDecoder;
use racefree::error::{Context, Result};
use racefree::process::child;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

/// The extensions of compressed files, and the tools that decompress them from stdin to stdout. gzip(1) reads a zip file of
/// one member, as log4j2 and logback write it.
pub(crate) const KINDS: [(&str, &str); 8] = [
    ("gz", "gzip"),
    ("xz", "xz"),
    ("zst", "zstd"),
    ("bz2", "bzip2"),
    ("lz4", "lz4"),
    ("zip", "gzip"),
    ("Z", "gzip"),
    ("lzma", "xz"),
];

/// True if the name ends like that of a compressed file.
pub(crate) fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|e| KINDS.iter().any(|(known, _)| e == *known))
}

/// Reads the decompressed content of a file.
///
/// # Errors
/// The tool for the format is not installed.
pub(crate) fn open(path: &Path, mut file: File) -> Result<Box<dyn Read>> {
    // A duplicated descriptor shares its offset, and an earlier read may have moved it.
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

/// The output of a decompression tool. A tool that fails makes the last read fail: the archive is damaged.
struct Decompressed {
    child: Child,
    stdout: ChildStdout,
}

impl Read for Decompressed {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let count = self.stdout.read(room)?;
        // If another wait has reaped the tool, its status is lost.
        match if count == 0 { self.child.wait().ok() } else { None } {
            Some(ended) if !ended.success() => Err(io::Error::other("the archive is damaged")),
            _ => Ok(count),
        }
    }
}

impl Drop for Decompressed {
    fn drop(&mut self) {
        // The tool may have ended by itself. Either way no process and no zombie stays.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
