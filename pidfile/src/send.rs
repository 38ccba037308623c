//! The signals of one verb to pinned processes, and the account of them.

use racefree::error::{Context, Result};
use racefree::lock::holders::Holder;
use racefree::process::pidfd::PidFd;
use racefree::process::procfs;
use racefree::signal::Signal;
use serde::Serialize;
use std::cell::RefCell;
use std::path::Path;

/// Sends the signals that a verb sends because of one PID file.
pub(crate) struct Sender<'a> {
    verb: &'static str,
    pidfile: &'a Path,
    /// The account, if it is asked for.
    sent: Option<RefCell<Vec<Sent>>>,
}

/// A signal that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Sent {
    signal: String,
    pid: i32,
    command: Option<String>,
}

impl<'a> Sender<'a> {
    /// A sender that keeps an account only if it is `wanted`.
    pub(crate) fn new(verb: &'static str, pidfile: &'a Path, wanted: bool) -> Sender<'a> {
        Sender { verb, pidfile, sent: wanted.then(RefCell::default) }
    }

    /// Sends a signal; `false` if the process has ended. The error of a refused signal names the process and its user.
    pub(crate) fn send(&self, process: &PidFd, signal: Signal) -> Result<bool> {
        // A process that has ended has no command line.
        let command = self.sent.as_ref().and_then(|_| procfs::command_line(process.pid()));
        let sent = process.signal(signal).map_err(|e| e.context(self.act())).or_else(|e| {
            let denied = e.chain().any(|cause| cause.downcast_ref() == Some(&nix::errno::Errno::EPERM));
            match denied.then(|| procfs::user(process.pid())).flatten() {
                Some(user) => Err(nix::errno::Errno::EPERM).act(
                    &format!("{}: send {signal} to", self.act()),
                    format!("{}, which runs as {user}", Holder::new(process.pid())),
                ),
                None => Err(e),
            }
        })?;
        if let Some(account) = self.sent.as_ref().filter(|_| sent) {
            let pid = process.pid().as_raw();
            let new = Sent { signal: signal.to_string(), pid, command };
            let mut account = account.borrow_mut();
            // KILL is sent again and again until the process is gone.
            if !account.iter().any(|sent| sent.pid == new.pid && sent.signal == new.signal) {
                account.push(new);
            }
        }
        Ok(sent)
    }

    /// The signals that were sent, in their order; each signal to a process once.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.sent.as_ref().map(|account| account.borrow().clone()).unwrap_or_default()
    }

    fn act(&self) -> String {
        format!("{} {}", self.verb, self.pidfile.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::Pid;

    #[test]
    fn a_signal_that_is_sent_again_stands_in_the_account_once() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a number"));
        let process = PidFd::open(pid).expect("a pidfd").expect("it lives");
        let sender = Sender::new("stop", Path::new("p"), true);
        let sent =
            [Signal::CONT, Signal::CONT, Signal::KILL].map(|signal| sender.send(&process, signal).expect("sent"));
        child.wait().expect("it has ended");
        let account = sender.sent();
        assert_eq!(sent, [true; 3]);
        assert_eq!(account.iter().map(|sent| &*sent.signal).collect::<Vec<_>>(), ["SIGCONT", "SIGKILL"]);
        // A process that has ended gets no signal.
        assert!(!sender.send(&process, Signal::TERM).expect("an answer"));
        assert_eq!(sender.sent(), account);
    }
}
