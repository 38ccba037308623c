//! One request, and the verdict on its answer. Blocks, in a thread of its own.

use super::body::judge_body;
use super::client::HttpClient;
use super::connector::{MadeConnection, Tls};
use super::error::{io_in_words, tls_error};
use super::url::Url;
use super::{http2, tls};
use crate::target::Answer;
use racefree::error::reason;
use std::io::ErrorKind;
use std::net::TcpStream;
use std::time::Instant;
use ureq::Agent;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};

/// Makes the request over the connection, or over one of its own, and judges the answer.
pub(crate) fn answer(url: &Url, client: &HttpClient, connected: Option<TcpStream>) -> Answer {
    let deadline = Instant::now() + client.time;
    let peer = connected.as_ref().and_then(|connected| connected.peer_addr().ok());
    if let (Some(connected), true) = (&connected, client.speaks_http2())
        && let Ok(connected) = connected.try_clone()
    {
        return http2::answer(url, client, connected, deadline).unwrap_or_else(|e| Answer::unclear(reason(&e)));
    }
    let error = match over_http1(url, client, connected) {
        Ok(answer) => return answer,
        Err(error) => error,
    };
    // A server that speaks HTTP/2 only has refused or hung up; the port has proved to be open.
    if let (Some(peer), true) = (peer, client.may_speak_http2() && may_be_http2_only(&error)) {
        let left = deadline.saturating_duration_since(Instant::now()).max(std::time::Duration::from_millis(1));
        let again = TcpStream::connect_timeout(&peer, left);
        if let Ok(answer) = again.and_then(|connected| http2::answer(url, client, connected, deadline)) {
            client.has_spoken_http2();
            return answer;
        }
    }
    in_answer(&error)
}

fn over_http1(url: &Url, client: &HttpClient, connected: Option<TcpStream>) -> Result<Answer, ureq::Error> {
    if let Some(connected) = &connected {
        connected.set_nonblocking(false)?;
    }
    let made = MadeConnection::new(connected);
    let connector =
        ().chain(ConnectProxyConnector::default())
            .chain(made.clone())
            .chain(TcpConnector::default())
            .chain(Tls(client.tls.clone()));
    let mut response = Agent::with_parts(client.config(), connector, made).run(client.request(url)?)?;
    client.has_spoken_http1();
    let status = response.status();
    if !client.accepts(status.as_u16()) {
        return Ok(Answer::unclear(format!("it answers {status}")));
    }
    Ok(judge_body(&status.to_string(), &mut response.body_mut().as_reader(), client))
}

/// Whether a server that speaks HTTP/2 only may have failed like this.
fn may_be_http2_only(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Protocol(_) => true,
        ureq::Error::Io(e) => match tls_error(e) {
            Some(e) => tls::is_wrong_protocol(e),
            None => matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe),
        },
        _ => false,
    }
}

fn in_answer(error: &ureq::Error) -> Answer {
    match error {
        ureq::Error::Io(e) if e.kind() == ErrorKind::ConnectionRefused => Answer::no(reason(e)),
        ureq::Error::Io(e) => Answer::unclear(io_in_words(e)),
        ureq::Error::Timeout(_) => Answer::unclear("it accepts, but does not answer in time"),
        other => Answer::unclear(other.to_string()),
    }
}
