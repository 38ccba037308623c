//! The addresses of a host, looked up again as time goes: a name that does not exist yet may do so later.

use crate::blocking_call::Errand;
use racefree_core::error::Result;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

/// How long addresses are believed before the name is looked up again.
const FRESH: Duration = Duration::from_secs(1);

/// What a look-up came to: addresses, or why there are none.
pub(crate) type Found = std::result::Result<Vec<SocketAddr>, String>;

/// A host and a port.
pub(crate) struct Host {
    name: String,
    port: u16,
    /// The addresses as they were when it was last looked up.
    known: Vec<SocketAddr>,
    fresh: Fresh,
    errand: Option<Errand<Found>>,
}

/// Whether what is known may be relied upon.
enum Fresh {
    /// It is an address itself.
    Always,
    /// Looked up then.
    Since(Instant),
    Never,
}

impl Host {
    pub(crate) fn new(name: String, port: u16) -> Host {
        let (known, fresh) = match name.parse::<IpAddr>() {
            Ok(address) => (vec![SocketAddr::new(address, port)], Fresh::Always),
            Err(_) => (vec![], Fresh::Never),
        };
        Host { name, port, known, fresh, errand: None }
    }

    /// The addresses; `None` while they are still looked up.
    pub(crate) fn addresses(&mut self) -> Result<Option<Found>> {
        match self.fresh {
            Fresh::Always => return Ok(Some(Ok(self.known.clone()))),
            Fresh::Since(when) if when.elapsed() < FRESH => return Ok(Some(Ok(self.known.clone()))),
            _ => {}
        }
        // A look-up that outlasts a try is not begun a second time; the next try waits for the same.
        let errand = match self.errand.take() {
            Some(errand) => errand,
            None => {
                let (name, port) = (self.name.clone(), self.port);
                Errand::begin(move || look_up(&name, port))?
            }
        };
        let Some(found) = errand.answer()? else {
            self.errand = Some(errand);
            return Ok(None);
        };
        if let Ok(addresses) = &found {
            self.fresh = Fresh::Since(Instant::now());
            self.known.clone_from(addresses);
        }
        Ok(Some(found))
    }

    /// The addresses as they were when it was last looked up.
    pub(crate) fn known(&self) -> &[SocketAddr] {
        &self.known
    }

    /// Whether it has ever had an address.
    pub(crate) fn was_found(&self) -> bool {
        !self.known.is_empty()
    }

    /// What can be read when the look-up under way has its answer.
    pub(crate) fn told(&self) -> Option<BorrowedFd<'_>> {
        self.errand.as_ref().map(AsFd::as_fd)
    }
}

/// Asks the system's resolver, as every other program does (getaddrinfo(3)). Blocks.
pub(crate) fn look_up(name: &str, port: u16) -> Found {
    match (name, port).to_socket_addrs() {
        Ok(addresses) => {
            let mut addresses: Vec<SocketAddr> = addresses.collect();
            addresses.dedup();
            if addresses.is_empty() { Err(format!("{name} has no address")) } else { Ok(addresses) }
        }
        Err(e) => {
            let said = e.to_string();
            let why = said.strip_prefix("failed to lookup address information: ").unwrap_or(&said);
            Err(format!("look up {name}: {why}"))
        }
    }
}
