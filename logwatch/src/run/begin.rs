//! Where each log begins to be read: at its end, at its start, at a cursor, or where the last run ended.

use crate::input::archive_names::ArchiveNames;
use crate::input::budget::Budget;
use crate::input::cursor_file::CursorFile;
use crate::input::follower::Follower;
use crate::input::log_names::LogNames;
use crate::options::start_at::StartAt;
use racefree::cli::exit::{Exit, exit_as};
use racefree::cli::output;
use racefree::error::{Context, Result};
use std::path::PathBuf;

/// Where each log begins.
#[derive(Debug)]
pub(crate) struct Beginnings<'a> {
    logs: Vec<ArchiveNames>,
    words: Vec<&'a str>,
    file: Option<&'a CursorFile>,
    /// Each log is read once, and no later run goes on where this one ends.
    once: bool,
    unless_told: &'a str,
}

impl<'a> Beginnings<'a> {
    /// Where the logs begin: where the cursor file, `start_at` or else `unless_told` says.
    ///
    /// # Errors
    /// Usage: --from has too many cursors. --must-exist: a log does not exist.
    pub(crate) fn of(
        start_at: &'a StartAt,
        names: &LogNames,
        file: Option<&'a CursorFile>,
        unless_told: &'a str,
        once: bool,
    ) -> Result<Beginnings<'a>> {
        let logs: Vec<ArchiveNames> = existing(names, start_at.must_exist)?.iter().map(|log| names.of(log)).collect();
        let words: Vec<&str> = start_at.from.iter().flat_map(|from| from.split_whitespace()).collect();
        if words.len() > 1 && words.len() != logs.len() {
            return Err(usage(format!("{} cursors for {} logs", words.len(), logs.len())));
        }
        Ok(Beginnings { logs, words, file, once, unless_told })
    }

    /// The number of logs.
    pub(crate) fn count(&self) -> usize {
        self.logs.len()
    }

    /// Follows the log with this number.
    ///
    /// # Errors
    /// Usage: a word of --from is no cursor. The log cannot be read.
    pub(crate) fn follow(&self, at: usize, budget: &Budget) -> Result<Follower> {
        let names = self.logs[at].clone();
        if names.log().as_os_str() == "-" {
            return Follower::of_stdin();
        }
        if let Some(cursor) = self.file.and_then(|file| file.noted(names.log())) {
            return Follower::from(names, cursor, budget);
        }
        match *self.words.get(at).or(self.words.first()).unwrap_or(&self.unless_told) {
            "start" if self.once => Follower::once(names),
            "start" => Follower::from_start(names),
            "end" => Follower::from_end(names),
            word if self.words.len() == self.logs.len() => Follower::from(names, word.parse().map_err(usage)?, budget),
            _ => Err(usage(format!("one cursor for {} logs", self.logs.len()))),
        }
    }
}

fn usage(why: String) -> anyhow::Error {
    exit_as(Exit::Usage, format!("begin at --from: {why}"))
}

/// The logs that are named. A log that does not exist is told of at the end, or refused here.
fn existing(names: &LogNames, must_exist: bool) -> Result<Vec<PathBuf>> {
    let logs = names.found();
    let absent = logs.iter().find(|log| must_exist && log.as_os_str() != "-" && !log.exists());
    let missing = absent.map(|log| log.display().to_string()).or_else(|| logs.is_empty().then(|| names.in_words()));
    match missing {
        Some(log) if must_exist => Err(anyhow::anyhow!("it does not exist")).act("watch", log),
        Some(glob) if logs.is_empty() => {
            output::error(&format!("no file matches {glob}"));
            Ok(logs)
        }
        _ => Ok(logs),
    }
}
