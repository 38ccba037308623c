//! Readiness: the ready command has exited 0, READY=1 has come, and the daemon lives and has its claim.

use crate::claim::mode::Launch;
use crate::claim::ready_command::ReadyCommand;
use crate::claim::replaced;
use crate::claim::start::{Daemon, Start};
use racefree::cli::exit::Exit;
use racefree::cli::status_line::StatusLine;
use racefree::error::Result;
use racefree::event::deadline::{Deadline, Pause};
use racefree::event::{Watched, ready_by};
use racefree::process::child::Ended;
use racefree::process::procfs;
use std::os::fd::AsFd;
use std::time::Duration;

/// The messages of the daemon about itself.
#[derive(Default)]
struct Notified {
    ready: bool,
    status: Option<String>,
    error: Option<String>,
}

/// The events that the wait looks at, in the order of their weight. A daemon that has ended is not ready, whatever else
/// has arrived. Notifications come last, because any stranger may send them without end.
#[derive(Clone, Copy)]
enum Source {
    Daemon,
    Answer,
    AnswersOutput,
    Notification,
}

/// Waits until the daemon is ready.
pub(crate) fn wait(start: &mut Start<'_>, daemon: &mut Daemon) -> Result<()> {
    let mut notified = Notified { ready: start.notify.is_none(), ..Notified::default() };
    let begin = |line| ReadyCommand::begin(line, &start.options.pidfile, daemon.pid, start.attempt.events());
    let mut command = start.options.detached.ready.as_deref().map(begin).transpose()?;
    let mut line = StatusLine::begin();
    while command.is_some() || !notified.ready {
        line.show(|| {
            let status = notified.status.as_deref().map_or(String::new(), |status| format!(": {status}"));
            format!("waiting for {} to be ready{status}", start.options.name())
        });
        let mut sources = vec![(Source::Daemon, daemon.child.process().as_fd())];
        sources.extend(command.iter().map(|command| (Source::Answer, command.as_fd())));
        sources.extend(command.iter().filter_map(|command| Some((Source::AnswersOutput, command.output()?))));
        sources.extend(start.notify.iter().map(|socket| (Source::Notification, socket.as_fd())));
        let watched: Vec<Watched> = sources.iter().map(|(_, descriptor)| Watched::Read(*descriptor)).collect();
        let late = || late(&notified, command.as_ref());
        match start.next(&watched, line.due(), late)?.map(|place| sources[place].0) {
            None => {}
            Some(Source::Daemon) => {
                hear(start, daemon, &mut notified)?;
                return Err(early_death_said(start, daemon, &notified));
            }
            Some(Source::Notification) => hear(start, daemon, &mut notified)?,
            Some(Source::Answer) => {
                hear(start, daemon, &mut notified)?;
                judge(start, command.take())?;
            }
            Some(Source::AnswersOutput) => command.iter_mut().for_each(ReadyCommand::drain),
        }
    }
    if start.options.detached.ready.is_none() && start.notify.is_none() {
        let_settle(start, daemon)?;
    }
    alive_and_claimed(start, daemon, &notified)
}

/// Gives a daemon without a ready check a moment in which many starts fail: the daemon ends, closes its descriptors, or
/// writes its own PID file. The moment is over once the daemon sleeps.
fn let_settle(start: &Start<'_>, daemon: &Daemon) -> Result<()> {
    const MOMENT: Duration = Duration::from_millis(100);
    let (pause, moment) = (Pause::begin(), Deadline::after(MOMENT));
    while !moment.passed() && !procfs::stat(daemon.pid).is_some_and(|stat| stat.asleep) {
        let watched = [Watched::Read(daemon.child.process().as_fd())];
        if start.next(&watched, pause.next().or(moment), || "not ready".into())?.is_some() {
            break;
        }
    }
    Ok(())
}

fn late(notified: &Notified, command: Option<&ReadyCommand>) -> String {
    let said = notified.status.as_deref().map_or(String::new(), |status| format!(" (it says: {status})"));
    let late = format!("not ready{said}");
    command.map_or(late.clone(), |command| command.late(&late))
}

fn judge(start: &Start<'_>, command: Option<ReadyCommand>) -> Result<()> {
    let Some(mut command) = command else { return Ok(()) };
    match command.answer()? {
        Ended::Status(0) => Ok(()),
        no => Err(start.attempt.failure(Exit::No, command.refusal(no))),
    }
}

/// Checks that the daemon lives and has its claim. Race: dies-as-ready (docs/races.md). It may have died or lost its
/// claim at the moment of the answer.
fn alive_and_claimed(start: &Start<'_>, daemon: &mut Daemon, notified: &Notified) -> Result<()> {
    if daemon.child.process().has_ended()? {
        return Err(early_death_said(start, daemon, notified));
    }
    if !start.held.still_has(daemon.pid)? {
        // A dying process loses its descriptors first, and its pidfd reports the end a moment later.
        const MOMENT: Duration = Duration::from_millis(100);
        if ready_by(daemon.child.process().as_fd(), Deadline::after(MOMENT))? {
            return Err(early_death_said(start, daemon, notified));
        }
        let instead = match start.launch {
            Launch::Direct | Launch::Supervised => "start it with --supervise",
            Launch::Forking => "keep it in the foreground with --supervise",
        };
        let why = format!("it has closed the descriptor of its claim; {instead}");
        return Err(start.attempt.failure(Exit::Failed, why));
    }
    if !start.held.still_at_path() {
        return Err(start.attempt.failure(Exit::Failed, replaced::why(&start.options.pidfile)));
    }
    Ok(())
}

/// The failure of a start whose daemon has ended.
pub(crate) fn early_death(start: &Start<'_>, daemon: &mut Daemon) -> anyhow::Error {
    early_death_said(start, daemon, &Notified::default())
}

fn early_death_said(start: &Start<'_>, daemon: &mut Daemon, notified: &Notified) -> anyhow::Error {
    start.learn_name(daemon.pid);
    // Only the parent of a process knows how it ended.
    let how = daemon.child.reap().map_or("has ended".into(), |ended| ended.to_string());
    let said = [&notified.error, &notified.status].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    let said = if said.is_empty() { String::new() } else { format!(" (it said: {said})") };
    start.attempt.failure(Exit::NotRunning, format!("it {how} before it was ready{said}"))
}

fn hear(start: &mut Start<'_>, daemon: &Daemon, notified: &mut Notified) -> Result<()> {
    let Some(socket) = &start.notify else { return Ok(()) };
    for message in socket.read(&start.family, daemon.pid)? {
        notified.ready |= message.ready;
        notified.status = message.status.or(notified.status.take());
        notified.error = message.error.or(notified.error.take());
        if let Some(more) = message.extend {
            start.attempt.extend(Deadline::after(more));
        }
    }
    Ok(())
}
