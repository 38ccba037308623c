//! `--json`: one object for each target at the end of the wait.

use crate::policy::Policy;
use crate::retry::Retry;
use racefree::cli::output;
use racefree::error::Result;
use racefree::text::json;
use serde::Serialize;

/// The result of one target.
#[derive(Serialize)]
struct Report<'a> {
    target: &'a str,
    ready: bool,
    tries: usize,
    reason: String,
    ms: u64,
}

/// Prints what came of the targets, a line for each.
pub(crate) fn print(retries: &[Retry], policy: &Policy) -> Result<()> {
    let mut lines = String::new();
    for retry in retries {
        let report = Report {
            target: &retry.name,
            ready: retry.is_satisfied(),
            tries: retry.tries(),
            reason: retry.last_reason(policy),
            ms: retry.took().as_millis().try_into().unwrap_or(u64::MAX),
        };
        lines.push_str(&json(&serde_json::to_string(&report)?));
        lines.push('\n');
    }
    output::print(lines)
}
