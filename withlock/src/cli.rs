//! The options: those of flock(1), and more.

use crate::Task;
use clap::Parser;
use racefree::cli;
use racefree::cli::exit::{Ending, Exit, exit_as};
use racefree::cli::output::Verbosity;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::event::duration::parse_duration;
use racefree::lock::Kind;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOCK: &str = "The lock";
const WAIT: &str = "The wait for the lock";
const COMMAND: &str = "The command";
const SHELL: &str = "A descriptor of the shell";

/// Run COMMAND while holding the lock on LOCKFILE
///
/// COMMAND inherits the lock, so exclusion holds even if withlock is killed. When COMMAND has ended, withlock releases
/// the lock explicitly, so a daemon that COMMAND started does not keep it. withlock creates LOCKFILE if it is absent,
/// and never writes or removes it: a removal would let two commands run at once.
///
/// Without COMMAND, LOCKFILE is the number of a descriptor that the shell has opened, as in `exec 9>>FILE; withlock 9`.
/// withlock locks it, and it stays locked until the shell closes it, ends, or runs `withlock -u 9`.
///
/// A script can use withlock in the place of flock: the options are the same. If another process holds the lock,
/// withlock exits 75 and flock exits 1. COMMAND may exit 1 too; `-E 1` asks for flock's code.
#[derive(Debug, Parser)]
#[command(name = "withlock", version, max_term_width = 100, args_override_self = true)]
#[command(override_usage = "withlock [OPTIONS] LOCKFILE COMMAND [ARG]...\n       \
    withlock [OPTIONS] LOCKFILE -c 'SHELL COMMAND'\n       \
    withlock [OPTIONS] [-u] --fd N")]
pub struct Cli {
    /// Take a shared lock: many readers, or one writer
    #[arg(short, long, help_heading = LOCK, overrides_with = "exclusive")]
    shared: bool,
    /// Take an exclusive lock (the default)
    #[arg(short = 'x', short_alias = 'e', long, help_heading = LOCK, overrides_with = "shared")]
    exclusive: bool,
    /// Fail at once if another process holds the lock
    #[arg(short, long, help_heading = WAIT, visible_alias = "nb", alias = "nonblocking")]
    nonblock: bool,
    /// Wait for the lock at most DUR (a bare number is seconds; 0 is -n)
    ///
    /// Processes that wait get the lock in the order in which they came.
    #[arg(short = 'w', long, help_heading = WAIT, visible_alias = "wait", value_name = "DUR", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// The exit code for a lock that another process holds
    #[arg(short = 'E', long, help_heading = WAIT, value_name = "N", default_value_t = Exit::Busy.code())]
    conflict_exit_code: u8,
    /// If another process holds the lock, print a JSON object: path, descriptor, holders, waiting, deadlock, reason
    ///
    /// stdout belongs to COMMAND, so withlock prints the object only if COMMAND does not run. holders are the processes
    /// that took the lock if each of them still has it, otherwise all that visibly have it: pid, evidence, name,
    /// command, user, started. evidence is descriptor (the process has a descriptor that holds the lock) or caller (no
    /// holder is visible; the process called flock(2)). waiting is the number of processes that wait. deadlock is true
    /// if an ancestor of withlock holds the lock. reason is the message on stderr. started is in seconds since the epoch.
    #[arg(long, help_heading = WAIT)]
    pub(crate) json: bool,
    /// Do not let COMMAND inherit the lock
    ///
    /// COMMAND then does not outlive withlock: if withlock is killed, the lock is free, and the kernel kills COMMAND. A
    /// process that COMMAND has started lives on.
    #[arg(short = 'o', long, help_heading = COMMAND, conflicts_with = "no_fork")]
    pub(crate) close: bool,
    /// Become COMMAND instead of waiting for it
    ///
    /// The lock lasts until COMMAND and every process that inherited it have ended or closed it, daemons too.
    #[arg(short = 'F', long, help_heading = COMMAND)]
    pub(crate) no_fork: bool,
    /// Run this command by the shell ($SHELL, or /bin/sh)
    #[arg(short = 'c', long = "command", help_heading = COMMAND, value_name = "SHELL COMMAND", conflicts_with_all = ["command", "fd"])]
    script: Option<OsString>,
    /// One more file or directory to lock (repeatable)
    ///
    /// withlock takes all of them or none, in an order that is the same for every process. So two users of the same
    /// files cannot block each other.
    #[arg(short, long = "lock", help_heading = LOCK, value_name = "LOCK")]
    lock: Vec<PathBuf>,
    /// Lock descriptor N, which the shell has opened
    #[arg(long, help_heading = SHELL, value_name = "N", value_parser = clap::value_parser!(i32).range(0..), conflicts_with_all = ["lock", "lockfile"])]
    fd: Option<i32>,
    /// Unlock a descriptor, for every process that shares it, before the shell closes it
    #[arg(short, long, help_heading = SHELL, conflicts_with_all = ["command", "script", "lock"])]
    unlock: bool,
    #[command(flatten)]
    verbosity: Verbosity,
    /// The file or directory to lock; without COMMAND, the number of a descriptor
    #[arg(required_unless_present = "fd")]
    lockfile: Option<PathBuf>,
    /// The command to run, and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl cli::Cli for Cli {
    const NAME: &'static str = "withlock";
    const ENDINGS: &'static [Ending] = crate::ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    /// `withlock [-n] [-F] LOCKFILE COMMAND [ARG]...`
    fn plain(arguments: &[OsString]) -> Option<Cli> {
        let (mut nonblock, mut no_fork) = (false, false);
        let mut words = arguments.get(1..)?;
        while let Some((first, rest)) = words.split_first() {
            match first.as_bytes() {
                b"-n" => nonblock = true,
                b"-F" => no_fork = true,
                _ => break,
            }
            words = rest;
        }
        let [lockfile, command @ ..] = words else { return None };
        let is_plain = cli::are_operands(words.get(..2)?);
        is_plain.then(|| Cli {
            nonblock,
            no_fork,
            lockfile: Some(lockfile.into()),
            command: command.to_vec(),
            conflict_exit_code: Exit::Busy.code(),
            shared: false,
            exclusive: false,
            timeout: None,
            json: false,
            close: false,
            script: None,
            lock: vec![],
            fd: None,
            unlock: false,
            verbosity: Verbosity::default(),
        })
    }
}

impl Cli {
    pub(crate) fn task(&self) -> Result<Task> {
        if let Some(script) = &self.script {
            let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty()).unwrap_or_else(|| "/bin/sh".into());
            return Ok(Task::Run(vec![shell, "-c".into(), script.clone()]));
        }
        if !self.command.is_empty() {
            return Ok(Task::Run(self.command.clone()));
        }
        let number = self.fd.or_else(|| self.lockfile.as_ref()?.to_str()?.parse().ok().filter(|number| *number >= 0));
        match number {
            Some(_) if !self.lock.is_empty() => Err(usage("-l needs a COMMAND: its lock would end with withlock")),
            Some(number) if self.unlock => Ok(Task::Unlock(number)),
            Some(number) => Ok(Task::Lock(number)),
            None if self.unlock => Err(usage("-u needs the number of a descriptor: a file has nothing to unlock")),
            None => Err(usage("COMMAND is missing (without one, LOCKFILE is the number of a descriptor)")),
        }
    }

    pub(crate) fn lockfiles(&self) -> Vec<&Path> {
        self.lockfile.iter().chain(&self.lock).map(PathBuf::as_path).collect()
    }

    pub(crate) fn kind(&self) -> Kind {
        if self.shared { Kind::Shared } else { Kind::Exclusive }
    }

    pub(crate) fn deadline(&self) -> Deadline {
        match self.timeout {
            _ if self.nonblock => Deadline::after(Duration::ZERO),
            Some(timeout) => Deadline::after(timeout),
            None => Deadline::NEVER,
        }
    }

    pub(crate) fn busy(&self) -> Exit {
        Exit::Status(self.conflict_exit_code)
    }
}

fn usage(why: &str) -> anyhow::Error {
    exit_as(Exit::Usage, format!("{why}; see 'withlock --help'"))
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;
    use racefree::cli::Cli as _;

    proptest! {
        #[test]
        fn a_plain_line_means_what_the_definition_says(
            words in proptest::collection::vec("-n|-F|-nF|--?|-s|9|f|l|x=y|--help||\\PC{0,3}", 0..7)
        ) {
            let line: Vec<OsString> = std::iter::once("withlock").chain(words.iter().map(String::as_str)).map(Into::into).collect();
            if let Some(plain) = Cli::plain(&line) {
                let defined = Cli::try_parse_from(&line).map_err(|e| TestCaseError::fail(e.to_string()))?;
                prop_assert_eq!(format!("{plain:?}"), format!("{defined:?}"));
            }
        }
    }

    #[test]
    fn the_lines_of_the_manual_are_plain() {
        for line in ["withlock l c", "withlock -n l c a", "withlock -F -n l c a b"] {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            assert!(Cli::plain(&words).is_some(), "{line}");
        }
    }
}
