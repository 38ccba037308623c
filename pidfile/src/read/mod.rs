//! `pidfile read`: print the claimant of a PID file.

mod report;

pub(crate) use crate::read::report::Report;

use crate::unlocked::Unlocked;
use clap::Args;
use racefree::claim::status::Status;
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::error::Result;
use racefree::lock::holders::{self, Holder};
use racefree::text::one_line;
use std::path::{Path, PathBuf};

/// Print the PID of the living process that has claimed PIDFILE
///
/// pidfile prints the PID only if it is true at this moment: it asks the kernel whether this very process holds the
/// claim. It needs read permission only, does not wait, and disturbs no start or stop. For several files it prints a
/// table, and exits with the highest code.
#[derive(Debug, Args)]
#[command(override_usage = "pidfile read [-q] [--unlocked [--exe PATH]] PIDFILE...\n       \
    pidfile read {--json|--table|--holders} [--unlocked [--exe PATH]] PIDFILE...")]
pub(crate) struct Read {
    /// Print one JSON object for each file: path, state, pid, evidence, holders, command, started, reason
    ///
    /// state is held, empty, stale, orphaned, absent or unknown, and reason says why it is not held. evidence is
    /// vouched (the kernel names the process as the owner of the byte lock), descriptor (the process has a descriptor
    /// that holds the lock) or recorded (only the file names the process). holders are the processes that visibly have
    /// the lock, among them workers that inherited it. started is in seconds since the epoch.
    #[arg(long, help_heading = "Output", conflicts_with_all = ["table", "holders"])]
    json: bool,
    /// Print a table, also for one file
    #[arg(long, help_heading = "Output", conflicts_with = "holders")]
    table: bool,
    /// Print every process that visibly holds the lock: PID and command, one per line
    ///
    /// The holders are the claimant, workers that inherited the lock, and the successor of a restart that runs. Only root
    /// can see the holders among other users' processes.
    #[arg(long, help_heading = "Output")]
    holders: bool,
    #[command(flatten)]
    unlocked: Unlocked,
    /// The PID file
    #[arg(required = true, value_name = "PIDFILE")]
    pidfiles: Vec<PathBuf>,
}

impl Read {
    /// Without options.
    pub(crate) fn of(pidfiles: Vec<PathBuf>) -> Read {
        Read { json: false, table: false, holders: false, unlocked: Unlocked::default(), pidfiles }
    }

    pub(crate) fn run(self, quiet: bool) -> Result<Exit> {
        if self.table || (self.pidfiles.len() > 1 && !self.json && !self.holders) {
            let reports: Vec<_> = self.pidfiles.iter().map(|path| self.row(path, &self.unlocked.read(path))).collect();
            if !quiet {
                output::print(report::table(&reports))?;
            }
            return Ok(worst(reports.iter().map(|report| report.exit)));
        }
        let exits = self.pidfiles.iter().map(|path| self.one(path, quiet));
        exits.collect::<Result<Vec<Exit>>>().map(|exits| worst(exits.into_iter()))
    }

    fn report(&self, path: &Path, reading: &Status) -> Report {
        let reason = (!matches!(reading, Status::Held(_))).then(|| self.unlocked.in_words(reading));
        Report::of(path, reading, reason)
    }

    /// A table shows the reason only where nothing is known.
    fn row(&self, path: &Path, reading: &Status) -> Report {
        let reason = (Exit::from(reading) == Exit::Unknown).then(|| self.unlocked.in_words(reading));
        Report::of(path, reading, reason)
    }

    fn one(&self, path: &Path, quiet: bool) -> Result<Exit> {
        let reading = self.unlocked.read(path);
        let exit = Exit::from(&reading);
        match &reading {
            _ if self.json => {
                let report = self.report(path, &reading).with_holders();
                if !quiet {
                    output::print(report.json()?)?;
                }
            }
            _ if self.holders && !matches!(reading, Status::Absent) => say_holders(path)?,
            Status::Held(claimant) if !quiet => output::print(format!("{}\n", claimant.pid))?,
            Status::Held(_) => {}
            // An error, which nothing silences.
            Status::Unreadable(why) => output::error(why),
            _ => output::notice(&format!("read {}: {}", path.display(), self.unlocked.in_words(&reading))),
        }
        Ok(exit)
    }
}

fn say_holders(path: &Path) -> Result<()> {
    let holders = holders::at(path);
    if holders.cut_short {
        output::notice(&format!(
            "read {}: there may be other holders: too many descriptors to look at",
            path.display()
        ));
    }
    let lines = holders.seen.into_iter().map(|Holder { pid, command }| {
        let command = command.unwrap_or_default();
        format!("{pid} {}\n", one_line(&command))
    });
    output::print(lines.collect::<String>())
}

fn worst(exits: impl Iterator<Item = Exit>) -> Exit {
    exits.max_by_key(|exit| exit.code()).unwrap_or(Exit::Done)
}
