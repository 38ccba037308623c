//! The report about a lock that another process holds: the message, and under `--json` an object too.

use racefree::cli::output;
use racefree::error::{Result, sentence};
use racefree::lock::busy::BusyLock;
use racefree::lock::holders::Holder;
use racefree::process::procfs::{self, Stat};
use racefree::text;
use serde::Serialize;
use std::time::SystemTime;

/// The facts about the lock.
#[derive(Serialize)]
struct Report {
    path: Option<String>,
    descriptor: Option<i32>,
    holders: Vec<ReportedHolder>,
    waiting: usize,
    deadlock: bool,
    reason: String,
}

#[derive(Serialize)]
struct ReportedHolder {
    pid: i32,
    evidence: &'static str,
    name: Option<String>,
    command: Option<String>,
    user: Option<String>,
    started: Option<f64>,
}

/// Prints who holds the lock.
pub(crate) fn print(busy: &BusyLock) -> Result<()> {
    let mut holders: Vec<_> = busy.holders().iter().map(|holder| reported(holder, "descriptor")).collect();
    if holders.is_empty() {
        holders = busy.callers().map(|holder| reported(&holder, "caller")).collect();
    }
    let report = Report {
        path: busy.path().map(|path| path.to_string_lossy().into_owned()),
        descriptor: busy.descriptor(),
        holders,
        waiting: busy.waiting(),
        deadlock: busy.is_deadlock(),
        reason: sentence(&busy.error()),
    };
    output::print(format!("{}\n", text::json(&serde_json::to_string(&report)?)))
}

fn reported(holder: &Holder, evidence: &'static str) -> ReportedHolder {
    let Holder { pid, command } = holder.clone();
    let started = procfs::stat(pid).as_ref().map(Stat::started);
    ReportedHolder {
        pid: pid.as_raw(),
        evidence,
        name: procfs::name(pid),
        command,
        user: procfs::user(pid),
        started: started.and_then(seconds),
    }
}

/// The seconds since the epoch, as in `pidfile read --json`.
fn seconds(moment: SystemTime) -> Option<f64> {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((since.as_secs_f64() * 100.0).round() / 100.0)
}
