//! The command line.

use crate::meant;
use crate::policy::Policy;
use crate::sockets::SocketTables;
use crate::sockets::owner::SocketOwner;
use crate::target::ProbeOptions;
use crate::target::http::options::HttpOptions;
use crate::target::parse::{NamedTarget, TargetParser};
use crate::target::script::ConversationOptions;
use clap::{CommandFactory, Parser};
use racefree::claim::process_arg::ProcessArg;
use racefree::cli;
use racefree::cli::exit::{Ending, Exit, OF_A_COMMAND, exit_as};
use racefree::cli::output::Verbosity;
use racefree::error::Result;
use racefree::event::duration::{Limit, parse_duration};
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;

const WAIT: &str = "The wait";
const READY: &str = "What counts as ready";
const PROCESS: &str = "The process behind the targets";

/// Wait until every TARGET is ready (or gone), then become COMMAND
///
/// A TARGET is one of
///
///   tcp:HOST:PORT, HOST:PORT   a connection is accepted: tcp:db:5432, db:postgresql
///   listen:[HOST:]PORT         somebody listens here; nobody is connected to: listen:7000
///   udp:[HOST:]PORT            somebody has bound the UDP port here: udp:53
///   unix:PATH                  a connection is accepted: unix:/run/d.socket, unix:@abstract
///   http://... https://...     a request is answered with 200 to 399: http://me:secret@web/health
///   file:PATH                  the file exists, or one that a pattern matches: 'file:/run/*.ready'
///   nonempty:PATH              the file has content, or the directory an entry: nonempty:/spool
///   pidfile:PATH               a living process has claimed it, see pidfile(1): pidfile:/run/d.pid
///   pid:N                      the process lives; a zombie does not: pid:4711
///   lock:PATH                  somebody holds the lock, see withlock(1): lock:/run/d.lock
///   dns:NAME                   the name has an address: dns:db.example.org
///   free:[ADDRESS:]PORT        the TCP port can be bound here now: free:7000
///   exec:'SHELL COMMAND'       the command exits 0: 'exec:pg_isready -q'
///
/// waitfor tries all targets side by side, and all addresses of a HOST. It notices at once what the
/// kernel announces: files, processes, claims. It tries everything else again after a pause that is
/// 1 ms at first, then 5 % of the time waited, and at most 250 ms. On success it prints nothing.
/// When time runs out, it prints one line for each TARGET that was not ready, with the reason.
///
/// With --down, a TCP port is down when nobody answers. Its old connections may then be in
/// TIME_WAIT, which keeps a daemon without SO_REUSEADDR from the port: wait for free:PORT before
/// you start such a daemon.
// The brackets of the help text are no links.
#[allow(rustdoc::broken_intra_doc_links)]
#[derive(Debug, Parser)]
#[command(name = "waitfor", version, max_term_width = 100, verbatim_doc_comment)]
#[command(override_usage = "waitfor [OPTIONS] TARGET... [-- COMMAND [ARG]...]\n       \
    waitfor --down [OPTIONS] TARGET... [-- COMMAND [ARG]...]")]
pub struct Cli {
    /// How long to wait: 0 means one try of each TARGET, `none` means for ever
    #[arg(short, long, help_heading = WAIT, value_name = "DUR", default_value = "30s", value_parser = Limit::parse)]
    timeout: Limit,
    /// Give up with 3 as soon as this process is gone: pidfile:PATH or pid:N
    ///
    /// waitfor looks at the process once more after the last TARGET has answered: ready means ready and alive.
    #[arg(long = "while", help_heading = PROCESS, value_name = "PROCESS")]
    pub(crate) process: Option<ProcessArg>,
    /// The socket that answers must belong to this process or a descendant: pidfile:PATH or pid:N
    ///
    /// For tcp:, listen:, udp:, unix: and http(s): on this machine. waitfor asks the kernel whose socket it is, and
    /// never connects to another process: a stranger on the port is not the daemon.
    #[arg(long, help_heading = PROCESS, value_name = "PROCESS", conflicts_with_all = ["down", "proxy"])]
    by: Option<ProcessArg>,
    /// How long one try may take; a name that takes longer is looked up a second time
    #[arg(long, help_heading = WAIT, value_name = "DUR", default_value = "1s", value_parser = parse_duration)]
    attempt: Duration,
    /// The pause between two tries, instead of one that grows with the time waited
    #[arg(long, help_heading = WAIT, value_name = "DUR", value_parser = parse_duration)]
    interval: Option<Duration>,
    /// One TARGET is enough
    #[arg(long, help_heading = READY)]
    any: bool,
    /// Wait for the opposite: nothing answers, the file or process is gone, the lock or claim is free
    ///
    /// A state that is not known is not taken for down: a HOST whose name does not resolve is an error.
    #[arg(long, help_heading = READY, conflicts_with_all = ["send", "expect"])]
    down: bool,
    /// The TARGET must go on answering for DUR, the connection stay open, the file not change
    ///
    /// A forwarder that accepts and closes, a server that starts twice, a file that is still written are not ready.
    #[arg(long, help_heading = READY, value_name = "DUR", value_parser = parse_duration, default_value = "0")]
    stable: Duration,
    /// At the end, print one JSON object for each TARGET: target, ready, tries, reason, ms
    #[arg(long, help_heading = READY)]
    pub(crate) json: bool,
    #[command(flatten)]
    conversation: ConversationOptions,
    #[command(flatten)]
    verbosity: Verbosity,
    /// The targets that are awaited
    #[arg(required = true, value_name = "TARGET", value_parser = TargetParser)]
    pub(crate) targets: Vec<NamedTarget>,
    /// The program that this process becomes once all is ready, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
    // The last group, because its heading would also stand over the options after it.
    #[command(flatten)]
    pub(crate) http: HttpOptions,
}

/// The meaning of each exit code.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "every TARGET is ready; with COMMAND, its status"),
    (Exit::NotRunning, "the process named by --while is gone"),
    (Exit::TimedOut, "time ran out"),
    OF_A_COMMAND[0],
    OF_A_COMMAND[1],
];

impl cli::Cli for Cli {
    const NAME: &'static str = "waitfor";
    const ENDINGS: &'static [Ending] = ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    fn meant(typed: &[OsString]) -> Option<String> {
        meant::meant(&Cli::command(), typed)
    }
}

impl Cli {
    /// The options that hold for the wait as a whole.
    pub(crate) fn policy(&self) -> Result<Policy> {
        let Cli { timeout, attempt, interval, stable, any, down, .. } = *self;
        if matches!(timeout, Limit::AtMost(timeout) if !stable.is_zero() && timeout <= stable) {
            return Err(exit_as(Exit::Usage, "nothing can be stable for longer than --timeout"));
        }
        Ok(Policy { timeout, attempt, interval, stable, any, down })
    }

    /// The options that say how targets are tried.
    pub(crate) fn options(&self, tables: Rc<SocketTables>) -> ProbeOptions {
        let lasting = !self.stable.is_zero();
        let script = self.conversation.script(Some(self.stable).filter(|_| lasting && !self.down));
        let by = self.by.clone().map(|process| Rc::new(SocketOwner::new(process)));
        ProbeOptions { script, down: self.down, lasting, by, tables, http: self.http.clone(), attempt: self.attempt }
    }
}
