//! A request over HTTP/2 (RFC 9113): just enough to learn the status and the body of one answer.
//!
//! For a server that speaks nothing else: over TLS where it has chosen `h2`, else by prior knowledge. Of the answer's
//! headers only the first, `:status`, is read (RFC 7541); the dynamic table is switched off, so each block stands
//! alone.

mod hpack;

use super::body::judge_body;
use super::client::HttpClient;
use super::connector::server_name;
use super::tls::HTTP_2;
use super::url::Url;
use crate::target::Answer;
use hpack::{literal, status};
use rustls::{ClientConnection, StreamOwned};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ureq::http::{StatusCode, header};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Room for the body that is judged, without updates of the window.
const WINDOW: u32 = 1 << 21;
const LONGEST_FRAME: usize = 16 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Makes the request and judges the answer.
///
/// # Errors
/// The server does not speak HTTP/2, or ends the connection.
pub(crate) fn answer(url: &Url, client: &HttpClient, connected: TcpStream, deadline: Instant) -> io::Result<Answer> {
    connected.set_nonblocking(false)?;
    let stream = Timed { stream: connected, deadline };
    let tls = client.tls.as_ref().filter(|_| url.is_https());
    let Some(config) = tls else { return over(stream, url, client) };
    let mut config = (**config).clone();
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    let tls = ClientConnection::new(Arc::new(config), server_name(&url.uri)?).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(tls, stream);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    if stream.conn.alpn_protocol() != Some(HTTP_2) {
        return Err(ErrorKind::InvalidData.into());
    }
    over(stream, url, client)
}

/// A socket whose calls end at the deadline.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(room)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn over(mut stream: impl Read + Write, url: &Url, client: &HttpClient) -> io::Result<Answer> {
    let mut opening = PREFACE.to_vec();
    // No dynamic table, no push, a large window for the stream.
    let settings: [(u16, u32); 3] = [(1, 0), (2, 0), (4, WINDOW)];
    let settings: Vec<u8> =
        settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    opening.extend(frame(SETTINGS, 0, 0, &settings));
    opening.extend(frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes()));
    opening.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &headers(url, client)?));
    stream.write_all(&opening)?;
    stream.flush()?;
    let mut exchange = Exchange { stream, is_http2: false, status: None, data: vec![], ended: false };
    while exchange.status.is_none() {
        exchange.take_frame()?;
    }
    let status = exchange.status.and_then(|status| StatusCode::from_u16(status).ok()).ok_or(ErrorKind::InvalidData)?;
    if client.follow && status.is_redirection() {
        return Ok(Answer::unclear(format!("it answers {status} over HTTP/2, where --follow does not follow")));
    }
    if !client.accepts(status.as_u16()) {
        return Ok(Answer::unclear(format!("it answers {status}")));
    }
    Ok(judge_body(&status.to_string(), &mut exchange, client))
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The header block of the request: each field a literal without indexing, its name new.
fn headers(url: &Url, client: &HttpClient) -> io::Result<Vec<u8>> {
    let request = client.request(url).map_err(|e| e.into_io())?;
    let uri = &url.uri;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let authority = match request.headers().get(header::HOST) {
        Some(host) => host.as_bytes(),
        None => uri.authority().map_or(&b""[..], |authority| authority.as_str().as_bytes()),
    };
    let mut block = vec![];
    for (name, value) in [
        (":method", request.method().as_str().as_bytes()),
        (":scheme", uri.scheme_str().unwrap_or("http").as_bytes()),
        (":authority", authority),
        (":path", path.as_bytes()),
        ("user-agent", client.user_agent.as_bytes()),
    ] {
        literal(&mut block, name.as_bytes(), value);
    }
    for (name, value) in request.headers().iter().filter(|(name, _)| **name != header::HOST) {
        literal(&mut block, name.as_str().as_bytes(), value.as_bytes());
    }
    Ok(block)
}

/// The answer as it arrives.
struct Exchange<S> {
    stream: S,
    is_http2: bool,
    status: Option<u16>,
    data: Vec<u8>,
    ended: bool,
}

impl<S: Read + Write> Exchange<S> {
    fn take_frame(&mut self) -> io::Result<()> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head)?;
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (kind, flags, stream) = (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
        // The first frame of every server is its settings.
        if length > LONGEST_FRAME || !self.is_http2 && kind != SETTINGS {
            return Err(ErrorKind::InvalidData.into());
        }
        self.is_http2 = true;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload)?;
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let payload = if kind == PING { &payload[..] } else { &[] };
                self.stream.write_all(&frame(kind, ACK, 0, payload))?;
                self.stream.flush()?;
            }
            HEADERS if stream == 1 => {
                // Informational answers come before the one that counts; trailers come after it.
                if self.status.is_none() {
                    let status = status(content(&payload, flags)).ok_or(ErrorKind::InvalidData)?;
                    self.status = Some(status).filter(|&status| status >= 200);
                }
                self.ended = flags & END_STREAM != 0;
            }
            DATA if stream == 1 => {
                self.data.extend_from_slice(content(&payload, flags));
                self.ended = flags & END_STREAM != 0;
            }
            RST_STREAM if stream == 1 => return Err(ErrorKind::ConnectionReset.into()),
            GOAWAY if self.status.is_none() => return Err(ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
        Ok(())
    }
}

impl<S: Read + Write> Read for Exchange<S> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        while self.data.is_empty() && !self.ended {
            self.take_frame()?;
        }
        let length = self.data.len().min(room.len());
        room[..length].copy_from_slice(&self.data[..length]);
        self.data.drain(..length);
        Ok(length)
    }
}

/// The payload of a frame without its padding and priority.
fn content(payload: &[u8], flags: u8) -> &[u8] {
    let (mut payload, mut padding) = (payload, 0);
    if flags & PADDED != 0
        && let [length, rest @ ..] = payload
    {
        (payload, padding) = (rest, usize::from(*length));
    }
    if flags & PRIORITY != 0 {
        payload = payload.get(5..).unwrap_or_default();
    }
    &payload[..payload.len().saturating_sub(padding)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_and_priority_are_no_content() {
        assert_eq!(content(&[2, 7, 0, 0], PADDED), [7]);
        assert_eq!(content(&[0, 0, 0, 0, 0, 7], PRIORITY), [7]);
        assert!(content(&[9], PADDED).is_empty());
    }
}
