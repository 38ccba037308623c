//! Where each log begins to be read: at its end, at its start, at a cursor, or where the last run ended.

use crate::input::budget::Budget;
use crate::input::cursor_file::CursorFile;
use crate::input::follower::Follower;
use crate::input::log_names::LogNames;
use crate::options::start_at::StartAt;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::cli::output;
use racefree_core::error::{Context, Result};
use std::path::PathBuf;

/// Follows each log from where `start_at`, the cursor file or else `unless_told` says.
///
/// # Errors
/// [`Exit::Usage`]: a word of --from is no cursor. A log cannot be read. --must-exist: a log does not exist.
pub(crate) fn followers(
    start_at: &StartAt,
    names: &LogNames,
    file: Option<&CursorFile>,
    unless_told: &str,
    budget: &Budget,
) -> Result<Vec<Follower>> {
    let logs = existing(names, start_at.must_exist)?;
    let usage = |why: String| exit_as(Exit::Usage, format!("begin at --from: {why}"));
    let words: Vec<&str> = start_at.from.iter().flat_map(|from| from.split_whitespace()).collect();
    if words.len() > 1 && words.len() != logs.len() {
        return Err(usage(format!("{} cursors for {} logs", words.len(), logs.len())));
    }
    let follow = |(at, log): (usize, &PathBuf)| {
        if log.as_os_str() == "-" {
            return Follower::of_stdin();
        }
        let archives = names.of(log);
        if let Some(cursor) = file.and_then(|file| file.noted(log)) {
            return Follower::from(archives, cursor, budget);
        }
        match *words.get(at).or(words.first()).unwrap_or(&unless_told) {
            "start" => Follower::from_start(archives),
            "end" => Follower::from_end(archives),
            word if words.len() == logs.len() => Follower::from(archives, word.parse().map_err(usage)?, budget),
            _ => Err(usage(format!("one cursor for {} logs", logs.len()))),
        }
    };
    logs.iter().enumerate().map(follow).collect()
}

/// The logs that are named. A log that does not exist is told of at the end, or refused here.
fn existing(names: &LogNames, must_exist: bool) -> Result<Vec<PathBuf>> {
    let logs = names.found();
    let absent = logs.iter().find(|log| log.as_os_str() != "-" && !log.exists());
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
