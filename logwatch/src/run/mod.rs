//! One run: scan the logs once or watch them, alone or while COMMAND runs, until something decides.

mod begin;
mod command;
mod drain;
mod judging;
mod scan;
mod session;
mod threshold;
mod wait;
mod watch;
mod watch_loop;

use crate::input::budget::Budget;
use crate::input::cursor_file::CursorFile;
use crate::input::log_names::LogNames;
use crate::input::noting;
use crate::matching::matcher::Matcher;
use crate::options::Cli;
use crate::output::printer::Printer;
use begin::Beginnings;
use command::Started;
use racefree::cli::end_by;
use racefree::cli::exit::{Exit, ending, exit_as};
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::process::child;
use session::{Rules, Session};
use std::path::PathBuf;
use threshold::Threshold;

/// Runs the utility.
///
/// # Errors
/// Wrong usage; a log or the cursor file cannot be used; the deadline has passed.
pub fn run(cli: Cli) -> Result<Exit> {
    let names = LogNames::new(&cli.logs, &cli.start_at.archives);
    if cli.mark {
        return print_marks(&names);
    }
    let matcher = Matcher::of(&cli.patterns)?;
    cli.check(&matcher)?;
    let until = Deadline::within(cli.stop_when.timeout);
    // A COMMAND would be left behind.
    let backstop = if cli.command.is_empty() { end_by(until) } else { None };
    let file = cli.start_at.cursor_file.as_deref().map(|file| CursorFile::open(file, cli.stop_when.patience()));
    let file = file.transpose()?;
    let unless_told = if cli.stop_when.no_follow || file.is_some() { "start" } else { "end" };
    let no_follow = cli.stop_when.no_follow;
    let begin = Beginnings::of(&cli.start_at, &names, file.as_ref(), unless_told, no_follow && file.is_none())?;
    let ready_wanted = cli.patterns.ready.is_some();
    let rules = Rules {
        first_decides: !no_follow || ready_wanted,
        tail_lines: if cli.command.is_empty() { 0 } else { cli.show },
        saves: file.is_some(),
        collects_signals: !cli.command.is_empty() || file.is_some() && !no_follow,
    };
    let printer = Printer::new(&cli.shown, &matcher, names.are_several());
    let threshold = Threshold::of(&cli.stop_when, ready_wanted);
    let at_once = if no_follow { 0 } else { begin.count() };
    let budget = Budget::until(until);
    let logs = (0..at_once).map(|at| begin.follow(at, &budget)).collect::<Result<_>>()?;
    let mut session = Session::new(&matcher, printer, names, logs, threshold, rules)?;
    let exit = if no_follow { scan::scan(&mut session, &begin, ready_wanted) } else { cli.watch(&mut session, until) };
    drop(backstop);
    session.printer.count_rest();
    if cli.stop_when.drain {
        session.drain()?;
    }
    if let Some(file) = file {
        session.note_in(file, exit.as_ref().map_or_else(is_an_answer, |_| true))?;
    }
    exit
}

fn print_marks(names: &LogNames) -> Result<Exit> {
    for log in names.found() {
        output::print(format!("{}\n", noting::mark(&names.of(&log))?))?;
    }
    Ok(Exit::Done)
}

fn is_an_answer(error: &anyhow::Error) -> bool {
    matches!(ending(error), Exit::TimedOut | Exit::NotRunning)
}

impl Cli {
    /// A program among the logs is probably a COMMAND without its `--`. It may be a log that is made later, too.
    fn warn_of_a_command(&self) {
        let is_program =
            |log: &&PathBuf| log.components().count() == 1 && !log.exists() && child::find(log.as_os_str()).is_ok();
        if let Some(program) = self.logs.iter().skip(1).find(is_program).filter(|_| self.command.is_empty()) {
            let name = program.display();
            output::notice(&format!("there is no log {name}, but a program; did you mean: -- {name}"));
        }
    }

    fn check(&self, matcher: &Matcher) -> Result<()> {
        self.warn_of_a_command();
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
        if self.command.is_empty() {
            return self.watch_logs(session, until);
        }
        let goes_on = ready_wanted || self.stop_when.outlast_command();
        let mut started = Started::spawn(&self.command, session, &self.stop_when, goes_on)?;
        let ended = started.watch_over(session, until)?;
        if ended != Exit::Status(0) || !goes_on {
            return Ok(ended);
        }
        let judged = self.watch_logs(session, until);
        if !matches!(judged, Ok(Exit::Done)) {
            started.undo(session)?;
        }
        judged
    }

    fn watch_logs(&self, session: &mut Session<'_>, until: Deadline) -> Result<Exit> {
        watch::watch(&self.stop_when, session, until, self.patterns.ready.is_some())
    }
}
