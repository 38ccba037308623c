//! `tcp:` a port that accepts a connection, on any address of a host.
//!
//! For an address of this machine the kernel is asked first whether somebody listens, which costs a sixth of a connection
//! and sends no packet. A connection is tried all the same now and then: a port that netfilter or eBPF forwards has no
//! listener here.

use super::conversation::Conversation;
use super::resolve::Host;
use super::script::Script;
use super::{Answer, ProbeOptions, Target};
use crate::sockets::local::{is_local, ports_but, reached};
use crate::sockets::owner::SocketOwner;
use crate::sockets::{self, SocketTables, Transport};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::{Context, Result};
use racefree_core::event::Watched;
use racefree_core::event::time::{Deadline, for_people};
use racefree_core::sys;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A connection is tried at least this often, whatever the kernel says of listeners.
const CONNECT_AGAIN: Duration = Duration::from_millis(250);

/// A port to wait for.
pub(crate) struct Tcp {
    host: Host,
    script: Script,
    down: bool,
    by: Option<Rc<SocketOwner>>,
    tables: Rc<SocketTables>,
    tried: Option<Instant>,
    conversations: Vec<(SocketAddr, Conversation)>,
    ended: Vec<(SocketAddr, Answer)>,
    local_ports: Option<(u16, u16)>,
    connected: Option<OwnedFd>,
}

impl Tcp {
    pub(crate) fn new(host: String, port: u16, options: &ProbeOptions) -> Tcp {
        Tcp { script: options.script.clone(), ..Tcp::without_script(host, port, options) }
    }

    /// A port that only has to accept.
    pub(crate) fn without_script(host: String, port: u16, options: &ProbeOptions) -> Tcp {
        Tcp {
            host: Host::new(host, port, options.attempt),
            script: Script::empty(),
            down: options.down,
            by: options.by.clone(),
            tables: options.tables.clone(),
            tried: None,
            conversations: vec![],
            ended: vec![],
            local_ports: ports_but(port),
            connected: None,
        }
    }

    /// The connection that was made at the last try, if the answer was yes.
    pub(crate) fn take_connected(&mut self) -> Option<OwnedFd> {
        self.connected.take()
    }

    /// Connects to all addresses at once: a silent address does not hold up the others.
    fn connect(&mut self, addresses: Vec<SocketAddr>) -> Result<Poll<Answer>> {
        let is_due = self.tried.is_none_or(|tried| tried.elapsed() >= CONNECT_AGAIN);
        for address in addresses {
            if let Some(answer) = self.without_connecting(address, is_due)? {
                self.ended.push((address, answer));
                continue;
            }
            self.tried = Some(Instant::now());
            match dial(address, self.local_ports) {
                Ok(conversation) => self.conversations.push((address, conversation)),
                Err(e @ (Errno::EACCES | Errno::EPERM | Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS)) => {
                    return Err(e).act("connect to", address);
                }
                Err(e @ Errno::ENOMEM) => return Err(e).act("connect to", address),
                Err(e) => self.ended.push((address, Answer::no(e))),
            }
        }
        self.resume_conversations()
    }

    /// The answer that the kernel gives without a connection. `None`: a connection is worth its time.
    fn without_connecting(&self, address: SocketAddr, is_due: bool) -> Result<Option<Answer>> {
        if let Some(owner) = &self.by {
            // Race: stranger-on-port (docs/races.md). A stranger is not even connected to.
            if !is_local(address.ip()) {
                return Ok(Some(Answer::unclear("it is not an address of this machine, whose sockets --by is about")));
            }
            let sockets = self.sockets_at(address)?;
            return match &*sockets {
                [] => Ok(Some(Answer::no(Errno::ECONNREFUSED))),
                sockets => Ok(owner.mismatch(sockets)?.map(Answer::unclear)),
            };
        }
        // That nobody answers must be seen by a connection, where it ends the wait.
        if self.down || !is_local(address.ip()) || self.tables.is_listened_at(reached(address)) != Some(false) {
            return Ok(None);
        }
        let is_worth_it = is_due && self.tables.has_connection_left();
        Ok((!is_worth_it).then(|| Answer::no(Errno::ECONNREFUSED)))
    }

    fn sockets_at(&self, address: SocketAddr) -> Result<Vec<u64>> {
        let address = reached(address);
        let listeners = sockets::at(address.ip(), &self.tables.on_port(Transport::Tcp, address.port())?);
        Ok(listeners.iter().map(|listener| listener.socket).collect())
    }

    fn resume_conversations(&mut self) -> Result<Poll<Answer>> {
        for (address, mut conversation) in std::mem::take(&mut self.conversations) {
            match conversation.resume(&self.script) {
                None => self.conversations.push((address, conversation)),
                Some(Answer::Yes(lasted)) => match self.mismatch(address, &conversation)? {
                    Some(mismatch) => self.ended.push((address, Answer::unclear(mismatch))),
                    None => {
                        self.hang_up();
                        self.connected = Some(conversation.into_socket());
                        return Ok(Poll::Ready(Answer::Yes(lasted)));
                    }
                },
                Some(answer) => self.ended.push((address, answer)),
            }
        }
        Ok(if self.conversations.is_empty() { Poll::Ready(self.in_all()) } else { Poll::Pending })
    }

    /// Why the peer of a connection is not the process of `--by`.
    fn mismatch(&self, address: SocketAddr, conversation: &Conversation) -> Result<Option<String>> {
        let Some(owner) = &self.by else { return Ok(None) };
        let mut sockets = self.sockets_at(address)?;
        // Race: two-on-one-port (docs/races.md). Where several sockets share the port, the one that has accepted this very connection counts. The kernel names it
        // only between accept(2) and close(2); otherwise it is enough to be one of those that may accept.
        if sockets.len() > 1
            && let Some((ours, theirs)) = conversation.ends()
        {
            sockets = self.tables.accepted(theirs, ours)?.map_or(sockets, |socket| vec![socket]);
        }
        owner.mismatch(&sockets)
    }

    fn hang_up(&mut self) {
        self.conversations.clear();
        self.ended.clear();
    }

    /// One answer for all addresses. A host is down when none of its addresses answers.
    fn in_all(&mut self) -> Answer {
        let mut ended = std::mem::take(&mut self.ended);
        // As a rule all answers are equal.
        if ended.iter().all(|(_, answer)| *answer == ended[0].1)
            && let Some((_, answer)) = ended.pop()
        {
            return answer;
        }
        let reasons = ended.iter().filter_map(|(address, answer)| match answer {
            Answer::No(reason) | Answer::Unclear(reason) => Some((address, reason)),
            Answer::Yes(_) => None,
        });
        let reasons: Vec<String> = reasons.map(|(address, reason)| format!("{address}: {reason}")).collect();
        let unclear = ended.iter().any(|(_, answer)| matches!(answer, Answer::Unclear(_)));
        if unclear { Answer::unclear(reasons.join("; ")) } else { Answer::no(reasons.join("; ")) }
    }
}

fn dial(address: SocketAddr, local_ports: Option<(u16, u16)>) -> std::result::Result<Conversation, Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    if let Some((lowest, highest)) = local_ports {
        // A kernel before 6.3 connects a socket to itself now and then. `Conversation` finds that out.
        let _ = sys::choose_port_between(socket.as_fd(), lowest, highest);
    }
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(Conversation::on(socket)),
        Err(e) => Err(e),
    }
}

/// Whether somebody on this machine listens there who does not accept: too busy is not down.
fn is_full(tables: &SocketTables, address: SocketAddr) -> bool {
    address.ip().is_loopback() && tables.is_listened_at(reached(address)) == Some(true)
}

impl Target for Tcp {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        match self.host.addresses()? {
            None => Ok(Poll::Pending),
            Some(Ok(addresses)) => self.connect(addresses),
            // A misspelt name must not pass for a host that is down.
            Some(Err(none)) if self.down && !self.host.was_found() => Err(exit_as(Exit::Failed, none.reason)),
            Some(Err(none)) => Ok(Poll::Ready(Answer::unclear(none.reason))),
        }
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        let conversations = self.conversations.iter().map(|(_, conversation)| conversation.watched());
        self.host.lookup.watched().into_iter().chain(conversations).collect()
    }

    fn resumes_at(&self) -> Deadline {
        let conversations = self.conversations.iter().map(|(_, conversation)| conversation.resumes_at(&self.script));
        conversations.fold(self.host.lookup.resumes_at(), Deadline::or)
    }

    fn watches_answer_last(&self) -> bool {
        self.conversations.iter().any(|(_, conversation)| conversation.is_staying_open())
    }

    fn resume(&mut self) -> Result<Poll<Answer>> {
        if self.host.lookup.is_under_way() { self.probe() } else { self.resume_conversations() }
    }

    fn time_out(&mut self, after: Duration) -> Answer {
        let after = for_people(after);
        if self.host.lookup.is_under_way() {
            return Answer::unclear(format!("its name has not been looked up within {after}"));
        }
        for (address, conversation) in std::mem::take(&mut self.conversations) {
            if self.down && is_full(&self.tables, address) {
                self.hang_up();
                return Answer::unclear("it accepts nobody: its backlog is full");
            }
            match conversation.time_out(&self.script, &after) {
                Answer::Yes(lasted) => {
                    self.hang_up();
                    return Answer::Yes(lasted);
                }
                answer => self.ended.push((address, answer)),
            }
        }
        self.in_all()
    }
}
