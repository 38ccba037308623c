//! sd_notify(3), from a daemon to pidfile.

use clap::ValueEnum;
use nix::errno::Errno;
use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, setsockopt, socket};
use nix::time::ClockId;
use nix::unistd::{Pid, Uid, chown, getpid};
use racefree::error::{Context, Result};
use racefree::process::pidfd::PidFd;
use racefree::process::subreaper::Subreaper;
use racefree::sys::beyond_nix::{Credentials, receive_with_sender};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// The kind of the socket's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Name {
    /// An abstract name, which belongs to the network namespace.
    Abstract,
    /// A path in a directory of its own.
    Path,
}

/// The socket that a daemon finds in NOTIFY_SOCKET.
pub(crate) struct Socket {
    fd: OwnedFd,
    name: String,
    /// A directory that a drop removes.
    _directory: Option<Directory>,
}

struct Directory(PathBuf);

/// One datagram of the socket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) ready: bool,
    pub(crate) status: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) extend: Option<Duration>,
}

/// The number of datagrams that are read before the deadline and the signals are looked at again.
const AT_ONCE: usize = 64;

impl Socket {
    /// Makes a socket for a daemon that runs as `user`, or as the caller.
    pub(crate) fn listen(name: Name, user: Option<u32>) -> Result<Socket> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Unix, SockType::Datagram, flags, None).act("make", "a notify socket")?;
        setsockopt(&fd, PassCred, &true).act("make", "a notify socket")?;
        match name {
            Name::Abstract => Socket::with_abstract_name(fd),
            Name::Path => Socket::at_a_path(fd, user),
        }
    }

    /// Binds an abstract name. It needs no clean-up, and a daemon of any user can reach it.
    fn with_abstract_name(fd: OwnedFd) -> Result<Socket> {
        let now = ClockId::CLOCK_MONOTONIC.now().act("read", "the clock")?;
        let name = format!("pidfile-notify-{}-{}{:09}", getpid(), now.tv_sec(), now.tv_nsec());
        let address = UnixAddr::new_abstract(name.as_bytes()).act("name", "a notify socket")?;
        bind(fd.as_raw_fd(), &address).act("name", "a notify socket")?;
        Ok(Socket { fd, name: format!("@{name}"), _directory: None })
    }

    /// Binds a path that only the caller and the user can reach. A pidfile that is killed leaves the directory.
    fn at_a_path(fd: OwnedFd, user: Option<u32>) -> Result<Socket> {
        let parent = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let parent = if user.is_some() { std::env::temp_dir() } else { parent };
        let directory = nix::unistd::mkdtemp(&parent.join("pidfile-notify-XXXXXX"));
        let directory = Directory(directory.act("make a directory in", parent.display())?);
        let path = directory.0.join("socket");
        let act = "make the notify socket";
        bind(fd.as_raw_fd(), &UnixAddr::new(&path).act(act, path.display())?).act(act, path.display())?;
        let user = user.map(Uid::from_raw);
        for path in [&path, &directory.0].into_iter().filter(|_| user.is_some()) {
            chown(path, user, None).act("give away", path.display())?;
        }
        Ok(Socket { fd, name: path.to_string_lossy().into_owned(), _directory: Some(directory) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Reads the messages of the daemon and its descendants, and drops those of strangers. It reads at most [`AT_ONCE`],
    /// because strangers may send without end.
    pub(crate) fn read(&self, family: &Subreaper, daemon: Pid) -> Result<Vec<Message>> {
        let mut heard = Vec::new();
        for _ in 0..AT_ONCE {
            let mut text = [0; 4096];
            match receive_with_sender(&self.fd, &mut text) {
                Ok((length, sender)) => {
                    if sender.is_some_and(|sender| is_believed(sender, family, daemon)) {
                        heard.push(Message::parse(&String::from_utf8_lossy(&text[..length])));
                    }
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(e) => return Err(e).act("read", "the notify socket"),
            }
        }
        Ok(heard)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // If they cannot be removed, another process has removed them already.
        let _ = std::fs::remove_file(self.0.join("socket"));
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Whether to believe the sender. Race: ready-from-stranger (docs/races.md). It must descend from the daemon. A sender
/// that has ended already, as systemd-notify(1) does at once, is judged by its user: a process of the daemon's user has
/// power over the daemon anyway.
fn is_believed(sender: Credentials, family: &Subreaper, daemon: Pid) -> bool {
    match PidFd::open(sender.pid) {
        Ok(Some(process)) if family.includes(&process) => true,
        Ok(Some(process)) if !process.has_ended().unwrap_or(false) => false,
        _ => std::fs::metadata(format!("/proc/{daemon}")).is_ok_and(|m| m.uid() == sender.uid),
    }
}

impl Message {
    pub(crate) fn parse(text: &str) -> Message {
        let mut message = Message::default();
        for line in text.lines() {
            match line.split_once('=') {
                Some(("READY", "1")) => message.ready = true,
                Some(("STATUS", status)) => message.status = Some(status.to_owned()),
                Some(("ERRNO", number)) => {
                    message.error =
                        number.parse().ok().map(std::io::Error::from_raw_os_error).map(|e| racefree::error::reason(&e));
                }
                Some(("EXTEND_TIMEOUT_USEC", micros)) => {
                    message.extend = micros.parse().ok().map(Duration::from_micros)
                }
                _ => {}
            }
        }
        message
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_may_say_several_things() {
        let said = Message::parse("STATUS=reading the index\nREADY=1\nERRNO=2\nEXTEND_TIMEOUT_USEC=1500000\nX_NOISE\n");
        let expected = Message {
            ready: true,
            status: Some("reading the index".into()),
            error: Some("No such file or directory".into()),
            extend: Some(Duration::from_millis(1500)),
        };
        assert_eq!(said, expected);
        assert_eq!(Message::parse("READY=0\nERRNO=x\nEXTEND_TIMEOUT_USEC=-1"), Message::default());
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_a_line_of_its_own_makes_ready(text in "(READY=[01]|STATUS=|ERRNO=[-0-9]{0,12}|EXTEND_TIMEOUT_USEC=[0-9]{0,24}|\\PC|[ =\n]){0,12}") {
            let message = Message::parse(&text);
            prop_assert_eq!(message.ready, text.split('\n').any(|line| line == "READY=1"));
        }

        #[test]
        fn what_is_said_is_heard(ready in any::<bool>(), status in "[^\r\n]{0,30}", micros in any::<u64>()) {
            let ready_line = if ready { "READY=1\n" } else { "" };
            let message = Message::parse(&format!("EXTEND_TIMEOUT_USEC={micros}\n{ready_line}STATUS={status}"));
            let extend = Some(Duration::from_micros(micros));
            prop_assert_eq!(message, Message { ready, status: Some(status), error: None, extend });
        }
    }
}
