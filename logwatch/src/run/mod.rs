//! One run: scan the logs once or watch them, alone or while COMMAND runs, until something decides.

mod command;
mod scan;
mod session;
mod wait;
mod watch;

use crate::input::cursor_file::CursorFile;
use crate::input::{log_names, rotation};
use crate::matching::matcher::Matcher;
use crate::options::Cli;
use crate::output::printer::Printer;
use racefree_core::cli::exit::{Exit, ending, exit_as};
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::process::child;
use session::Session;

/// Runs the utility.
///
/// # Errors
/// Wrong usage; a log or the cursor file cannot be used; the deadline has passed.
pub fn run(mut cli: Cli) -> Result<Exit> {
    cli.logs = log_names::expanded(&cli.logs)?;
    if cli.mark {
        return cli.print_marks();
    }
    let matcher = Matcher::of(&cli.patterns)?;
    cli.check(&matcher)?;
    let until = Deadline::within(cli.stop_when.timeout);
    let file = cli.start_at.cursor_file.as_deref().map(|file| CursorFile::open(file, cli.stop_when.patience()));
    let file = file.transpose()?;
    let unless_told = if cli.stop_when.no_follow || file.is_some() { "start" } else { "end" };
    let logs = log_names::followers(&cli.start_at, &cli.logs, file.as_ref(), unless_told)?;
    let first_decides = !cli.stop_when.no_follow || cli.patterns.ready.is_some();
    let printer = Printer::new(&cli.shown, &matcher, logs.len());
    let tail_lines = if cli.command.is_empty() { 0 } else { cli.show };
    let mut session = Session::new(&matcher, printer, logs, tail_lines, first_decides)?;
    let exit = cli.watch(&mut session, until);
    match file {
        // A run that failed to read or to print must not move the cursor: the next run judges those lines again.
        Some(file) if exit.as_ref().map_or_else(is_an_answer, |_| true) => file.note(&cli.logs, session.cursors())?,
        _ => {}
    }
    exit
}

fn is_an_answer(error: &anyhow::Error) -> bool {
    matches!(ending(error), Exit::TimedOut | Exit::NotRunning)
}

impl Cli {
    fn print_marks(&self) -> Result<Exit> {
        for log in &self.logs {
            output::print(format!("{}\n", rotation::mark(log)?))?;
        }
        Ok(Exit::Done)
    }

    fn check(&self, matcher: &Matcher) -> Result<()> {
        let wrong = |why: &str| Err(exit_as(Exit::Usage, format!("watch: {why}")));
        if self.shown.capture && !matcher.captures_something() {
            return wrong("--capture needs a group in the pattern of --ready, such as 'port (\\d+)'");
        }
        match self.command.first() {
            Some(_) if self.logs.iter().any(|log| log.as_os_str() == "-") => wrong("stdin is COMMAND's own"),
            Some(command) => child::find(command),
            None if self.patterns.error.is_empty() && self.patterns.ready.is_none() => {
                wrong("nothing to look for: give -e REGEX, --ready REGEX or -- COMMAND")
            }
            None => Ok(()),
        }
    }

    fn watch(&self, session: &mut Session<'_>, until: Deadline) -> Result<Exit> {
        let ready_wanted = self.patterns.ready.is_some();
        if self.stop_when.no_follow {
            return scan::scan(session, ready_wanted);
        }
        if !self.command.is_empty() {
            let ended = command::run(&self.command, session, &self.stop_when, until)?;
            if ended != Exit::Status(0) || !ready_wanted && !self.stop_when.outlast_command() {
                return Ok(ended);
            }
        }
        let logs: Vec<String> = self.logs.iter().map(|log| log.display().to_string()).collect();
        watch::watch(&self.stop_when, session, until, &logs.join(", "), ready_wanted)
    }
}
