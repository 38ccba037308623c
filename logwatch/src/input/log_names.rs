//! The logs on the command line: glob patterns expanded, each log followed from its start.

use crate::input::cursor_file::CursorFile;
use crate::input::follower::Follower;
use crate::options::start_at::StartAt;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::{Context, Result};
use std::path::PathBuf;

/// The logs, each glob pattern replaced by the files that match it. A file whose name equals the pattern wins.
///
/// # Errors
/// No file matches a pattern.
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

/// Follows each log from where `start_at`, the cursor file or else `unless_told` says.
///
/// # Errors
/// [`Exit::Usage`]: a word of --from is no cursor. A log cannot be read.
pub(crate) fn followers(
    start_at: &StartAt,
    logs: &[PathBuf],
    file: Option<&CursorFile>,
    unless_told: &str,
) -> Result<Vec<Follower>> {
    let usage = |why: String| exit_as(Exit::Usage, format!("begin at --from: {why}"));
    let words: Vec<&str> = start_at.from.iter().flat_map(|from| from.split_whitespace()).collect();
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
