//! The options of `pidfile claim`.

use clap::{ArgGroup, Args};
use racefree_core::claim::ClaimOptions;
use racefree_core::event::time::{Deadline, Limit, parse_duration};
use racefree_core::signal::Signal;
use std::ffi::OsString;
use std::fmt::Display;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Claim PIDFILE, then become COMMAND (or start it with --background)
///
/// The claim is a lock in a descriptor that COMMAND inherits. It ends when COMMAND and every child that inherited it
/// have ended, so a claim is never left behind. If another process has claimed PIDFILE, COMMAND is not run and the exit
/// code is 75.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("detached").args(["background", "forking", "replace"]).multiple(true)))]
pub(crate) struct Claim {
    /// Run COMMAND in the background, and return once it runs and is ready
    ///
    /// In a session of its own, with stdin from /dev/null, and every descriptor closed but 0, 1, 2 and the claim's.
    #[arg(short, long)]
    pub(crate) background: bool,
    /// Stay as the parent of COMMAND and hold the claim, for a COMMAND that closes its descriptors
    ///
    /// Signals are passed on, pidfile ends as COMMAND ends, and COMMAND does not outlive it. (But what COMMAND has
    /// started may outlive both; it then keeps the claim if it has inherited the descriptor.)
    #[arg(long, conflicts_with_all = ["forking"])]
    pub(crate) supervise: bool,
    /// With --supervise: COMMAND starts with SIGINT ignored; at a Ctrl-C, pidfile sends it TERM
    #[arg(long, requires = "supervise")]
    pub(crate) ignore_int: bool,
    /// COMMAND puts itself in the background and exits 0: find its daemon, and return once that is ready
    ///
    /// The daemon is the process that COMMAND leaves behind, or the one that it writes to the file given by --pid-from.
    /// It holds the claim through the descriptor that it inherited.
    #[arg(long, conflicts_with = "background")]
    pub(crate) forking: bool,
    /// With --forking: the daemon is the process whose number COMMAND writes to FILE, which is not PIDFILE
    #[arg(long, value_name = "FILE", requires = "forking")]
    pub(crate) pid_from: Option<PathBuf>,
    /// Start COMMAND beside the running daemon, let it take over when it is ready, then stop the old one
    ///
    /// In the background, as with --background. The claim is never free in between. If the new one does not become ready
    /// (or the old one does not end within --timeout), the new one is stopped and the old one stays the
    /// claimant. MAINPID= is sent to NOTIFY_SOCKET, so that a service manager follows. Without
    /// --ready or --notify, the new one is taken for ready as soon as it runs. Nothing running: a plain start.
    #[arg(long, conflicts_with_all = ["forking", "ensure", "wait"])]
    pub(crate) replace: bool,
    /// With --replace: the signal that asks the old one to end, such as QUIT for an nginx that is to finish its requests
    ///
    /// Give --timeout more time than it needs for that.
    #[arg(long, value_name = "SIG", default_value = "TERM", requires = "replace")]
    pub(crate) stop_signal: Signal,
    #[command(flatten)]
    pub(crate) detached: Detached,
    /// That PIDFILE is already claimed is success (with --ready: once that daemon is ready)
    #[arg(long)]
    pub(crate) ensure: bool,
    /// Wait for another claimant to leave, at most DUR
    #[arg(long, value_name = "DUR", value_parser = Limit::parse, conflicts_with = "ensure")]
    wait: Option<Limit>,
    /// The permission bits of PIDFILE, in octal (else a new file gets 0644 less the umask)
    #[arg(long, value_name = "MODE", value_parser = parse_mode)]
    mode: Option<u32>,
    /// Run COMMAND (and the ready command) in DIR; it is looked for from there
    #[arg(long, value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    /// Claim for a shell that has opened PIDFILE as descriptor N: `exec 9<>x.pid; pidfile claim --fd 9 x.pid || exit`
    ///
    /// The lock belongs to the open file, so it stays with the shell, and with all that inherit descriptor N from it.
    #[arg(long, value_name = "N", conflicts_with_all = ["detached", "supervise", "chdir", "mode", "command"])]
    pub(crate) fd: Option<RawFd>,
    /// With --fd: the process to record (default: the parent of pidfile)
    #[arg(long, value_name = "PID", requires = "fd", conflicts_with = "command", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pid: Option<i32>,
    /// The PID file: created if it is absent, never removed
    pub(crate) pidfile: PathBuf,
    /// The daemon, and its arguments. It must stay in the foreground, except with --forking
    #[arg(required_unless_present = "fd", trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// What only a start in the background knows.
#[derive(Debug, Args)]
pub(crate) struct Detached {
    /// Append stdout and stderr of COMMAND to FILE (else they go to /dev/null); `-` leaves them as they are
    #[arg(long, value_name = "FILE", requires = "detached")]
    pub(crate) log: Option<PathBuf>,
    /// Leave descriptor N open in COMMAND
    #[arg(long, value_name = "N", requires = "detached", value_parser = clap::value_parser!(i32).range(3..))]
    pub(crate) keep_fd: Vec<i32>,
    /// Ready once this shell command exits 0; it sees PIDFILE and PIDFILE_PID
    ///
    /// If it exits otherwise, or COMMAND ends meanwhile, the start has failed: COMMAND is stopped with all that it
    /// started. Let it wait by itself, as waitfor(1) does.
    #[arg(long, value_name = "SHELL COMMAND", requires = "detached")]
    pub(crate) ready: Option<OsString>,
    /// Ready once COMMAND says READY=1 to its NOTIFY_SOCKET, as sd_notify(3) does
    #[arg(long, requires = "detached")]
    pub(crate) notify: bool,
    /// How long the whole start may take, or `none`
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = Limit::parse, requires = "detached")]
    pub(crate) timeout: Limit,
    /// After a failed start: how long COMMAND may take to end by TERM before KILL
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_duration, requires = "detached")]
    pub(crate) kill_after: Duration,
}

impl Claim {
    /// How to claim: how long to wait for another claimant, and the mode of a new file.
    pub(crate) fn terms(&self) -> ClaimOptions {
        let until = Deadline::within(self.wait.unwrap_or(Limit::AtMost(Duration::ZERO)));
        ClaimOptions { until, mode: self.mode }
    }

    /// What messages call the daemon.
    pub(crate) fn name(&self) -> impl Display + '_ {
        self.command[0].display()
    }
}

impl Detached {
    /// The file that `--log` names.
    pub(crate) fn log_file(&self) -> Option<&Path> {
        self.log.as_deref().filter(|log| *log != "-")
    }
}

fn parse_mode(text: &str) -> std::result::Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o666 && mode & 0o600 == 0o600);
    mode.ok_or_else(|| format!("'{text}' is no mode for a PID file (like 0644 or 0600)"))
}
