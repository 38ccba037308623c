//! The addresses of a host. A name is looked up again as time goes: it may exist later, or move.

use crate::blocking_call::BlockingCall;
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use racefree::sys::names::{LookupError, addresses_of};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long addresses are used before the name is looked up again.
const FRESH: Duration = Duration::from_secs(1);

/// As many look-ups of a name run side by side. The system's resolver gives each of them up after a while.
const MOST_LOOKUPS: usize = 8;

/// The result of a look-up.
pub(crate) type Addresses = std::result::Result<Vec<SocketAddr>, NoAddress>;

/// The answer of the system's resolver.
type Resolved = std::result::Result<Vec<SocketAddr>, LookupError>;

/// Why a name has no address.
#[derive(Debug)]
pub(crate) struct NoAddress {
    pub(crate) reason: String,
    /// No name server has answered, so the name may well have one.
    pub(crate) is_temporary: bool,
}

/// The look-ups of one name.
pub(crate) struct Lookup {
    name: String,
    patience: Duration,
    /// Each with its beginning, the oldest first.
    under_way: Vec<(Instant, BlockingCall<Resolved>)>,
}

impl Lookup {
    /// No look-up yet. A second one starts beside one that takes longer than `patience`: a resolver that has lost a
    /// packet waits 5 s before it asks again, and it reads /etc/hosts only at its start.
    pub(crate) fn new(name: String, patience: Duration) -> Lookup {
        Lookup { name, patience, under_way: vec![] }
    }

    /// The result of the first look-up that finishes; `None` while all are under way. It starts a look-up if there is none.
    pub(crate) fn poll(&mut self) -> Result<Option<Addresses>> {
        if self.under_way.len() < MOST_LOOKUPS && self.another_at().passed() {
            let name = self.name.clone();
            self.under_way.push((Instant::now(), BlockingCall::begin(move || addresses_of(&name))?));
        }
        let mut place = 0;
        while place < self.under_way.len() {
            let Some(found) = self.under_way[place].1.result()? else {
                place += 1;
                continue;
            };
            self.under_way.remove(place);
            let unknown = matches!(&found, Err(error) if error.is_temporary());
            // A look-up that got no answer says nothing while a later one may still get it.
            if !unknown || self.under_way.is_empty() {
                self.under_way.clear();
                return Ok(Some(self.addresses(found)));
            }
        }
        Ok(None)
    }

    fn addresses(&self, found: Resolved) -> Addresses {
        let name = &self.name;
        match found {
            Ok(addresses) if addresses.is_empty() => {
                Err(NoAddress { reason: format!("{name} has no address"), is_temporary: false })
            }
            Ok(addresses) => Ok(addresses),
            Err(e) => Err(NoAddress { reason: format!("look up {name}: {e}"), is_temporary: e.is_temporary() }),
        }
    }

    fn another_at(&self) -> Deadline {
        match self.under_way.last() {
            Some(&(began, _)) => Deadline::after(self.patience.saturating_sub(began.elapsed())),
            None => Deadline::after(Duration::ZERO),
        }
    }

    /// When to poll although no look-up has finished.
    pub(crate) fn resumes_at(&self) -> Deadline {
        if self.under_way.is_empty() || self.under_way.len() == MOST_LOOKUPS {
            Deadline::NEVER
        } else {
            self.another_at()
        }
    }

    /// The descriptors of the look-ups under way.
    pub(crate) fn watched(&self) -> Vec<Watched<'_>> {
        self.under_way.iter().map(|(_, call)| Watched::Read(call.as_fd())).collect()
    }

    /// Whether a look-up is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.under_way.is_empty()
    }
}

/// A host and a port.
pub(crate) struct Host {
    port: u16,
    known: Vec<SocketAddr>,
    fresh: Fresh,
    pub(crate) lookup: Lookup,
}

/// Whether the known addresses may be used.
enum Fresh {
    /// The host is an address itself.
    Always,
    /// The name was looked up then.
    Since(Instant),
    Never,
}

impl Host {
    pub(crate) fn new(name: String, port: u16, attempt: Duration) -> Host {
        let (known, fresh) = match name.parse::<IpAddr>() {
            Ok(address) => (vec![SocketAddr::new(address, port)], Fresh::Always),
            Err(_) => (vec![], Fresh::Never),
        };
        Host { port, known, fresh, lookup: Lookup::new(name, attempt) }
    }

    /// The addresses; `None` while the name is looked up.
    pub(crate) fn addresses(&mut self) -> Result<Option<Addresses>> {
        match self.fresh {
            Fresh::Always => return Ok(Some(Ok(self.known.clone()))),
            Fresh::Since(when) if when.elapsed() < FRESH => return Ok(Some(Ok(self.known.clone()))),
            _ => {}
        }
        let Some(mut found) = self.lookup.poll()? else { return Ok(None) };
        if let Ok(addresses) = &mut found {
            addresses.iter_mut().for_each(|address| address.set_port(self.port));
            self.fresh = Fresh::Since(Instant::now());
            self.known.clone_from(addresses);
        }
        Ok(Some(found))
    }

    /// Whether a look-up has ever found an address.
    pub(crate) fn was_found(&self) -> bool {
        !self.known.is_empty()
    }
}
