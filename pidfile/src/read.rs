//! `pidfile read`: who has claimed a PID file.

use clap::Args;
use racefree_core::error::{Result, refusal};
use racefree_core::exit::Exit;
use racefree_core::holders::Holder;
use racefree_core::procfs;
use racefree_core::reading::Reading;
use racefree_core::voice;
use serde::Serialize;
use std::path::PathBuf;
use std::time::SystemTime;

/// Print the PID of the living process that has claimed PIDFILE
///
/// The number is printed only if it is true at this moment: the kernel is asked whether this very process holds the
/// claim. Needs read permission only, waits for nobody, and disturbs no start or stop under way.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// Print one JSON object: path, state, pid, evidence, holders, command, started
    ///
    /// state is held, stale, orphaned, absent or unknown. evidence is vouched (by the kernel), descriptor (the process
    /// has one that holds the lock) or recorded (only the file says so). started is in seconds since the epoch.
    #[arg(long)]
    json: bool,
    /// The PID file
    pidfile: PathBuf,
}

#[derive(Serialize)]
struct Report {
    path: String,
    state: &'static str,
    pid: Option<i32>,
    evidence: Option<&'static str>,
    holders: Vec<ReportedHolder>,
    command: Option<String>,
    started: Option<f64>,
}

#[derive(Serialize)]
struct ReportedHolder {
    pid: i32,
    command: Option<String>,
}

impl Read {
    pub(crate) fn run(self, quiet: bool) -> Result<Exit> {
        let reading = Reading::of(&self.pidfile);
        if self.json {
            voice::answer(format!("{}\n", serde_json::to_string(&self.report(&reading))?))?;
            return Ok(reading.exit());
        }
        match &reading {
            Reading::Held(claimant) if !quiet => voice::answer(format!("{}\n", claimant.pid))?,
            Reading::Held(_) => {}
            Reading::Unknown(why) if why.contains(&*self.pidfile.to_string_lossy()) => {
                return Err(refusal(reading.exit(), why));
            }
            _ => voice::notice(&format!("read {}: {}", self.pidfile.display(), reading.in_words())),
        }
        Ok(reading.exit())
    }

    fn report(&self, reading: &Reading) -> Report {
        let (pid, evidence, holders) = match reading {
            Reading::Held(claimant) => (Some(claimant.pid), Some(claimant.evidence.word()), vec![]),
            Reading::Orphaned(pid, holders) => (Some(*pid), None, holders.iter().map(ReportedHolder::from).collect()),
            Reading::Stale(racefree_core::text::Text::Names(pid)) => (Some(*pid), None, vec![]),
            _ => (None, None, vec![]),
        };
        let living = pid.filter(|_| evidence.is_some());
        Report {
            path: self.pidfile.to_string_lossy().into_owned(),
            state: reading.word(),
            pid: pid.map(|pid| pid.as_raw_pid()),
            evidence,
            holders,
            command: living.and_then(procfs::command_line),
            started: living.and_then(procfs::stat).and_then(|stat| seconds(stat.started())),
        }
    }
}

impl From<&Holder> for ReportedHolder {
    fn from(holder: &Holder) -> Self {
        ReportedHolder { pid: holder.pid.as_raw_pid(), command: holder.command.clone() }
    }
}

fn seconds(moment: SystemTime) -> Option<f64> {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some((since.as_secs_f64() * 100.0).round() / 100.0)
}
