//! `pidfile claim`: claim PIDFILE, then become COMMAND, or start it in the background.

mod account;
mod attempt;
mod background;
mod daemon_log;
mod ensure;
mod forking;
mod hold;
mod kept_output;
mod leftovers;
mod mode;
mod options;
mod ready;
mod ready_command;
mod replace;
mod replaced;
mod role;
mod run_as;
pub(crate) mod sd_notify;
mod service_manager;
mod shell_fd;
mod start;
mod supervise;
mod tail;
mod watcher;

pub(crate) use crate::claim::options::Claim;
pub(crate) use crate::claim::supervise::{Supervisor, VERB as SUPERVISOR_VERB};

use crate::claim::daemon_log::Output;
use crate::claim::mode::Mode;
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::{Context, Result};
use racefree::process::child;

impl Claim {
    pub(crate) fn run(mut self) -> Result<Exit> {
        self.run_to_the_end().map_err(|e| hold::ended(&self, e))
    }

    fn run_to_the_end(&mut self) -> Result<Exit> {
        let mode = Mode::of(self);
        if let Mode::ShellDescriptor(fd) = mode {
            return shell_fd::claim(fd, self.pid, self.terms(), &self.pidfile);
        }
        if self.pid_from.as_ref() == Some(&self.pidfile) {
            let why =
                "--pid-from is PIDFILE itself: let the daemon write another file, for many remove theirs at the end";
            return Err(exit_as(Exit::Usage, why));
        }
        self.change_directory()?;
        self.look_ahead()?;
        match mode {
            Mode::Replace(launch) => replace::replace(self, launch),
            Mode::Background(launch) => background::start(self, launch),
            Mode::Supervise => match hold::claim(self)? {
                Some(held) => supervise::in_foreground(self, &held),
                None => Ok(Exit::Done),
            },
            Mode::ShellDescriptor(_) | Mode::Become => self.become_command(),
        }
    }

    /// Checks everything that can be checked before anything is claimed or written.
    fn look_ahead(&self) -> Result<()> {
        child::find(&self.command[0])?;
        self.run_as.prepare()?;
        self.detached.log.as_deref().map_or(Ok(()), |log| Output::of(Some(log)).map(|_| ()))
    }

    /// Changes to the directory in which COMMAND runs. Paths that the user gave relative to the old directory keep
    /// their meaning.
    fn change_directory(&mut self) -> Result<()> {
        let Some(directory) = &self.chdir else { return Ok(()) };
        let log = self.detached.log.as_mut().filter(|log| log.as_os_str() != "-");
        let named = [Some(&mut self.pidfile), log, self.pid_from.as_mut()].into_iter().flatten();
        for path in named.chain(self.run_as.files_mut()) {
            *path = std::path::absolute(&path).act("find", path.display())?;
        }
        std::env::set_current_dir(directory).act("change to", directory.display())
    }

    /// Chain loading: this process claims the file, then becomes COMMAND.
    fn become_command(&self) -> Result<Exit> {
        let Some(held) = hold::claim(self)? else { return Ok(Exit::Done) };
        held.record_this_process()?;
        let mut command = child::command_to_become(&self.command);
        self.run_as.apply(&mut command)?;
        let error = child::become_command(command);
        held.unname()?;
        Err(error)
    }
}
