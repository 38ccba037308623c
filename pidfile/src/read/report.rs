//! The report of `pidfile read` about a file: a JSON object, or a row of a table. `pidfile claim --json` prints the object
//! too.

use racefree::claim::pid_text::Text;
use racefree::claim::status::Status;
use racefree::cli::exit::Exit;
use racefree::error::Result;
use racefree::event::duration::for_people;
use racefree::lock::holders::{self, Holder};
use racefree::process::pidfd::PidFd;
use racefree::process::procfs::{self, Stat};
use racefree::text::{self, one_line};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// The facts about one file.
#[derive(Serialize)]
pub(crate) struct Report {
    path: String,
    state: &'static str,
    pid: Option<i32>,
    evidence: Option<&'static str>,
    holders: Vec<ReportedHolder>,
    command: Option<String>,
    started: Option<f64>,
    /// Why nobody is believed, or why a claim was refused.
    reason: Option<String>,
    #[serde(skip)]
    lives: bool,
    #[serde(skip)]
    age: Option<Duration>,
    #[serde(skip)]
    pub(crate) exit: Exit,
}

#[derive(Serialize)]
struct ReportedHolder {
    pid: i32,
    command: Option<String>,
}

impl Report {
    pub(crate) fn of(path: &Path, reading: &Status, reason: Option<String>) -> Report {
        let (pid, evidence, holders) = match reading {
            Status::Held(claimant) => (Some(claimant.pid), Some(claimant.evidence.word()), vec![]),
            Status::Orphaned(pid, holders) => (Some(*pid), None, holders.seen.clone()),
            Status::Stale(Text::Names(pid)) | Status::Unfit(pid, _) => (Some(*pid), None, vec![]),
            Status::Stale(_) | Status::Absent | Status::Unknown(_) | Status::Unreadable(_) => (None, None, vec![]),
        };
        let living = pid.filter(|_| evidence.is_some());
        let started = living.and_then(procfs::stat).as_ref().map(Stat::started);
        Report {
            path: path.to_string_lossy().into_owned(),
            state: reading.word(),
            pid: pid.map(|pid| pid.as_raw()),
            evidence,
            holders: holders.iter().map(ReportedHolder::from).collect(),
            command: living.and_then(procfs::command_line),
            reason,
            lives: pid.is_some_and(PidFd::is_alive),
            started: started.and_then(seconds),
            age: started.and_then(|moment| moment.elapsed().ok()),
            exit: Exit::from(reading),
        }
    }

    /// Adds the visible holders of the lock, which takes a look at every process.
    pub(crate) fn with_holders(self) -> Report {
        if self.holders.is_empty() && matches!(self.exit, Exit::Done | Exit::Unknown) {
            return self.with_all_holders();
        }
        self
    }

    /// Adds the visible holders of the lock, whatever the state of the file.
    pub(crate) fn with_all_holders(mut self) -> Report {
        self.holders = holders::at(Path::new(&self.path)).seen.iter().map(ReportedHolder::from).collect();
        self
    }

    /// The object, on a line.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(format!("{}\n", text::json(&serde_json::to_string(self)?)))
    }

    fn cells(&self) -> [String; 6] {
        let or_dash = |cell: Option<String>| cell.unwrap_or_else(|| "-".into());
        [
            one_line(&self.path),
            self.state.into(),
            or_dash(self.pid.map(|pid| self.pid_cell(pid))),
            or_dash(self.evidence.map(str::to_owned)),
            or_dash(self.age.map(for_people)),
            or_dash(
                self.command
                    .as_ref()
                    .or(self.reason.as_ref().filter(|_| self.exit == Exit::Unknown))
                    .map(|c| one_line(c)),
            ),
        ]
    }

    /// A PID that is not the claimant's, and whether a process has it.
    fn pid_cell(&self, pid: i32) -> String {
        match (self.evidence, self.lives) {
            (Some(_), _) => pid.to_string(),
            (None, true) => format!("{pid} (alive)"),
            (None, false) => format!("{pid} (dead)"),
        }
    }
}

/// The reports in columns. The widest cell decides the width of a column.
pub(crate) fn table(reports: &[Report]) -> String {
    let heading = ["PIDFILE", "STATE", "PID", "EVIDENCE", "AGE", "COMMAND"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(heading).chain(reports.iter().map(Report::cells)).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}

impl From<&Holder> for ReportedHolder {
    fn from(holder: &Holder) -> Self {
        ReportedHolder { pid: holder.pid.as_raw(), command: holder.command.clone() }
    }
}

fn seconds(moment: SystemTime) -> Option<f64> {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((since.as_secs_f64() * 100.0).round() / 100.0)
}
