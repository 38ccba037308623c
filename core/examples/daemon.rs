//! A small daemon that claims its PID file by itself, says when it is ready, and restarts itself at SIGHUP.
//!
//! `daemon PIDFILE`. TERM ends it. At HUP it starts its successor beside itself by `pidfile claim --replace`, which ends it
//! once the successor is ready.

use racefree::event::{Event, Events};
use racefree::{ClaimGuard, Signal, Status, claim_for_current_process, read};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("daemon: {error}");
            match error.downcast_ref() {
                Some(racefree::Error::Busy(..)) => ExitCode::from(75),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: daemon PIDFILE")?);
    // Signals are collected before anybody can find us.
    let events = Events::armed()?;
    let _claim = claim(&path)?;
    notify_ready()?;
    loop {
        match events.next(&[], racefree::event::deadline::Deadline::NEVER)? {
            Event::Signal(arrived) if arrived.signal == Signal::HUP => restart(&path)?,
            Event::Signal(_) => return Ok(()),
            Event::Ready(_) | Event::Deadline => {}
        }
    }
}

/// The claim; `None` for a successor, for which `pidfile claim --replace` has claimed already.
fn claim(path: &Path) -> Result<Option<ClaimGuard>, racefree::Error> {
    if std::env::var_os("IS_SUCCESSOR").is_some() && matches!(read(path), Status::Held(_)) {
        return Ok(None);
    }
    claim_for_current_process(path).map(Some)
}

/// sd_notify(3), where somebody listens.
fn notify_ready() -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return Ok(()) };
    let name = name.to_string_lossy().into_owned();
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address).map(drop)
}

/// Starts the successor and leaves it to itself: it is ready before this process is asked to end.
fn restart(path: &Path) -> std::io::Result<()> {
    let mut launcher = Command::new("pidfile");
    launcher.args(["claim", "--replace", "--notify"]).arg(path).arg(std::env::current_exe()?).arg(path);
    // A launcher that fails leaves us alone.
    launcher.env("IS_SUCCESSOR", "1").spawn().map(drop)
}
