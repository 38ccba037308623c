//! A daemon to try the utilities on: it listens, logs and answers, and can be told every misdeed of real ones.
//!
//! It answers each connection with `demod PID` and closes it. It stays in the foreground unless told otherwise.
#![no_main]

use clap::Parser;
use racefree::cli::exit::Exit;
use racefree::cli::output::{self, Verbosity};
use racefree::error::{Context, Result};
use racefree::event::deadline::Deadline;
use racefree::event::duration::parse_duration;
use racefree::event::{Event, Events, Watched};
use racefree::process::child::{self, Child};
use racefree::signal::Signal;
use racefree::sys;
use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A daemon to try things on
#[derive(Debug, Parser)]
#[command(name = "demod")]
struct Cli {
    #[command(flatten)]
    verbosity: Verbosity,
    /// Listen on this port
    #[arg(long)]
    port: Option<u16>,
    /// Listen on this address
    #[arg(long, default_value = "127.0.0.1")]
    address: std::net::IpAddr,
    /// Let others listen on the same port beside it (SO_REUSEPORT)
    #[arg(long)]
    reuse_port: bool,
    /// Listen on this unix socket; a stale one is replaced
    #[arg(long)]
    unix: Option<PathBuf>,
    /// Wait before it listens
    #[arg(long, value_parser = parse_duration, default_value = "0")]
    delay: Duration,
    /// Wait until this file is there before it listens
    #[arg(long)]
    gate: Option<PathBuf>,
    /// Append the log to this file (default: stderr)
    #[arg(long)]
    log: Option<PathBuf>,
    /// Log this line before it waits and listens
    #[arg(long)]
    say: Vec<String>,
    /// End with this status instead of listening
    #[arg(long)]
    die_before: Option<i32>,
    /// End with status 1 this long after it listened
    #[arg(long, value_parser = parse_duration)]
    die_after: Option<Duration>,
    /// Take no notice of TERM
    #[arg(long)]
    ignore_term: bool,
    /// Take this long to end when asked to
    #[arg(long, value_parser = parse_duration, default_value = "0")]
    linger: Duration,
    /// Start so many workers, which inherit what it has open
    #[arg(long, default_value_t = 0)]
    workers: usize,
    /// Close every descriptor from 3 on, as old daemons do
    #[arg(long)]
    close_descriptors: bool,
    /// Put itself in the background, as old daemons do
    #[arg(long)]
    daemonize: bool,
    /// Begin a session of its own
    #[arg(long)]
    new_session: bool,
    /// Write its own PID file, without any lock
    #[arg(long)]
    pidfile: Option<PathBuf>,
    /// Send this to NOTIFY_SOCKET once it listens, such as READY=1
    #[arg(long)]
    notify: Vec<String>,
    /// Send this to NOTIFY_SOCKET before it waits
    #[arg(long)]
    notify_early: Vec<String>,
}

impl racefree::cli::Cli for Cli {
    const NAME: &'static str = "demod";
    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }
}

racefree::main!(|arguments| racefree::cli::main(arguments, run));

fn run(cli: Cli) -> Result<Exit> {
    if cli.close_descriptors {
        // Not open: nothing to close.
        (3..1024).for_each(|number| drop(sys::adopt(number)));
    }
    if cli.daemonize {
        return cli.leave_behind();
    }
    if cli.new_session {
        nix::unistd::setsid().act("begin", "a session")?;
    }
    let events = Events::armed()?;
    for _ in 0..cli.workers {
        Child::spawn(&mut child::command(&["sleep".into(), "1000".into()]), &events)?;
    }
    if let Some(path) = &cli.pidfile {
        std::fs::write(path, format!("{}\n", std::process::id())).act("write", path.display())?;
    }
    cli.notify_early.iter().try_for_each(|message| notify(message))?;
    cli.say.iter().try_for_each(|line| cli.log_line(line))?;
    if let Some(end) = cli.serve(&events, &[], Deadline::after(cli.delay))? {
        return Ok(end);
    }
    while cli.gate.as_ref().is_some_and(|gate| !gate.exists()) {
        if let Some(end) = cli.serve(&events, &[], Deadline::after(Duration::from_millis(5)))? {
            return Ok(end);
        }
    }
    if let Some(status) = cli.die_before {
        return Ok(Exit::Status(status as u8));
    }
    let doors = cli.listen()?;
    cli.log_line("ready")?;
    cli.notify.iter().try_for_each(|message| notify(message))?;
    let death = cli.die_after.map_or(Deadline::NEVER, Deadline::after);
    let end = cli.serve(&events, &doors, death)?;
    if end.is_none() {
        cli.log_line("dying as told")?;
    }
    Ok(end.unwrap_or(Exit::No))
}

enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Door {
    fn answer(&self) -> std::io::Result<()> {
        let line = format!("demod {}\n", std::process::id());
        match self {
            Door::Tcp(listener) => listener.accept()?.0.write_all(line.as_bytes()),
            Door::Unix(listener) => listener.accept()?.0.write_all(line.as_bytes()),
        }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Door::Tcp(listener) => listener.as_fd(),
            Door::Unix(listener) => listener.as_fd(),
        }
    }
}

impl Cli {
    fn leave_behind(&self) -> Result<Exit> {
        let us = std::env::current_exe().act("find", "this program")?;
        let arguments = std::env::args_os().skip(1).filter(|argument| argument != "--daemonize");
        Command::new(us).args(arguments).arg("--new-session").spawn().act("start", "the daemon")?;
        Ok(Exit::Done)
    }

    fn listen(&self) -> Result<Vec<Door>> {
        let mut doors = Vec::new();
        if let Some(port) = self.port {
            doors.push(Door::Tcp(self.listen_on(port).act("listen on port", port)?));
        }
        if let Some(path) = &self.unix {
            // Absent, or stale: bind(2) tells.
            let _ = std::fs::remove_file(path);
            doors.push(Door::Unix(UnixListener::bind(path).act("listen on", path.display())?));
        }
        Ok(doors)
    }

    fn listen_on(&self, port: u16) -> std::io::Result<TcpListener> {
        use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage};
        use nix::sys::socket::{bind, listen, setsockopt, socket, sockopt};
        let family = if self.address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
        let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
        setsockopt(&socket, sockopt::ReusePort, &self.reuse_port)?;
        bind(socket.as_raw_fd(), &SockaddrStorage::from(std::net::SocketAddr::new(self.address, port)))?;
        listen(&socket, Backlog::new(128)?)?;
        Ok(TcpListener::from(socket))
    }

    /// Answers until it is asked to end (then how) or the deadline passes (then nothing).
    fn serve(&self, events: &Events, doors: &[Door], deadline: Deadline) -> Result<Option<Exit>> {
        let watched: Vec<_> = doors.iter().map(|door| Watched::Read(door.as_fd())).collect();
        loop {
            match events.next(&watched, deadline)? {
                Event::Deadline => return Ok(None),
                // A client that hung up before it was answered has gone.
                Event::Ready(door) => drop(doors[door].answer()),
                Event::Signal(arrived) if arrived.signal == Signal::TERM && self.ignore_term => {
                    self.log_line("SIGTERM ignored")?;
                }
                Event::Signal(arrived) if arrived.signal == Signal::HUP => self.log_line("SIGHUP: reloaded")?,
                Event::Signal(arrived) => {
                    self.log_line(&format!("{}: ending", arrived.signal))?;
                    self.serve_until(events, &watched, doors, Deadline::after(self.linger))?;
                    return Ok(Some(Exit::Done));
                }
            }
        }
    }

    fn serve_until(&self, events: &Events, watched: &[Watched], doors: &[Door], deadline: Deadline) -> Result<()> {
        loop {
            match events.next(watched, deadline)? {
                Event::Deadline => return Ok(()),
                // As above.
                Event::Ready(door) => drop(doors[door].answer()),
                Event::Signal(_) => {}
            }
        }
    }

    fn log_line(&self, line: &str) -> Result<()> {
        let Some(path) = &self.log else {
            output::error(line);
            return Ok(());
        };
        let mut file = OpenOptions::new().append(true).create(true).open(path).act("open", path.display())?;
        writeln!(file, "demod: {line}").act("write", path.display())
    }
}

/// Tells the service manager, or whoever is behind NOTIFY_SOCKET (sd_notify(3)).
fn notify(message: &str) -> Result<()> {
    let Some(address) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let address = address.to_string_lossy();
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&*address),
    };
    let socket = UnixDatagram::unbound().act("open", "a socket")?;
    socket.send_to_addr(message.as_bytes(), &address.act("address", "NOTIFY_SOCKET")?).act("notify", message)?;
    Ok(())
}
