//! A start in the background: the daemon runs, is ready, and holds its claim; or nothing of it is left.

use crate::claim::{self, BackgroundOptions};
use crate::log::Log;
use racefree_core::child::{self, Child};
use racefree_core::claim::Held;
use racefree_core::error::{Doing, Result, refusal};
use racefree_core::events::{Event, Events, Watched};
use racefree_core::exit::Exit;
use racefree_core::family::Family;
use racefree_core::signal::Signal;
use racefree_core::time::{Deadline, Limit, for_people};
use racefree_core::voice::{self, StatusLine};
use rustix::io::Errno;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Starts COMMAND as a daemon that has claimed `pidfile`, and waits until it is ready.
pub(crate) fn in_background(pidfile: &Path, words: &[OsString], options: &BackgroundOptions) -> Result<Exit> {
    let deadline = Deadline::within(options.timeout);
    let log = options.log.as_deref().map(Log::open).transpose()?;
    let events = Events::armed_for_orphans()?;
    let family = Family::adopt()?;
    let start = Start { pidfile, words, options, deadline, log, events, held: claim::ours(pidfile)? };
    let mut daemon = start.spawn_daemon()?;
    voice::detail(|| format!("started {} as process {}", words[0].display(), daemon.process().pid()));
    let Err(failure) = start.wait_until_ready(&mut daemon) else { return Ok(Exit::Done) };
    family.end(&start.events, options.kill_after)?;
    Err(start.with_last_words(failure))
}

struct Start<'a> {
    pidfile: &'a Path,
    words: &'a [OsString],
    options: &'a BackgroundOptions,
    deadline: Deadline,
    log: Option<Log<'a>>,
    events: Events,
    held: Held,
}

impl Start<'_> {
    fn spawn_daemon(&self) -> Result<Child> {
        let mut command = child::command(self.words);
        command.stdin(Stdio::null());
        for into in [Command::stdout, Command::stderr] {
            into(&mut command, self.log.as_ref().map_or(Ok(Stdio::null()), Log::for_writing)?);
        }
        child::inherit_only(&self.options.keep_fd)?;
        let naming = self.held.naming();
        child::before_exec(&mut command, move || {
            rustix::process::setsid()?;
            naming.take()
        });
        Child::try_spawn(&mut command, &self.events)?.map_err(|e| self.not_started(&e))
    }

    /// Nothing runs, so the file is to look as if nothing had been tried.
    fn not_started(&self, error: &io::Error) -> anyhow::Error {
        if let Err(e) = self.held.put_back_text() {
            return e;
        }
        // These come from the claim's own steps; execve(2) has none of them.
        let of_the_claim = [Errno::AGAIN, Errno::NOSPC, Errno::IO, Errno::DQUOT, Errno::FBIG, Errno::NOLCK];
        match Errno::from_io_error(error) {
            Some(errno) if of_the_claim.contains(&errno) => {
                anyhow::Error::from(errno).context(format!("record the PID in {}", self.pidfile.display()))
            }
            _ => child::not_executed(&self.words[0], error),
        }
    }

    fn wait_until_ready(&self, daemon: &mut Child) -> Result<()> {
        let Some(line) = &self.options.ready else { return Ok(()) };
        let pid = daemon.process().pid();
        let mut check = child::shell(line);
        check.env("PIDFILE", self.pidfile).env("PIDFILE_PID", pid.to_string());
        check.stdin(Stdio::null()).stdout(io::stderr().as_fd().try_clone_to_owned().doing("share", "stderr")?);
        // A group of its own: a Ctrl-C is ours to handle, and what is left of it is found as our descendant.
        check.process_group(0);
        let mut check = Child::spawn(&mut check, &self.events)?;
        let mut status = StatusLine::begin();
        loop {
            status.show(|| format!("waiting for {} to be ready", self.words[0].display()));
            let watched = [Watched::Read(daemon.process().as_fd()), Watched::Read(check.process().as_fd())];
            match self.events.next(&watched, self.deadline.or(status.due()))? {
                Event::Signal(arrived) if arrived.signal == Signal::CHLD => {}
                Event::Signal(arrived) => {
                    return Err(self.failure(Exit::Signalled(arrived.signal), format!("{} arrived", arrived.signal)));
                }
                Event::Ready(0) => return Err(self.early_death(daemon)?),
                Event::Ready(_) => match check.reap()? {
                    Exit::Status(0) => return self.ready_alive_and_claimed(daemon),
                    no => return Err(self.failure(Exit::No, format!("the ready command {}", child::how_it_ended(no)))),
                },
                Event::Deadline if self.deadline.passed() => {
                    return Err(self.failure(Exit::TimedOut, format!("not ready {}", self.in_time())));
                }
                Event::Deadline => {}
            }
        }
    }

    /// Ready is not enough: it may have died or lost its claim at the very moment of the answer.
    fn ready_alive_and_claimed(&self, daemon: &mut Child) -> Result<()> {
        if daemon.process().has_ended()? {
            return Err(self.early_death(daemon)?);
        }
        if !self.held.still_has(daemon.process().pid())? {
            let why = "it has closed the descriptor of its claim; start it with --supervise";
            return Err(self.failure(Exit::Failed, why.into()));
        }
        Ok(())
    }

    fn early_death(&self, daemon: &mut Child) -> Result<anyhow::Error> {
        let how = child::how_it_ended(daemon.reap()?);
        Ok(self.failure(Exit::NotRunning, format!("it {how} before it was ready")))
    }

    fn failure(&self, exit: Exit, why: String) -> anyhow::Error {
        refusal(exit, format!("start {}: {why}", self.words[0].display()))
    }

    fn in_time(&self) -> String {
        match self.options.timeout {
            Limit::AtMost(duration) => format!("after {}", for_people(duration)),
            Limit::None => "yet".into(),
        }
    }

    /// The failure, and the last line of what the log gained.
    fn with_last_words(&self, failure: anyhow::Error) -> anyhow::Error {
        let Some(log) = &self.log else { return failure };
        let exit = racefree_core::error::ending(&failure);
        let last = match log.last_line_gained() {
            Some(line) => format!("the last line of {} is: {line}", log.path().display()),
            None => format!("{} gained no line", log.path().display()),
        };
        refusal(exit, format!("{}; {last}", racefree_core::error::sentence(&failure)))
    }
}
