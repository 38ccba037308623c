//! `--timeout`, `--for`, `--idle`, `--while`, `--no-follow`: what ends a run besides the lines.

use clap::Args;
use racefree::claim::process_arg::ProcessArg;
use racefree::event::deadline::Deadline;
use racefree::event::duration::{Limit, parse_duration};
use std::time::Duration;

const STOP: &str = "When to stop";

/// When to stop watching.
#[derive(Debug, Args)]
pub(crate) struct StopWhen {
    /// Give up after DUR, with exit code 124
    #[arg(long, help_heading = STOP, value_name = "DUR", default_value = "none", value_parser = Limit::parse)]
    pub(crate) timeout: Limit,
    /// No error for DUR is success (with COMMAND: for DUR after it succeeded)
    #[arg(long = "for", help_heading = STOP, value_name = "DUR", value_parser = parse_duration, conflicts_with = "ready")]
    pub(crate) good_for: Option<Duration>,
    /// Give up when no LOG has grown for DUR, with exit code 124
    ///
    /// The log of a daemon that buffers its output may not grow although the daemon is well.
    #[arg(long, help_heading = STOP, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) idle: Option<Duration>,
    /// Give up when this process is gone, with exit code 3; its last lines are judged first
    ///
    /// With COMMAND, the process is looked for after COMMAND has succeeded, because COMMAND may start it.
    #[arg(long = "while", help_heading = STOP, value_name = "pidfile:PATH|pid:N")]
    pub(crate) process: Option<ProcessArg>,
    /// Decide at the N-th ready line; without --ready at the N-th error line
    ///
    /// postgres, for one, says "ready to accept connections" twice during its first start.
    #[arg(long, help_heading = STOP, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// With --count: N error lines within DUR decide, by the time when they are read
    #[arg(long = "within", help_heading = STOP, value_name = "DUR", value_parser = parse_duration, requires = "count")]
    #[arg(conflicts_with_all = ["ready", "no_follow"])]
    pub(crate) within_time: Option<Duration>,
    /// After a line has decided, read stdin to its end, so that the writer does not die of SIGPIPE
    #[arg(long, help_heading = STOP)]
    pub(crate) drain: bool,
    /// Judge LOG to its end and exit: 1 if an error was seen, else 0 (with --ready: 1 if that was not seen)
    #[arg(long, help_heading = STOP, conflicts_with_all = ["good_for", "idle", "process", "timeout", "command"])]
    pub(crate) no_follow: bool,
    /// Send KILL if COMMAND has not ended DUR after TERM
    ///
    /// `pidfile claim --background` needs this time to stop the daemon that it has started.
    #[arg(long, help_heading = STOP, value_name = "DUR", default_value = "10s", value_parser = parse_duration)]
    pub(crate) kill_after: Duration,
}

impl StopWhen {
    /// True if watching goes on after COMMAND has succeeded.
    pub(crate) fn outlast_command(&self) -> bool {
        self.good_for.is_some() || self.process.is_some()
    }

    /// The deadline for the lock of the cursor file. Without --timeout there is no wait, so that runs from cron do not pile up.
    pub(crate) fn patience(&self) -> Deadline {
        Deadline::after(self.within().unwrap_or_default())
    }

    /// The length of --timeout, where it has one.
    pub(crate) fn within(&self) -> Option<Duration> {
        match self.timeout {
            Limit::AtMost(duration) => Some(duration),
            Limit::None => None,
        }
    }
}
