//! How ureq gets its connections: the first is the one that the event loop has made, and TLS is ours.

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter,
    time::Duration,
};

/// A connection that was made before the request. It is used once.
#[derive(Clone, Debug)]
pub(crate) struct MadeConnection(Arc<Mutex<Option<TcpStream>>>);

impl MadeConnection {
    pub(crate) fn new(connected: Option<TcpStream>) -> MadeConnection {
        MadeConnection(Arc::new(Mutex::new(connected)))
    }

    fn take(&self) -> Option<TcpStream> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl<In: Transport> Connector<In> for MadeConnection {
    type Out = Either<In, SocketTransport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            return Ok(Some(Either::A(chained)));
        }
        let Some(connected) = self.take() else { return Ok(None) };
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(SocketTransport { buffers, socket: connected })))
    }
}

/// The name of a connection that is made already is not looked up again.
impl Resolver for MadeConnection {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let made = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(TcpStream::peer_addr);
        match made {
            Some(peer) => {
                let mut addresses = self.empty();
                addresses.push(peer?);
                Ok(addresses)
            }
            None => DefaultResolver::default().resolve(uri, config, timeout),
        }
    }
}

/// A connection as it is.
#[derive(Debug)]
pub(crate) struct SocketTransport {
    buffers: LazyBuffers,
    socket: TcpStream,
}

impl Transport for SocketTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.socket.set_write_timeout(limit(timeout)?)?;
        self.socket.write_all(&self.buffers.output()[..amount]).map_err(|e| timed_out(e, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.socket.set_read_timeout(limit(timeout)?)?;
        let amount = loop {
            match self.socket.read(self.buffers.input_append_buf()) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|e| timed_out(e, timeout))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// No connection is kept for a second request.
    fn is_open(&mut self) -> bool {
        false
    }
}

/// The time that is left for a call; `None` if there is no limit.
fn limit(timeout: NextTimeout) -> Result<Option<std::time::Duration>, Error> {
    match timeout.after {
        Duration::Exact(left) if left.is_zero() => Err(Error::Timeout(timeout.reason)),
        Duration::Exact(left) => Ok(Some(left)),
        Duration::NotHappening => Ok(None),
    }
}

/// A call that ends at its limit says EAGAIN (socket(7), SO_RCVTIMEO).
fn timed_out(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => error.into(),
    }
}

/// Wraps a connection to an https URL in TLS.
pub(crate) struct Tls(pub(crate) Option<Arc<ClientConfig>>);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsTransport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        let Some(chained) = chained else { return Ok(None) };
        let Some(config) = self.0.clone().filter(|_| details.needs_tls() && !chained.is_tls()) else {
            return Ok(Some(Either::A(chained)));
        };
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        let mut under = TransportAdapter::new(chained.boxed(), details.current_time.clone());
        under.set_timeout(details.timeout);
        let mut tls = ClientConnection::new(config, server_name(details.uri)?).map_err(io::Error::other)?;
        tls.complete_io(&mut under)?;
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned::new(tls, under) })))
    }
}

/// The name that the certificate must have.
pub(crate) fn server_name(uri: &Uri) -> io::Result<ServerName<'static>> {
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(host.to_owned()).map_err(io::Error::other)
}

/// A connection in TLS.
pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport").finish_non_exhaustive()
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        let output = &self.buffers.output()[..amount];
        Ok(self.stream.write_all(output)?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let amount = self.stream.read(input)?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
