//! `http://` and `https://` a server that answers a request, and well.
//!
//! The event loop connects; the request is then made over this very connection, by a library call that blocks, in a
//! thread of its own. So the first connection that a server sees is the request, and a port on which nobody listens
//! costs no thread. No proxy is taken from the environment, and a redirect is an answer.

mod body;
pub(crate) mod client;
mod connector;
mod error;
pub(crate) mod http2;
pub(crate) mod options;
#[cfg(test)]
mod properties;
pub(crate) mod request;
mod tls;
pub(crate) mod url;

use super::tcp::Tcp;
use super::{Answer, ProbeOptions, Target};
use crate::blocking_call::BlockingCall;
use client::HttpClient;
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use racefree::event::duration::for_people;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use url::Url;

/// A page to wait for.
pub(crate) struct Http {
    url: Arc<Url>,
    client: Arc<HttpClient>,
    connection: Tcp,
    request: Option<BlockingCall<Answer>>,
}

impl Http {
    pub(crate) fn new(url: Url, options: &ProbeOptions) -> Result<Http> {
        let connection = Tcp::without_script(url.host().to_owned(), url.port(), options);
        let client = HttpClient::new(&options.http, options.attempt, url.is_https())?;
        Ok(Http { url: url.into(), client: client.into(), connection, request: None })
    }

    fn begin_request(&mut self, connected: Option<TcpStream>) -> Result<Poll<Answer>> {
        let (url, client) = (self.url.clone(), self.client.clone());
        self.request = Some(BlockingCall::begin(move || request::answer(&url, &client, connected))?);
        Ok(Poll::Pending)
    }

    /// Makes the request once the server has accepted. A server that does not accept has given its answer.
    fn on_connection(&mut self, poll: Poll<Answer>) -> Result<Poll<Answer>> {
        match poll {
            Poll::Ready(Answer::Yes(_)) => {
                let connected = self.connection.take_connected().map(TcpStream::from);
                self.begin_request(connected)
            }
            other => Ok(other),
        }
    }
}

impl Target for Http {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        // The proxy decides whether the server accepts.
        if self.client.has_proxy() {
            return self.begin_request(None);
        }
        let poll = self.connection.probe()?;
        self.on_connection(poll)
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        match &self.request {
            Some(request) => vec![Watched::Read(request.as_fd())],
            None => self.connection.watched(),
        }
    }

    fn resumes_at(&self) -> Deadline {
        if self.request.is_some() { Deadline::NEVER } else { self.connection.resumes_at() }
    }

    fn resume(&mut self) -> Result<Poll<Answer>> {
        let Some(request) = &self.request else {
            let poll = self.connection.resume()?;
            return self.on_connection(poll);
        };
        let Some(answer) = request.result()? else { return Ok(Poll::Pending) };
        self.request = None;
        Ok(Poll::Ready(answer))
    }

    fn time_out(&mut self, after: Duration) -> Answer {
        match self.request.take() {
            // The thread ends by itself: its request has a limit of its own.
            Some(_) => Answer::unclear(format!("it accepts, but does not answer within {}", for_people(after))),
            None => self.connection.time_out(after),
        }
    }
}
