//! sd_notify(3), from both sides: what a daemon says to us, and what we say to a service manager.

use racefree_core::error::{Context, Result};
use racefree_core::event::Watched;
use racefree_core::process::pidfd::PidFd;
use racefree_core::process::subreaper::Subreaper;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, UCred, bind, connect, recvmsg, sendmsg, socket_with, sockopt,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// The socket that a daemon finds in NOTIFY_SOCKET.
pub(crate) struct Socket {
    fd: OwnedFd,
    name: String,
}

/// One datagram of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) ready: bool,
    pub(crate) status: Option<String>,
    pub(crate) error: Option<String>,
    pub(crate) extend: Option<Duration>,
}

/// So many datagrams are read before the deadline and the signals are looked at again.
const AT_ONCE: usize = 64;

impl Socket {
    /// An abstract one: nothing to clean up, whatever is killed, and a daemon of any user can reach it.
    pub(crate) fn listen() -> Result<Socket> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).act("make", "a notify socket")?;
        sockopt::set_socket_passcred(&fd, true).act("make", "a notify socket")?;
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let name = format!("pidfile-notify-{}-{}{:09}", rustix::process::getpid(), now.tv_sec, now.tv_nsec);
        let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).act("name", "a notify socket")?;
        bind(&fd, &address).act("name", "a notify socket")?;
        Ok(Socket { fd, name: format!("@{name}") })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The messages from the daemon's family that have come; what strangers say is dropped. No more than [`AT_ONCE`] are
    /// looked at, for strangers may send without end.
    pub(crate) fn read(&self, family: &Subreaper, daemon: Pid) -> Result<Vec<Message>> {
        let mut heard = Vec::new();
        for _ in 0..AT_ONCE {
            let mut text = [0; 4096];
            // Room for the credentials only: descriptors that come along are closed by the kernel.
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            match recvmsg(&self.fd, &mut [IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::DONTWAIT) {
                Ok(got) => {
                    let sender = ancillary.drain().find_map(|message| match message {
                        RecvAncillaryMessage::ScmCredentials(sender) => Some(sender),
                        _ => None,
                    });
                    if sender.is_some_and(|sender| is_believed(sender, family, daemon)) {
                        heard.push(Message::parse(&String::from_utf8_lossy(&text[..got.bytes])));
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(e) => return Err(e).act("read", "the notify socket"),
            }
        }
        Ok(heard)
    }
}

/// Whether the sender is a descendant. One that has ended already (systemd-notify(1) does, at once) is judged by its
/// user: whoever runs as the daemon's user has power over the daemon anyway.
fn is_believed(sender: UCred, family: &Subreaper, daemon: Pid) -> bool {
    match PidFd::open(sender.pid) {
        Ok(Some(process)) if family.includes(&process) => true,
        Ok(Some(process)) if !process.has_ended().unwrap_or(false) => false,
        _ => std::fs::metadata(format!("/proc/{daemon}")).is_ok_and(|m| m.uid() == sender.uid.as_raw()),
    }
}

/// What became of a message to the service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Told {
    /// It has read the message, or there is no manager.
    Read,
    /// It had not read the message when its time was over.
    Unread,
}

/// Tells the service manager that has started us, if there is one, and waits until it has read it: it looks up in /proc
/// whose unit the sender belongs to, and would find nothing of one that has ended.
///
/// `wait` waits for a descriptor, and says `false` when the manager's time is over.
pub(crate) fn tell_manager(message: &str, mut wait: impl FnMut(Watched<'_>) -> Result<bool>) -> Result<Told> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return Ok(Told::Read) };
    let act = format!("send {message} to");
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name),
        None => SocketAddrUnix::new(name.as_bytes()),
    };
    let address = address.act(&act, name.display())?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).act(&act, name.display())?;
    // Only of a connected socket poll(2) tells when there is room in the queue of the other.
    connect(&socket, &address).act(&act, name.display())?;
    // It closes the descriptor that comes with the barrier when it has come to it (sd_notify_barrier(3)).
    let (read, barrier) = pipe_with(PipeFlags::CLOEXEC).act("make", "a pipe")?;
    for (text, descriptors) in [(message, &[][..]), ("BARRIER=1", &[barrier.as_fd()][..])] {
        while !send(&socket, text, descriptors).act(&act, name.display())? {
            if !wait(Watched::Write(socket.as_fd()))? {
                return Ok(Told::Unread);
            }
        }
    }
    drop(barrier);
    Ok(if wait(Watched::Read(read.as_fd()))? { Told::Read } else { Told::Unread })
}

/// Sends a datagram; `false` if the queue of the other is full.
fn send(socket: &OwnedFd, text: &str, descriptors: &[BorrowedFd<'_>]) -> std::result::Result<bool, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    match sendmsg(socket, &[IoSlice::new(text.as_bytes())], &mut ancillary, SendFlags::NOSIGNAL) {
        // TOOMANYREFS: as many descriptors as may be are on their way unread already.
        Err(Errno::AGAIN | Errno::TOOMANYREFS) => Ok(false),
        sent => sent.map(|_| true),
    }
}

impl Message {
    fn parse(text: &str) -> Message {
        let mut message = Message::default();
        for line in text.lines() {
            match line.split_once('=') {
                Some(("READY", "1")) => message.ready = true,
                Some(("STATUS", status)) => message.status = Some(status.to_owned()),
                Some(("ERRNO", number)) => {
                    message.error = number
                        .parse()
                        .ok()
                        .map(std::io::Error::from_raw_os_error)
                        .map(|e| racefree_core::error::reason(&e));
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
