//! `listen:` a port of this machine that somebody listens on. Nobody is connected to: no line in a log, no count.

use super::resolve::Host;
use super::{Answer, Means, Step, Target};
use crate::sockets::owner::Owner;
use crate::sockets::{self, Listener};
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::Result;
use racefree_core::event::{Events, Watched};
use std::rc::Rc;

/// A port to wait for, passively.
pub(crate) struct Listen {
    host: Option<Host>,
    port: u16,
    down: bool,
    by: Option<Rc<Owner>>,
}

impl Listen {
    pub(crate) fn new(host: Option<String>, port: u16, means: &Means) -> Listen {
        let host = host.map(|host| Host::new(host, port));
        Listen { host, port, down: means.down, by: means.by.clone() }
    }

    /// Whether those that connections come to are the right ones.
    fn judged(&self, listeners: &[Listener]) -> Result<Answer> {
        let Some(owner) = &self.by else { return Ok(Answer::YES) };
        let sockets: Vec<u64> = listeners.iter().map(|listener| listener.socket).collect();
        Ok(owner.disowns(&sockets)?.map_or(Answer::YES, Answer::unclear))
    }
}

impl Target for Listen {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        let listeners = sockets::on_port(self.port)?;
        let groups: Vec<Vec<Listener>> = match &mut self.host {
            None => listeners.iter().map(|&listener| vec![listener]).collect(),
            Some(host) => match host.addresses()? {
                None => return Ok(Step::Pending),
                Some(Ok(addresses)) => addresses.iter().map(|address| sockets::at(address.ip(), &listeners)).collect(),
                // A slip of the pen must not pass for a port that is down.
                Some(Err(why)) if self.down && !host.was_found() => return Err(exit_as(Exit::Failed, why)),
                Some(Err(why)) => return Ok(Step::Answered(Answer::unclear(why))),
            },
        };
        let mut answer = Answer::no("nobody listens on it");
        for group in groups.iter().filter(|group| !group.is_empty()) {
            answer = self.judged(group)?;
            if answer == Answer::YES {
                break;
            }
        }
        Ok(Step::Answered(answer))
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        self.host.iter().filter_map(Host::told).map(Watched::Read).collect()
    }

    fn ready(&self) -> &'static str {
        "somebody listens on it"
    }

    fn still(&self) -> String {
        "somebody still listens on it".into()
    }
}
