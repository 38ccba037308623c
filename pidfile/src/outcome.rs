//! `--json` of `pidfile stop` and `pidfile signal`: what was signalled because of one PID file, and how that ended.

use crate::send::{Sender, Sent};
use racefree::claim::status::Claimant;
use racefree::cli::exit::{Exit, ending};
use racefree::cli::output;
use racefree::error::{Result, sentence};
use racefree::process::procfs;
use racefree::text;
use serde::Serialize;
use std::path::Path;

/// The account of one PID file. It is printed if the user has asked for JSON.
pub(crate) struct Account<'a> {
    pidfile: &'a Path,
    wanted: bool,
    claimant: Option<Described>,
    idle: Option<String>,
}

/// The claimant, described while it lived.
struct Described {
    claimant: Claimant,
    command: Option<String>,
}

/// The facts about one file.
#[derive(Serialize)]
struct Outcome {
    path: String,
    outcome: &'static str,
    pid: Option<i32>,
    evidence: Option<&'static str>,
    command: Option<String>,
    signals: Vec<Sent>,
    reason: Option<String>,
    exit: u8,
}

impl<'a> Account<'a> {
    /// An account that is printed only if it is `wanted`.
    pub(crate) fn new(pidfile: &'a Path, wanted: bool) -> Account<'a> {
        Account { pidfile, wanted, claimant: None, idle: None }
    }

    /// Notes the claimant before it is signalled.
    pub(crate) fn found(&mut self, claimant: Claimant) {
        self.claimant = self.wanted.then(|| Described { claimant, command: procfs::command_line(claimant.pid) });
    }

    /// Notes why no process was signalled, and that this is no error. Without an account `say` tells the user.
    pub(crate) fn idle(&mut self, words: String, say: fn(&str)) {
        if self.wanted {
            self.idle = Some(words);
        } else {
            say(&words);
        }
    }

    /// Prints the account of a verb that ended in this way. `done` is the word for a success.
    pub(crate) fn print(self, sender: &Sender<'_>, done: &'static str, ended: &Result<Exit>) -> Result<()> {
        if !self.wanted {
            return Ok(());
        }
        let signals = sender.sent();
        let (outcome, exit, reason) = match (ended, self.idle) {
            (Err(e), _) => (word(ending(e)), ending(e), Some(sentence(e))),
            // Nobody had the claim, but a killed restart had left processes.
            (Ok(exit), Some(idle)) if signals.is_empty() => ("not-running", *exit, Some(idle)),
            (Ok(Exit::Killed), _) => ("killed", Exit::Killed, None),
            (Ok(exit), _) => (done, *exit, None),
        };
        let outcome = Outcome {
            path: self.pidfile.to_string_lossy().into_owned(),
            outcome,
            pid: self.claimant.as_ref().map(|found| found.claimant.pid.as_raw()),
            evidence: self.claimant.as_ref().map(|found| found.claimant.evidence.word()),
            command: self.claimant.and_then(|found| found.command),
            signals,
            reason,
            exit: exit.code(),
        };
        output::print(format!("{}\n", text::json(&serde_json::to_string(&outcome)?)))
    }
}

/// The word for a failure.
fn word(exit: Exit) -> &'static str {
    match exit {
        // `pidfile signal`: the file is absent, empty or stale, or the recorded process is dead.
        Exit::No | Exit::Orphaned | Exit::NotRunning => "not-running",
        Exit::Unknown => "refused",
        Exit::TimedOut => "timeout",
        _ => "failed",
    }
}
