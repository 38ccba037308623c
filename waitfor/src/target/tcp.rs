//! `tcp:` a port that accepts a connection, on any address of a host.

use super::conversation::{Call, Talk};
use super::resolve::Host;
use super::{Answer, Means, Step, Target};
use crate::sockets;
use crate::sockets::owner::Owner;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::{Context, Result};
use racefree_core::event::time::{Deadline, for_people};
use racefree_core::event::{Events, Watched};
use racefree_core::sys;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::Duration;

/// A port to wait for.
pub(crate) struct Tcp {
    host: Host,
    talk: Talk,
    down: bool,
    by: Option<Rc<Owner>>,
    calls: Vec<(SocketAddr, Call)>,
    ended: Vec<(SocketAddr, Answer)>,
    calls_from: Option<(u16, u16)>,
}

impl Tcp {
    pub(crate) fn new(host: String, port: u16, means: &Means) -> Tcp {
        Tcp { talk: means.talk.clone(), by: means.by.clone(), ..Tcp::to_knock_at(host, port, means) }
    }

    /// Only whether somebody accepts.
    pub(crate) fn to_knock_at(host: String, port: u16, means: &Means) -> Tcp {
        Tcp {
            host: Host::new(host, port),
            talk: Talk::none(),
            down: means.down,
            by: None,
            calls: vec![],
            ended: vec![],
            calls_from: ports_but(port),
        }
    }

    /// Calls every address at once: one that is silent does not hold up the others.
    fn call(&mut self, addresses: Vec<SocketAddr>) -> Result<Step> {
        for address in addresses {
            match dial(address, self.calls_from) {
                Ok(call) => self.calls.push((address, call)),
                Err(e @ (Errno::ACCESS | Errno::PERM | Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                    return Err(e).act("connect to", address);
                }
                Err(e) => self.ended.push((address, Answer::no(e))),
            }
        }
        self.go_on_calling()
    }

    fn go_on_calling(&mut self) -> Result<Step> {
        for (address, mut call) in std::mem::take(&mut self.calls) {
            match call.go_on(&self.talk) {
                None => self.calls.push((address, call)),
                Some(Answer::Yes(lasted)) => match self.disowned(address, &call)? {
                    Some(why) => self.ended.push((address, Answer::unclear(why))),
                    None => {
                        self.hang_up();
                        return Ok(Step::Answered(Answer::Yes(lasted)));
                    }
                },
                Some(answer) => self.ended.push((address, answer)),
            }
        }
        Ok(if self.calls.is_empty() { Step::Answered(self.summed_up()) } else { Step::Pending })
    }

    /// Why what answers there is not whom we want.
    fn disowned(&self, address: SocketAddr, call: &Call) -> Result<Option<String>> {
        let Some(owner) = &self.by else { return Ok(None) };
        let mut sockets: Vec<u64> =
            sockets::at(address.ip(), &sockets::on_port(address.port())?).iter().map(|l| l.socket).collect();
        // Where several share the port, who has accepted this very call counts, as long as it is told: it is not before
        // that, nor after it has hung up. Then it is enough to be one of those that may accept.
        if sockets.len() > 1
            && let Some((ours, theirs)) = call.ends()
        {
            sockets = sockets::accepted(theirs, ours)?.map_or(sockets, |socket| vec![socket]);
        }
        owner.disowns(&sockets)
    }

    /// Where it calls, as far as that is known: each address of its host.
    pub(crate) fn called(&self) -> &[SocketAddr] {
        self.host.known()
    }

    fn hang_up(&mut self) {
        self.calls.clear();
        self.ended.clear();
    }

    /// One answer for all addresses. Down is what answers on none of them.
    fn summed_up(&mut self) -> Answer {
        let mut ended = std::mem::take(&mut self.ended);
        // As a rule they are of one mind.
        if ended.iter().all(|(_, answer)| *answer == ended[0].1)
            && let Some((_, answer)) = ended.pop()
        {
            return answer;
        }
        let words = ended.iter().filter_map(|(address, answer)| match answer {
            Answer::No(why) | Answer::Unclear(why) => Some((address, why)),
            Answer::Yes(_) => None,
        });
        let words: Vec<String> = words.map(|(address, why)| format!("{address}: {why}")).collect();
        let unclear = ended.iter().any(|(_, answer)| matches!(answer, Answer::Unclear(_)));
        if unclear { Answer::unclear(words.join("; ")) } else { Answer::no(words.join("; ")) }
    }
}

fn dial(address: SocketAddr, calls_from: Option<(u16, u16)>) -> std::result::Result<Call, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    if let Some((lowest, highest)) = calls_from {
        // A kernel too old to listen lets a call come back to itself now and then; that is seen once it is connected.
        let _ = sys::choose_port_between(socket.as_fd(), lowest, highest);
    }
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(Call::on(socket)),
        Err(e) => Err(e),
    }
}

/// Whether somebody listens there, on this machine, who does not accept: too busy is not down.
fn is_full(address: SocketAddr) -> bool {
    address.ip().is_loopback()
        && sockets::on_port(address.port()).is_ok_and(|found| !sockets::at(address.ip(), &found).is_empty())
}

/// The larger part of the ports that calls are made from, without this one: a call from the very port that it goes to
/// would be answered by itself, and keep the port from the daemon. None where no call is made from it anyway.
fn ports_but(port: u16) -> Option<(u16, u16)> {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let (lowest, highest) = range.trim().split_once('\t')?;
    let (lowest, highest): (u16, u16) = (lowest.parse().ok()?, highest.trim().parse().ok()?);
    if !(lowest..=highest).contains(&port) {
        return None;
    }
    Some(if port - lowest > highest - port { (0, port - 1) } else { (port.saturating_add(1), 0) })
}

impl Target for Tcp {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        match self.host.addresses()? {
            None => Ok(Step::Pending),
            Some(Ok(addresses)) => self.call(addresses),
            // A slip of the pen must not pass for a host that is down.
            Some(Err(why)) if self.down && !self.host.was_found() => Err(exit_as(Exit::Failed, why)),
            Some(Err(why)) => Ok(Step::Answered(Answer::unclear(why))),
        }
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        match self.host.told() {
            Some(told) => vec![Watched::Read(told)],
            None => self.calls.iter().map(|(_, call)| call.watched()).collect(),
        }
    }

    fn goes_on_at(&self) -> Deadline {
        self.calls.iter().map(|(_, call)| call.goes_on_at(&self.talk)).fold(Deadline::NEVER, Deadline::or)
    }

    fn is_lasting(&self) -> bool {
        self.calls.iter().any(|(_, call)| call.is_lasting())
    }

    fn go_on(&mut self, events: &Events) -> Result<Step> {
        if self.host.told().is_some() { self.ask(events) } else { self.go_on_calling() }
    }

    fn cut_off(&mut self, after: Duration) -> Answer {
        let after = for_people(after);
        if self.host.told().is_some() {
            return Answer::unclear(format!("its name has not been looked up within {after}"));
        }
        for (address, call) in std::mem::take(&mut self.calls) {
            if self.down && is_full(address) {
                self.hang_up();
                return Answer::unclear("it accepts nobody: its backlog is full");
            }
            match call.cut_off(&self.talk, &after) {
                Answer::Yes(lasted) => {
                    self.hang_up();
                    return Answer::Yes(lasted);
                }
                answer => self.ended.push((address, answer)),
            }
        }
        self.summed_up()
    }
}
