//! The options of `pidfile claim`.

use crate::claim::run_as::RunAs;
use crate::claim::sd_notify::Name;
use clap::{ArgGroup, Args};
use racefree::claim::ClaimOptions;
use racefree::event::deadline::Deadline;
use racefree::event::duration::{Limit, parse_duration};
use racefree::signal::Signal;
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

const START: &str = "Ways to start";
const READINESS: &str = "Readiness and failure";
const SURROUNDINGS: &str = "Files and descriptors";
const SHELL: &str = "A claim for a shell";

/// Claim PIDFILE, then become COMMAND (or start it with --background)
///
/// The claim is a lock in a descriptor that COMMAND inherits. It ends when COMMAND and every child that inherited it
/// have ended, so no claim is ever left behind. If another process has claimed PIDFILE, pidfile does not run COMMAND and
/// exits 75.
#[derive(Debug, Args)]
#[command(override_usage = "pidfile claim [OPTIONS] PIDFILE COMMAND [ARG]...\n       \
    pidfile claim {-b|--forking|--replace} [OPTIONS] PIDFILE COMMAND [ARG]...\n       \
    pidfile claim --fd N [--pid PID] PIDFILE")]
#[command(group(ArgGroup::new("detached").args(["background", "forking", "replace"]).multiple(true)))]
pub(crate) struct Claim {
    /// Run COMMAND in the background, and return once it runs and is ready
    ///
    /// COMMAND runs in a session of its own, with stdin from /dev/null. Every descriptor is closed except 0, 1, 2 and
    /// the claim's.
    #[arg(short, long, help_heading = START)]
    pub(crate) background: bool,
    /// Stay as the parent of COMMAND and hold the claim, for a COMMAND that closes its descriptors
    ///
    /// pidfile passes signals on and ends as COMMAND ends. COMMAND does not outlive pidfile. A process that COMMAND has
    /// started may outlive both; it keeps the claim if it has inherited the descriptor.
    #[arg(long, help_heading = START, conflicts_with_all = ["forking"])]
    pub(crate) supervise: bool,
    /// With --supervise: COMMAND starts with SIGINT ignored; at a Ctrl-C, pidfile sends it TERM
    #[arg(long, help_heading = START, requires = "supervise")]
    pub(crate) ignore_int: bool,
    /// COMMAND puts itself in the background and exits 0: find its daemon, and return once the daemon is ready
    ///
    /// The daemon is the process that COMMAND leaves behind, or the process whose PID COMMAND writes to the file given by
    /// --pid-from. It holds the claim through the descriptor that it inherited.
    #[arg(long, help_heading = START, conflicts_with = "background")]
    pub(crate) forking: bool,
    /// With --forking: the daemon is the process whose PID COMMAND writes to FILE, which is not PIDFILE
    #[arg(long, help_heading = START, value_name = "FILE", requires = "forking")]
    pub(crate) pid_from: Option<PathBuf>,
    /// Start COMMAND beside the running daemon, let it take over when it is ready, then stop the old daemon
    ///
    /// COMMAND runs in the background, as with --background. The claim is never free in between. If COMMAND does not
    /// become ready, or the old daemon does not end within --timeout, pidfile stops COMMAND and the old daemon stays the
    /// claimant. pidfile sends MAINPID= to NOTIFY_SOCKET, so that a service manager follows. Without --ready or --notify,
    /// COMMAND counts as ready as soon as it runs. If no daemon runs, --replace is a plain start.
    #[arg(long, help_heading = START, conflicts_with_all = ["forking", "ensure", "wait"])]
    pub(crate) replace: bool,
    /// With --replace: the signal that asks the old daemon to end, such as QUIT for an nginx that finishes its requests
    ///
    /// Give --timeout more time than the old daemon needs to end.
    #[arg(long, help_heading = START, value_name = "SIG", default_value = "TERM", requires = "replace")]
    pub(crate) stop_signal: Signal,
    #[command(flatten)]
    pub(crate) detached: Detached,
    /// Exit 0 if PIDFILE is claimed already (with --ready: once that daemon is ready)
    #[arg(long, help_heading = START)]
    pub(crate) ensure: bool,
    /// Wait until another claimant leaves, at most DUR
    #[arg(long, help_heading = START, value_name = "DUR", value_parser = Limit::parse, conflicts_with = "ensure")]
    pub(crate) wait: Option<Limit>,
    /// If another process has claimed PIDFILE, print the object of `pidfile read --json` for it
    ///
    /// stdout belongs to COMMAND, so pidfile prints the object only if it exits 75. reason is the message on stderr.
    #[arg(long, help_heading = START)]
    pub(crate) json: bool,
    /// The permission bits of PIDFILE, in octal (default for a new file: 0644 less the umask)
    #[arg(long, help_heading = SURROUNDINGS, value_name = "MODE", value_parser = parse_mode)]
    mode: Option<u32>,
    /// Run COMMAND and the ready command in DIR; a relative COMMAND is looked up there
    #[arg(long, help_heading = SURROUNDINGS, value_name = "DIR")]
    pub(crate) chdir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) run_as: RunAs,
    /// Claim for a shell that has opened PIDFILE as descriptor N: `exec 9<>x.pid; pidfile claim --fd 9 x.pid || exit`
    ///
    /// The lock belongs to the open file, so it stays with the shell and with every process that inherits descriptor N.
    #[arg(long, help_heading = SHELL, value_name = "N", conflicts_with_all = ["detached", "supervise", "chdir", "mode", "RunAs", "command"])]
    pub(crate) fd: Option<RawFd>,
    /// With --fd: the process to record (default: the parent of pidfile)
    #[arg(long, help_heading = SHELL, value_name = "PID", requires = "fd", conflicts_with = "command", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pid: Option<i32>,
    /// The PID file: created if it is absent, never removed
    pub(crate) pidfile: PathBuf,
    /// The daemon, and its arguments. It must stay in the foreground, except with --forking
    #[arg(required_unless_present = "fd", trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// The options of a start in the background.
#[derive(Debug, Args)]
pub(crate) struct Detached {
    /// Append stdout and stderr of COMMAND to FILE; `-` leaves them as they are
    ///
    /// Without --log, the last output of COMMAND before it is ready stands in the message if the start fails, and the
    /// rest is dropped. stdout and stderr are then a socket, as under systemd, and no program can open a socket again
    /// as /dev/stderr: if COMMAND does that, name a file or /dev/null. With `-`, a `$(pidfile claim ...)` in a shell
    /// waits until the daemon has ended, too.
    #[arg(long, help_heading = SURROUNDINGS, value_name = "FILE", requires = "detached")]
    pub(crate) log: Option<PathBuf>,
    /// The name of the daemon in messages (default: the program that runs by then)
    #[arg(long, help_heading = READINESS, value_name = "NAME", requires = "detached")]
    pub(crate) name: Option<String>,
    /// Leave descriptor N open in COMMAND
    #[arg(long, help_heading = SURROUNDINGS, value_name = "N", requires = "detached", value_parser = clap::value_parser!(i32).range(3..))]
    pub(crate) keep_fd: Vec<i32>,
    /// Ready once this shell command exits 0; it sees PIDFILE and PIDFILE_PID
    ///
    /// If the ready command exits with another status, or COMMAND ends meanwhile, the start has failed: pidfile stops
    /// COMMAND with every process that it started, and the message quotes what the ready command said last. The ready
    /// command must wait by itself, as waitfor(1) does.
    #[arg(long, help_heading = READINESS, value_name = "SHELL COMMAND", requires = "detached")]
    pub(crate) ready: Option<OsString>,
    /// Ready once COMMAND sends READY=1 to its NOTIFY_SOCKET, as sd_notify(3) does
    ///
    /// The socket has an abstract name. A daemon in a network namespace of its own cannot reach it, nor can a daemon
    /// that ends such names with a NUL. `--notify=path` makes the socket at a path, in a directory that only the caller
    /// (with --user: only USER) may enter, and removes it after the start.
    #[arg(long, help_heading = READINESS, value_name = "NAME", num_args = 0..=1, require_equals = true,
        default_missing_value = "abstract", requires = "detached")]
    pub(crate) notify: Option<Name>,
    /// How long the whole start may take, or `none`
    #[arg(long, help_heading = READINESS, value_name = "DUR", default_value = "30s", value_parser = Limit::parse, requires = "detached")]
    pub(crate) timeout: Limit,
    /// After a failed start: how long COMMAND may take to end after TERM, before KILL
    #[arg(long, help_heading = READINESS, value_name = "DUR", default_value = "10s", value_parser = parse_duration, requires = "detached")]
    pub(crate) kill_after: Duration,
}

impl Claim {
    /// Without options.
    pub(crate) fn plain(pidfile: PathBuf, command: Vec<OsString>) -> Claim {
        Claim {
            background: false,
            supervise: false,
            ignore_int: false,
            forking: false,
            pid_from: None,
            replace: false,
            stop_signal: Signal::TERM,
            detached: Detached::plain(),
            ensure: false,
            wait: None,
            json: false,
            mode: None,
            chdir: None,
            run_as: RunAs::default(),
            fd: None,
            pid: None,
            pidfile,
            command,
        }
    }

    /// The options of the claim: the wait for another claimant, and the mode of a new file.
    pub(crate) fn terms(&self) -> ClaimOptions {
        let until = Deadline::within(self.wait.unwrap_or(Limit::AtMost(Duration::ZERO)));
        ClaimOptions { until, mode: self.mode }
    }

    /// The name of the daemon in messages before it runs.
    pub(crate) fn name(&self) -> impl Display + '_ {
        self.detached.name.as_ref().map_or(self.command[0].display(), |name| OsStr::new(name).display())
    }

    /// The name of the daemon in messages if its process has the name `runs` (comm, proc(5)), which the kernel cuts
    /// after 15 bytes. A COMMAND that only prepares things, as setpriv(1) does, has become another program by then.
    pub(crate) fn name_of(&self, runs: &str) -> String {
        let first = Path::new(&self.command[0]).file_name().unwrap_or_default().to_string_lossy();
        let same = first == runs || (runs.len() >= 15 && first.starts_with(runs));
        if same || self.detached.name.is_some() { self.name().to_string() } else { runs.to_owned() }
    }
}

impl Detached {
    fn plain() -> Detached {
        Detached {
            log: None,
            name: None,
            keep_fd: vec![],
            ready: None,
            notify: None,
            timeout: Limit::AtMost(Duration::from_secs(30)),
            kill_after: Duration::from_secs(10),
        }
    }
}

fn parse_mode(text: &str) -> std::result::Result<u32, String> {
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o666 && mode & 0o600 == 0o600);
    mode.ok_or_else(|| format!("'{text}' is no mode for a PID file (like 0644 or 0600)"))
}
