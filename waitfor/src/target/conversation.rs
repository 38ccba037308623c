//! One connection, from the first packet to the answer, without blocking.

use super::Answer;
use crate::unescape::unescaped;
use racefree_core::error::reason;
use racefree_core::event::Watched;
use racefree_core::event::time::Deadline;
use regex::bytes::Regex;
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_linger, socket_error};
use rustix::net::{RecvFlags, SendFlags, getpeername, getsockname, recv, send};
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// The options of a conversation.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Words {
    /// Send STR over each connection to a tcp: or unix: target, with the escapes of C, as in 'PING\r\n'
    #[arg(long, value_name = "STR", value_parser = said)]
    pub(crate) send: Option<Said>,
    /// What a tcp: or unix: target must say, within one try and 64 KiB
    #[arg(long, value_name = "REGEX")]
    pub(crate) expect: Option<Regex>,
}

/// Bytes to be sent.
type Said = std::sync::Arc<[u8]>;

fn said(text: &str) -> std::result::Result<Said, String> {
    unescaped(text).map(Said::from)
}

impl Words {
    /// What must be said, and heard.
    pub(crate) fn talk(&self, stable: Option<Duration>) -> Talk {
        let send = self.send.as_deref().unwrap_or_default().to_vec();
        Talk { send, expect: self.expect.clone(), stable, ..Talk::none() }
    }
}

/// What must be said over a connection before it counts as an answer.
#[derive(Clone, Debug)]
pub(crate) struct Talk {
    /// Since when we wait for it to be said.
    since: Instant,
    /// What we say first.
    pub(crate) send: Vec<u8>,
    /// What the other must say.
    pub(crate) expect: Option<Regex>,
    /// How long the connection must stay open after that.
    pub(crate) stable: Option<Duration>,
}

impl Talk {
    /// Nothing is said, nothing expected.
    pub(crate) fn none() -> Talk {
        Talk { since: Instant::now(), send: vec![], expect: None, stable: None }
    }

    /// How long to hear no more of one that has said something, but nothing to the point. Its answer may be on the way
    /// in pieces, or it may have said all, as redis does while it loads: then another call is worth more. As every
    /// pause, this one grows with the time waited.
    fn patience(&self) -> Duration {
        (self.since.elapsed() / 20).max(Duration::from_millis(10))
    }
}

/// As much as is heard of one that says nothing to the point.
const LONGEST: usize = 64 * 1024;

/// A connection under way.
pub(crate) struct Call {
    socket: OwnedFd,
    stage: Stage,
    heard: Vec<u8>,
    heard_at: Instant,
}

enum Stage {
    Connecting,
    Saying(usize),
    Hearing,
    Lasting(Instant, Deadline),
}

impl Call {
    /// The socket is connecting, or connected.
    pub(crate) fn on(socket: OwnedFd) -> Call {
        Call { socket, stage: Stage::Connecting, heard: vec![], heard_at: Instant::now() }
    }

    pub(crate) fn watched(&self) -> Watched<'_> {
        match self.stage {
            Stage::Connecting | Stage::Saying(_) => Watched::Write(self.socket.as_fd()),
            Stage::Hearing | Stage::Lasting(..) => Watched::Read(self.socket.as_fd()),
        }
    }

    /// It must only stay open any more.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self.stage, Stage::Lasting(..))
    }

    /// When it is to go on although nothing has come.
    pub(crate) fn goes_on_at(&self, talk: &Talk) -> Deadline {
        match self.stage {
            Stage::Lasting(_, until) => until,
            Stage::Hearing if !self.heard.is_empty() => {
                Deadline::after(talk.patience().saturating_sub(self.heard_at.elapsed()))
            }
            _ => Deadline::NEVER,
        }
    }

    /// Goes on as far as it can without waiting; `None`: not to the end yet.
    pub(crate) fn go_on(&mut self, talk: &Talk) -> Option<Answer> {
        match self.try_go_on(talk) {
            Ok(answer) => Some(answer),
            Err(Errno::WOULDBLOCK) => None,
            Err(e) => Some(Answer::no(e)),
        }
    }

    fn try_go_on(&mut self, talk: &Talk) -> Result<Answer, Errno> {
        loop {
            match self.stage {
                Stage::Connecting => {
                    self.connected()?;
                    if self.is_to_itself() {
                        // Closed by a reset, for an orderly end would keep the port in TIME_WAIT.
                        let _ = set_socket_linger(&self.socket, Some(Duration::ZERO));
                        return Ok(Answer::no(Errno::CONNREFUSED));
                    }
                    self.stage = Stage::Saying(0);
                }
                Stage::Saying(said) if said < talk.send.len() => {
                    self.stage = Stage::Saying(said + send(&self.socket, &talk.send[said..], SendFlags::NOSIGNAL)?);
                }
                Stage::Saying(_) => self.stage = Stage::Hearing,
                Stage::Hearing => match &talk.expect {
                    Some(expected) if !expected.is_match(&self.heard) => {
                        let tired = self.goes_on_at(talk).passed();
                        match self.hear() {
                            Ok(0) => return Ok(Answer::unclear(format!("{}, and hangs up", self.in_vain(expected)))),
                            Ok(_) if self.heard.len() < LONGEST => {}
                            Err(e) if e != Errno::WOULDBLOCK || !tired => return Err(e),
                            _ => return Ok(Answer::unclear(self.in_vain(expected))),
                        }
                    }
                    _ => match talk.stable {
                        None => return Ok(Answer::YES),
                        Some(time) => self.stage = Stage::Lasting(Instant::now(), Deadline::after(time)),
                    },
                },
                Stage::Lasting(since, until) => match self.hear() {
                    Err(Errno::WOULDBLOCK) if !until.passed() => return Err(Errno::WOULDBLOCK),
                    Err(Errno::WOULDBLOCK) => return Ok(Answer::Yes(since.elapsed())),
                    // It has answered and ended, as it does with everybody; whether it goes on answering, later calls show.
                    Ok(0) | Err(_) if !self.heard.is_empty() => return Ok(Answer::Yes(since.elapsed())),
                    Ok(0) => return Ok(Answer::unclear("it accepts, but closes the connection")),
                    Err(e) => return Ok(Answer::unclear(format!("it accepts, but then: {}", reason(&e)))),
                    // What it says is of no interest any more, only that it said something.
                    Ok(_) => self.heard.truncate(1),
                },
            }
        }
    }

    /// EAGAIN while it is connecting; then whatever came of it (connect(2), EINPROGRESS).
    fn connected(&self) -> Result<(), Errno> {
        socket_error(&self.socket)??;
        match getpeername(&self.socket) {
            Err(Errno::NOTCONN) => Err(Errno::WOULDBLOCK),
            peer => peer.map(|_| ()),
        }
    }

    /// A connect to a port of this very machine that nobody listens on, from that very port, succeeds with itself:
    /// then nobody has answered, and the port is kept from the daemon.
    fn is_to_itself(&self) -> bool {
        self.ends().is_some_and(|(ours, theirs)| ours == theirs)
    }

    /// Both ends of it, ours first, if it is of the internet's kind and connected.
    pub(crate) fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let (ours, theirs) = (getsockname(&self.socket).ok()?, getpeername(&self.socket).ok()??);
        Some((ours.try_into().ok()?, theirs.try_into().ok()?))
    }

    fn hear(&mut self) -> Result<usize, Errno> {
        let mut room = [0; 4096];
        loop {
            match recv(&self.socket, &mut room, RecvFlags::empty()) {
                Err(Errno::INTR) => {}
                heard => {
                    let (_, length) = heard?;
                    self.heard.extend_from_slice(&room[..length]);
                    self.heard_at = Instant::now();
                    return Ok(length);
                }
            }
        }
    }

    fn in_vain(&self, expected: &Regex) -> String {
        const SHOWN: usize = 100;
        if self.heard.is_empty() {
            return "it says nothing".into();
        }
        let start = self.heard[..self.heard.len().min(SHOWN)].escape_ascii();
        let more = if self.heard.len() > SHOWN { "..." } else { "" };
        format!("it says \"{start}{more}\", which /{expected}/ does not match")
    }

    /// What is to be said of it when its time is up.
    pub(crate) fn cut_off(&self, talk: &Talk, after: &str) -> Answer {
        match (&self.stage, &talk.expect) {
            (Stage::Lasting(since, _), _) => Answer::Yes(since.elapsed()),
            (Stage::Connecting, _) => Answer::no(format!("no answer within {after}")),
            (Stage::Hearing, Some(expected)) => Answer::unclear(format!("{} within {after}", self.in_vain(expected))),
            _ => Answer::unclear(format!("not to the end within {after}")),
        }
    }
}
