//! `tcp:` a port that accepts a connection, on any address of a host. The kernel is asked first about an address of
//! this machine, which costs a sixth of a connection and sends no packet. A connection is tried all the same now and
//! then, because a port that netfilter or eBPF forwards has no listener here.

use super::conversation::Conversation;
use super::dial::{dial, is_full, is_of_this_process};
use super::resolve::Host;
use super::script::Script;
use super::{Answer, ProbeOptions, Target};
use crate::sockets::local::{is_local, reached};
use crate::sockets::owner::SocketOwner;
use crate::sockets::{self, SocketTables, Transport};
use nix::errno::Errno;
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::{Context, Result};
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use racefree::event::duration::for_people;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// A connection is tried at least this often, whatever the kernel says of listeners.
const CONNECT_AGAIN: Duration = Duration::from_millis(250);

/// How long an address may be silent before the next one is connected to as well (RFC 8305).
const STAGGER: Duration = Duration::from_millis(50);

/// A port to wait for.
pub(crate) struct Tcp {
    host: Host,
    script: Script,
    down: bool,
    by: Option<Rc<SocketOwner>>,
    tables: Rc<SocketTables>,
    attempt: Duration,
    tried: Option<Instant>,
    worth_connecting: bool,
    /// The addresses that have not got their connection in this try, and when the next one gets it.
    to_come: VecDeque<SocketAddr>,
    next_at: Deadline,
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
            attempt: options.attempt,
            tried: None,
            worth_connecting: true,
            to_come: VecDeque::new(),
            next_at: Deadline::NEVER,
            conversations: vec![],
            ended: vec![],
            local_ports: options.tables.local_ports_but(port),
            connected: None,
        }
    }

    /// The connection that was made at the last try, if the answer was yes.
    pub(crate) fn take_connected(&mut self) -> Option<OwnedFd> {
        self.connected.take()
    }

    /// Begins with the first address. Another one gets its connection only where those before it do not answer: a
    /// server on several addresses sees no connection without a request.
    fn begin(&mut self, addresses: Vec<SocketAddr>) -> Result<Poll<Answer>> {
        self.worth_connecting = self.tried.is_none_or(|tried| tried.elapsed() >= CONNECT_AGAIN);
        self.to_come = addresses.into();
        self.proceed()
    }

    /// Resumes the conversations under way, and begins the next one when it is its turn.
    fn proceed(&mut self) -> Result<Poll<Answer>> {
        loop {
            let poll = self.resume_conversations()?;
            if poll.is_pending() && self.next_at().passed() {
                if let Some(address) = self.to_come.pop_front() {
                    self.connect(address)?;
                }
            } else if poll.is_pending() && self.conversations.is_empty() {
                return Ok(Poll::Ready(Answer::of_all(std::mem::take(&mut self.ended))));
            } else {
                return Ok(poll);
            }
        }
    }

    /// When the next address gets its connection: never where one has answered and only has to stay open.
    fn next_at(&self) -> Deadline {
        if self.to_come.is_empty() || self.watches_answer_last() {
            Deadline::NEVER
        } else if self.conversations.is_empty() {
            Deadline::after(Duration::ZERO)
        } else {
            self.next_at
        }
    }

    fn connect(&mut self, address: SocketAddr) -> Result<()> {
        if let Some(answer) = self.without_connecting(address)? {
            self.ended.push((address, answer));
            return Ok(());
        }
        self.tried = Some(Instant::now());
        // Half of an attempt is for the addresses that are to come.
        self.next_at = Deadline::after((self.attempt / (2 * self.to_come.len().max(1) as u32)).min(STAGGER));
        match dial(address, self.local_ports) {
            Ok(conversation) => self.conversations.push((address, conversation)),
            Err(e) if is_of_this_process(e) => return Err(e).act("connect to", address),
            Err(e) => self.ended.push((address, Answer::no(e))),
        }
        Ok(())
    }

    /// The answer that the kernel gives without a connection. `None`: a connection is worth its time.
    fn without_connecting(&self, address: SocketAddr) -> Result<Option<Answer>> {
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
        let is_worth_it = self.worth_connecting && self.tables.has_connection_left();
        Ok((!is_worth_it).then(|| Answer::no(Errno::ECONNREFUSED)))
    }

    fn sockets_at(&self, address: SocketAddr) -> Result<Vec<u64>> {
        let address = reached(address);
        let listeners = sockets::at(address.ip(), &self.tables.on_port(Transport::Tcp, address.port())?);
        Ok(listeners.iter().map(|listener| listener.socket).collect())
    }

    /// The answer of the first connection that is answered.
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
        Ok(Poll::Pending)
    }

    /// Why the peer of a connection is not the process of `--by`.
    fn mismatch(&self, address: SocketAddr, conversation: &Conversation) -> Result<Option<String>> {
        let Some(owner) = &self.by else { return Ok(None) };
        let mut sockets = self.sockets_at(address)?;
        // Race: two-on-one-port (docs/races.md). The socket that has accepted this very connection counts. The kernel
        // names it only between accept(2) and close(2); otherwise it is enough to be one of those that may accept.
        if sockets.len() > 1
            && let Some((ours, theirs)) = conversation.ends()
        {
            sockets = self.tables.accepted(theirs, ours)?.map_or(sockets, |socket| vec![socket]);
        }
        owner.mismatch(&sockets)
    }

    fn hang_up(&mut self) {
        self.to_come.clear();
        self.conversations.clear();
        self.ended.clear();
    }
}

impl Target for Tcp {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        match self.host.addresses()? {
            None => Ok(Poll::Pending),
            Some(Ok(addresses)) => self.begin(addresses),
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
        conversations.fold(self.host.lookup.resumes_at().or(self.next_at()), Deadline::or)
    }

    fn watches_answer_last(&self) -> bool {
        self.conversations.iter().any(|(_, conversation)| conversation.is_staying_open())
    }

    fn resume(&mut self) -> Result<Poll<Answer>> {
        if self.host.lookup.is_under_way() { self.probe() } else { self.proceed() }
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
        Answer::of_all(std::mem::take(&mut self.ended))
    }
}
