//! COMMAND before its start: the search for it, and the error that names its absence.

use crate::error::{Result, Why, refused};
use crate::open::{How, Links, open};
use nix::unistd::{AccessFlags, access};
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// COMMAND and its arguments, ready to be started.
///
/// # Panics
/// `words` is empty: clap requires a COMMAND wherever one is run.
pub fn command(words: &[OsString]) -> Command {
    if cfg!(target_env = "musl") && needs_shell(&words[0]) {
        return by_shell(&words[0], &words[1..]);
    }
    command_to_become(words)
}

/// COMMAND and its arguments, for [`become_command`](super::child::become_command).
///
/// # Panics
/// `words` is empty.
pub fn command_to_become(words: &[OsString]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// COMMAND by a shell's exec, which gives a script without `#!` to the shell.
pub(super) fn by_shell(name: &OsStr, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Command {
    let mut command = shell(OsStr::new("exec \"$0\" \"$@\""));
    command.arg(name).args(arguments);
    command
}

/// Whether the file is neither a program nor a script with `#!`. The kernel refuses it (ENOEXEC). execvp(3) of glibc
/// gives it to /bin/sh, and so does a shell's exec; execvp(3) of musl does not.
fn needs_shell(name: &OsStr) -> bool {
    let mut first = Vec::new();
    let opened = located(name).and_then(|path| open(&path, How::read(Links::Follow)).ok());
    let read = opened.is_some_and(|opened| opened.file.take(4).read_to_end(&mut first).is_ok());
    read && !first.starts_with(b"#!") && !first.starts_with(b"\x7fELF")
}

/// A shell command, run by `/bin/sh -c`.
pub fn shell(line: &OsStr) -> Command {
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(line);
    command
}

/// Checks that COMMAND can be executed, before anything is locked or written for it. An exec may still fail later.
///
/// # Errors
/// [`Why::NotFound`] or [`Why::CannotExecute`].
pub fn find(name: &OsStr) -> Result<()> {
    let shown = name.display();
    if name.as_bytes().contains(&b'/') {
        return match std::fs::metadata(name) {
            _ if executable(Path::new(name)) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                Err(refused("run", shown, Why::NotFound("no such file".into())))
            }
            Ok(found) if found.is_dir() => Err(refused("run", shown, Why::CannotExecute("it is a directory".into()))),
            _ => Err(refused("run", shown, Why::CannotExecute("not executable".into()))),
        };
    }
    if !name.is_empty() && located(name).is_some() {
        Ok(())
    } else if !name.is_empty() && candidates(name).any(|candidate| candidate.is_file()) {
        Err(refused("run", shown, Why::CannotExecute("not executable".into())))
    } else {
        Err(refused("run", shown, Why::NotFound("not found in PATH".into())))
    }
}

fn executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// The paths at which exec looks for a name without a slash.
fn candidates(name: &OsStr) -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/bin:/usr/bin".into());
    std::env::split_paths(&path).map(|directory| directory.join(name)).collect::<Vec<_>>().into_iter()
}

/// The file that exec executes for this name.
fn located(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') { Some(name.into()) } else { candidates(name).find(|path| executable(path)) }
}

/// The error of a failed exec, with the exit code of env(1) and timeout(1).
pub fn not_executed(name: &OsStr, error: &io::Error) -> anyhow::Error {
    let why = crate::error::reason(error);
    let why = match error.kind() {
        io::ErrorKind::NotFound => Why::NotFound(why),
        _ => Why::CannotExecute(why),
    };
    refused("run", name.display(), why)
}
