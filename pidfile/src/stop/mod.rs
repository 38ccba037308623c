//! `pidfile stop`: ask the claimants to end, and wait until processes and claims are gone.

mod old_text;
mod one_daemon;
mod options;
mod state;
mod workers;

pub(crate) use options::Stop;

use crate::stop::one_daemon::Stopping;
use racefree::cli;
use racefree::cli::exit::{Exit, ending};
use racefree::cli::output;
use racefree::cli::status_line::StatusLine;
use racefree::error::Result;
use racefree::event::deadline::{Deadline, Pause};
use racefree::event::{Watched, first_ready};

impl Stop {
    pub(crate) fn run(self) -> Result<Exit> {
        let deadline = Deadline::within(self.timeout);
        let mut kill_at = self.kill_after.map_or(Deadline::NEVER, Deadline::after);
        // This process has nothing to undo, so a signal ends it at once, by its default action.
        if let Some(backstop) = cli::end_by(deadline) {
            backstop.stay();
        }
        let mut all: Vec<Stopping> = self.pidfiles.iter().map(|path| Stopping::begin(&self, path)).collect();
        let (mut pause, mut status) = (Pause::begin(), StatusLine::begin());
        loop {
            if all.iter_mut().map(Stopping::look).fold(false, |any, news| any | news) {
                pause = Pause::begin();
            }
            if all.iter().all(Stopping::is_over) {
                return self.outcome(all);
            }
            status.show(|| all.iter().filter_map(Stopping::awaited).collect::<Vec<_>>().join("; "));
            let watched: Vec<Watched> = all.iter().flat_map(Stopping::watched).collect();
            // The end of a process is an event. A descriptor that is closed and a process that is forked give no event,
            // hence the pause.
            let look_again = if all.iter().any(Stopping::changes_unseen) { pause.next() } else { Deadline::NEVER };
            first_ready(&watched, deadline.or(kill_at).or(look_again).or(status.due()))?;
            if kill_at.passed() {
                kill_at = Deadline::NEVER;
                all.iter_mut().for_each(Stopping::kill);
            } else if deadline.passed() {
                all.iter_mut().for_each(|one| one.give_up(&self.timeout.after()));
            }
        }
    }

    /// Reports every failure. The one with the highest code decides the exit code.
    fn outcome(&self, all: Vec<Stopping>) -> Result<Exit> {
        let (ended, mut failed): (Vec<_>, Vec<_>) = all.into_iter().map(Stopping::outcome).partition(Result::is_ok);
        failed.sort_by_key(|failure| failure.as_ref().err().map(|e| ending(e).code()));
        if let Some(worst) = failed.pop() {
            failed.iter().filter_map(|failure| failure.as_ref().err()).for_each(output::failure);
            return worst;
        }
        let killed = ended.into_iter().flatten().any(|exit| exit == Exit::Killed);
        Ok(if killed { Exit::Killed } else { Exit::Done })
    }
}
