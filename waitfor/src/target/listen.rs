//! `listen:` and `udp:` a port of this machine that somebody listens on, or has bound. Nobody is connected to: no line
//! in a log, no count.

use super::resolve::Host;
use super::{Answer, ProbeOptions, Target};
use crate::sockets::local::is_local;
use crate::sockets::owner::SocketOwner;
use crate::sockets::{self, Listener, SocketTables, Transport};
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use std::rc::Rc;
use std::task::Poll;

/// A port whose listeners the kernel lists.
pub(crate) struct Listen {
    transport: Transport,
    host: Option<Host>,
    port: u16,
    down: bool,
    by: Option<Rc<SocketOwner>>,
    tables: Rc<SocketTables>,
}

impl Listen {
    pub(crate) fn new(transport: Transport, host: Option<String>, port: u16, options: &ProbeOptions) -> Listen {
        let host = host.map(|host| Host::new(host, port, options.attempt));
        Listen { transport, host, port, down: options.down, by: options.by.clone(), tables: options.tables.clone() }
    }

    fn word(&self, tcp: &'static str, udp: &'static str) -> &'static str {
        match self.transport {
            Transport::Tcp => tcp,
            Transport::Udp => udp,
        }
    }

    /// Whether the process of `--by` owns one of the listeners to which the same connections come.
    fn judge(&self, listeners: &[Listener]) -> Result<Answer> {
        let Some(owner) = &self.by else { return Ok(Answer::YES) };
        let sockets: Vec<u64> = listeners.iter().map(|listener| listener.socket).collect();
        Ok(owner.mismatch(&sockets)?.map_or(Answer::YES, Answer::unclear))
    }
}

impl Target for Listen {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        let listeners = self.tables.on_port(self.transport, self.port)?;
        let groups: Vec<Vec<Listener>> = match &mut self.host {
            None => listeners.iter().map(|&listener| vec![listener]).collect(),
            Some(host) => match host.addresses()? {
                None => return Ok(Poll::Pending),
                Some(Ok(addresses)) if !addresses.iter().any(|address| is_local(address.ip())) => {
                    return Ok(Poll::Ready(Answer::unclear("it is not an address of this machine")));
                }
                Some(Ok(addresses)) => addresses
                    .iter()
                    .filter(|address| is_local(address.ip()))
                    .map(|address| sockets::at(address.ip(), &listeners))
                    .collect(),
                // A misspelt name must not pass for a port that is down.
                Some(Err(none)) if self.down && !host.was_found() => return Err(exit_as(Exit::Failed, none.reason)),
                Some(Err(none)) => return Ok(Poll::Ready(Answer::unclear(none.reason))),
            },
        };
        let mut answer = Answer::no(self.word("nobody listens on it", "nobody has bound it"));
        for group in groups.iter().filter(|group| !group.is_empty()) {
            answer = self.judge(group)?;
            if answer == Answer::YES {
                break;
            }
        }
        Ok(Poll::Ready(answer))
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        self.host.iter().flat_map(|host| host.lookup.watched()).collect()
    }

    fn resumes_at(&self) -> Deadline {
        self.host.as_ref().map_or(Deadline::NEVER, |host| host.lookup.resumes_at())
    }

    fn ready_text(&self) -> &'static str {
        self.word("somebody listens on it", "somebody has bound it")
    }

    fn still_text(&self) -> String {
        self.word("somebody still listens on it", "somebody still has it bound").into()
    }
}
