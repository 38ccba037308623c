//! One connection, from connect(2) to the answer, without blocking.

use super::Answer;
use super::script::Script;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::{Linger, SocketError};
use nix::sys::socket::{MsgFlags, SockaddrLike, SockaddrStorage, getpeername, getsockname, recv, send, setsockopt};
use racefree::error::reason;
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use racefree::listener::decision;
use regex::bytes::Regex;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

/// The most that is received of a server that does not say what is expected.
const LONGEST: usize = 64 * 1024;

/// The most that is received at a time: a server that sends without end must not keep the wait from its deadline.
const READS_AT_A_TIME: usize = 64;

/// A connection under way.
pub(crate) struct Conversation {
    socket: OwnedFd,
    stage: Stage,
    received: Vec<u8>,
    received_at: Instant,
}

enum Stage {
    Connecting,
    /// The bytes are being sent; this many have been sent.
    Sending(usize),
    Receiving,
    /// The connection has only to stay open, since the first instant and until the second.
    StayingOpen(Instant, Deadline),
}

impl Conversation {
    /// The socket is connecting, or connected.
    pub(crate) fn on(socket: OwnedFd) -> Conversation {
        Conversation { socket, stage: Stage::Connecting, received: vec![], received_at: Instant::now() }
    }

    pub(crate) fn watched(&self) -> Watched<'_> {
        match self.stage {
            Stage::Connecting | Stage::Sending(_) => Watched::Write(self.socket.as_fd()),
            Stage::Receiving | Stage::StayingOpen(..) => Watched::Read(self.socket.as_fd()),
        }
    }

    /// Whether the connection has only to stay open.
    pub(crate) fn is_staying_open(&self) -> bool {
        matches!(self.stage, Stage::StayingOpen(..))
    }

    /// The instant at which to resume although nothing has come.
    pub(crate) fn resumes_at(&self, script: &Script) -> Deadline {
        match self.stage {
            Stage::StayingOpen(_, until) => until,
            Stage::Receiving if !self.received.is_empty() => {
                Deadline::after(script.patience().saturating_sub(self.received_at.elapsed()))
            }
            _ => Deadline::NEVER,
        }
    }

    /// Continues as far as possible without blocking. `None`: the conversation has not ended.
    pub(crate) fn resume(&mut self, script: &Script) -> Option<Answer> {
        match self.try_resume(script) {
            Ok(answer) => Some(answer),
            Err(Errno::EAGAIN) => None,
            Err(e) => Some(Answer::no(e)),
        }
    }

    fn try_resume(&mut self, script: &Script) -> Result<Answer, Errno> {
        for _ in 0..READS_AT_A_TIME {
            match self.stage {
                Stage::Connecting => {
                    self.connected()?;
                    // Race: self-connection (docs/races.md).
                    if self.is_to_itself() {
                        decision("self-connection", || "closed a connection that had only itself for a peer".into());
                        // Closed by a reset, for an orderly close would keep the port in TIME_WAIT.
                        let _ = setsockopt(&self.socket, Linger, &libc::linger { l_onoff: 1, l_linger: 0 });
                        return Ok(Answer::no(Errno::ECONNREFUSED));
                    }
                    self.stage = Stage::Sending(0);
                }
                Stage::Sending(sent) if sent < script.send.len() => {
                    let more = send(self.socket.as_raw_fd(), &script.send[sent..], MsgFlags::MSG_NOSIGNAL)?;
                    self.stage = Stage::Sending(sent + more);
                }
                Stage::Sending(_) => self.stage = Stage::Receiving,
                Stage::Receiving => {
                    if let Some(answer) = self.receive_expected(script)? {
                        return Ok(answer);
                    }
                }
                Stage::StayingOpen(since, until) => match self.receive() {
                    Err(Errno::EAGAIN) if !until.passed() => return Err(Errno::EAGAIN),
                    Err(Errno::EAGAIN) => return Ok(Answer::Yes(since.elapsed())),
                    // A server may answer and then close every connection. Later tries show whether it goes on
                    // answering.
                    Ok(0) | Err(_) if !self.received.is_empty() => return Ok(Answer::Yes(since.elapsed())),
                    Ok(0) => return Ok(Answer::unclear("it accepts, but closes the connection")),
                    Err(e) => return Ok(Answer::unclear(format!("it accepts, but then: {}", reason(&e)))),
                    // Only that something was received counts now, not what.
                    Ok(_) if until.passed() => return Ok(Answer::Yes(since.elapsed())),
                    Ok(_) => self.received.truncate(1),
                },
            }
        }
        Err(Errno::EAGAIN)
    }

    /// Receives until the expected text is there. `Some`: it will not come.
    fn receive_expected(&mut self, script: &Script) -> Result<Option<Answer>, Errno> {
        match &script.expect {
            Some(expected) if !expected.is_match(&self.received) => {
                let is_silent = self.resumes_at(script).passed();
                match self.receive() {
                    Ok(0) => Ok(Some(Answer::unclear(format!("{}, and hangs up", self.unexpected(expected))))),
                    Ok(_) if self.received.len() < LONGEST => Ok(None),
                    Err(e) if e != Errno::EAGAIN || !is_silent => Err(e),
                    _ => Ok(Some(Answer::unclear(self.unexpected(expected)))),
                }
            }
            _ => match script.stable {
                None => Ok(Some(Answer::YES)),
                Some(time) => {
                    self.stage = Stage::StayingOpen(Instant::now(), Deadline::after(time));
                    Ok(None)
                }
            },
        }
    }

    /// EAGAIN while the socket is connecting; then the result (connect(2), EINPROGRESS).
    fn connected(&self) -> Result<(), Errno> {
        match nix::sys::socket::getsockopt(&self.socket, SocketError)? {
            0 => {}
            error => return Err(Errno::from_raw(error)),
        }
        match getpeername::<SockaddrStorage>(self.socket.as_raw_fd()) {
            Err(Errno::ENOTCONN) => Err(Errno::EAGAIN),
            peer => peer.map(|_| ()),
        }
    }

    /// A connect(2) from a local port to that very port, on which nobody listens, succeeds: TCP's simultaneous open
    /// (RFC 9293). Nobody has answered then, and the connection keeps the port from the daemon.
    fn is_to_itself(&self) -> bool {
        self.ends().is_some_and(|(ours, theirs)| ours == theirs)
    }

    /// The local and the remote address of a TCP connection.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (ours, theirs) = (getsockname(self.socket.as_raw_fd()).ok()?, getpeername(self.socket.as_raw_fd()).ok()?);
        Some((address(&ours)?, address(&theirs)?))
    }

    fn receive(&mut self) -> Result<usize, Errno> {
        let mut room = [0; 4096];
        loop {
            match recv(self.socket.as_raw_fd(), &mut room, MsgFlags::empty()) {
                Err(Errno::EINTR) => {}
                received => {
                    let length = received?;
                    self.received.extend_from_slice(&room[..length]);
                    self.received_at = Instant::now();
                    return Ok(length);
                }
            }
        }
    }

    fn unexpected(&self, expected: &Regex) -> String {
        const SHOWN: usize = 100;
        if self.received.is_empty() {
            return "it says nothing".into();
        }
        let start = self.received[..self.received.len().min(SHOWN)].escape_ascii();
        let more = if self.received.len() > SHOWN { "..." } else { "" };
        format!("it says \"{start}{more}\", which /{expected}/ does not match")
    }

    /// The answer of a conversation whose time is up.
    pub(crate) fn time_out(&self, script: &Script, after: &str) -> Answer {
        match (&self.stage, &script.expect) {
            (Stage::StayingOpen(since, _), _) => Answer::Yes(since.elapsed()),
            (Stage::Connecting, _) => Answer::no(format!("no answer within {after}")),
            (Stage::Receiving, Some(expected)) => {
                Answer::unclear(format!("{} within {after}", self.unexpected(expected)))
            }
            _ => Answer::unclear(format!("not to the end within {after}")),
        }
    }

    /// The socket, where the connection was made for somebody else to use.
    pub(crate) fn into_socket(self) -> OwnedFd {
        self.socket
    }
}

/// The address of a TCP socket; `None` for a unix socket.
fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    match storage.family() {
        Some(nix::sys::socket::AddressFamily::Inet) => storage.as_sockaddr_in().map(|&v4| SocketAddr::V4(v4.into())),
        _ => storage.as_sockaddr_in6().map(|&v6| SocketAddr::V6(v6.into())),
    }
}
