//! `waitfor`: wait until a daemon is ready, no longer and no shorter.

mod blocking_call;
mod meant;
mod retry;
mod sockets;
mod target;
mod unescape;
mod wait;
mod while_process;

use clap::Parser;
use clap::builder::{OsStringValueParser, TypedValueParser};
use racefree_core::claim::process_arg::Named;
use racefree_core::cli;
use racefree_core::cli::exit::{Ending, Exit, OF_A_COMMAND, exit_as};
use racefree_core::cli::output::Verbosity;
use racefree_core::error::Result;
use racefree_core::event::time::{Limit, parse_duration};
use racefree_core::process::child;
use sockets::owner::Owner;
use std::ffi::OsString;
use std::rc::Rc;
use std::time::Duration;
use target::Means;
use target::conversation::Words;
use target::parse::NamedTarget;
use wait::{Rules, Wait};

/// Wait until every TARGET is ready (or gone), then become COMMAND
///
/// A TARGET is one of
///
///   tcp:HOST:PORT, HOST:PORT   a connection is accepted, on any address of HOST
///   listen:[HOST:]PORT         somebody listens on the port of this machine; nobody is connected to
///   unix:PATH                  a connection to the socket is accepted (@NAME: an abstract one)
///   http://... https://...     a request is answered with a status from 200 to 399
///   file:PATH                  the file exists
///   nonempty:PATH              the file exists and something is in it
///   pidfile:PATH               a living process has claimed the PID file, see pidfile(1)
///   pid:N                      the process lives; a zombie does not
///   lock:PATH                  somebody holds the lock on the file, see withlock(1) and flock(1)
///   dns:NAME                   the name has an address
///   exec:'SHELL COMMAND'       the command exits 0
///
/// All are waited for side by side. What the kernel announces (files, processes, claims) is noticed
/// at once; the rest is tried again after a pause of 1 ms at first, and of 5 % of the time
/// waited later on, 250 ms at most. Nothing is said on success; if time runs out, each TARGET
/// that was not ready has a line that says why.
// The brackets of the help text are no links.
#[allow(rustdoc::broken_intra_doc_links)]
#[derive(Debug, Parser)]
#[command(name = "waitfor", version, max_term_width = 100, verbatim_doc_comment)]
pub struct Cli {
    /// How long to wait: 0 is one try of each, `none` is for ever
    #[arg(short, long, value_name = "DUR", default_value = "30s", value_parser = Limit::parse)]
    timeout: Limit,
    /// Give up with 3 as soon as this process is gone: pidfile:PATH or pid:N
    ///
    /// It is looked at again after the last TARGET has answered: ready means ready and alive.
    #[arg(long = "while", value_name = "PROCESS")]
    alive: Option<Named>,
    /// What answers must belong to this process or a descendant: pidfile:PATH or pid:N
    ///
    /// For tcp:, listen:, unix: and http(s): on this machine. A stranger on the port is not our daemon.
    #[arg(long, value_name = "PROCESS", conflicts_with_all = ["down", "proxy"])]
    by: Option<Named>,
    /// How long one try may take
    #[arg(long, value_name = "DUR", default_value = "1s", value_parser = parse_duration)]
    attempt: Duration,
    /// The pause between two tries, instead of one that grows with the time waited
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    interval: Option<Duration>,
    /// One TARGET is enough
    #[arg(long)]
    any: bool,
    /// Wait for the opposite: nothing answers, the file or process is gone, the lock or claim is free
    ///
    /// What cannot be told is not taken for down: a HOST whose name does not resolve is an error.
    #[arg(long, conflicts_with_all = ["send", "expect"])]
    down: bool,
    /// It must go on answering for DUR, or the connection stay open for so long
    ///
    /// A forwarder that accepts and closes, or a server that starts twice, is not ready.
    #[arg(long, value_name = "DUR", value_parser = parse_duration, default_value = "0")]
    stable: Duration,
    #[command(flatten)]
    words: Words,
    #[command(flatten)]
    verbosity: Verbosity,
    /// What to wait for
    #[arg(required = true, value_name = "TARGET", value_parser = OsStringValueParser::new().try_map(NamedTarget::parse))]
    targets: Vec<NamedTarget>,
    /// What to become once all is ready, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
    // Last, for what comes after it would stand under its heading.
    #[command(flatten)]
    http: target::http_options::Http,
}

impl cli::Cli for Cli {
    const ENDINGS: &'static [Ending] = ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    fn meant(typed: &[OsString]) -> Option<String> {
        meant::meant(typed)
    }
}

/// What each exit code says.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "every TARGET is ready; with COMMAND, its status"),
    (Exit::NotRunning, "the process named by --while is gone"),
    (Exit::TimedOut, "time ran out"),
    OF_A_COMMAND[0],
    OF_A_COMMAND[1],
];

/// Runs the utility.
///
/// # Errors
/// Everything that ends it otherwise than ready.
pub fn run(cli: Cli) -> Result<Exit> {
    if let Some(name) = cli.command.first() {
        child::find(name)?;
    }
    let (rules, means) = (cli.rules()?, cli.means());
    let targets = cli.targets.iter().map(|named| Ok((named.to_string(), named.target(&means)?)));
    let ended = Wait::begin(rules, targets.collect::<Result<_>>()?)?.until_decided(cli.alive)?;
    match ended {
        Exit::Done if !cli.command.is_empty() => Err(child::become_command(child::command(&cli.command))),
        ended => Ok(ended),
    }
}

impl Cli {
    fn rules(&self) -> Result<Rules> {
        let Cli { timeout, attempt, interval, stable, any, down, .. } = *self;
        if matches!(timeout, Limit::AtMost(timeout) if !stable.is_zero() && timeout <= stable) {
            return Err(exit_as(Exit::Usage, "nothing can be stable for longer than --timeout"));
        }
        Ok(Rules { timeout, attempt, interval, stable, any, down })
    }

    fn means(&self) -> Means {
        let lasting = !self.stable.is_zero();
        let talk = self.words.talk(Some(self.stable).filter(|_| lasting && !self.down));
        let by = self.by.clone().map(|named| Rc::new(Owner::new(named)));
        Means { talk, down: self.down, lasting, by, attempt: self.attempt, http: self.http.clone() }
    }
}
