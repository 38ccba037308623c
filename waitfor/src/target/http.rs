//! `http://` and `https://` a server that answers a request, and well.
//!
//! While nobody listens there is only a knock at the door: the library's blocking call, in a thread, is for a server
//! that accepts. No proxy is taken from the environment, and a redirect is an answer.

use super::tcp::Tcp;
use super::{Answer, Means, Step, Target};
use crate::blocking_call::Errand;
use crate::sockets;
use crate::sockets::owner::Owner;
use crate::target::http_options::Asked;
use racefree_core::error::{Result, reason};
use racefree_core::event::time::{Deadline, for_people};
use racefree_core::event::{Events, Watched};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use ureq::http::Uri;

/// As much of a body is looked at.
const LONGEST: u64 = 1 << 20;

/// A page to wait for.
pub(crate) struct Http {
    uri: Uri,
    asked: Arc<Asked>,
    door: Tcp,
    port: u16,
    by: Option<Rc<Owner>>,
    open: bool,
    errand: Option<Errand<Answer>>,
}

impl Http {
    pub(crate) fn new(uri: Uri, means: &Means) -> Result<Http> {
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        let door = Tcp::to_knock_at(host.to_owned(), port, means);
        let asked = means.http.asked(means.attempt)?;
        // Behind a proxy there is no door that we could knock at.
        let open = asked.has_proxy();
        Ok(Http { uri, port, by: means.by.clone(), asked: asked.into(), door, open, errand: None })
    }

    fn request(&mut self) -> Result<Step> {
        let (uri, asked) = (self.uri.clone(), self.asked.clone());
        self.errand = Some(Errand::begin(move || answer(&uri, &asked))?);
        Ok(Step::Pending)
    }

    /// The same answer, if it came from whom we want: who listens, wherever the request may have gone.
    fn if_owned(&self, answer: Answer) -> Result<Answer> {
        let (Answer::Yes(_), Some(owner)) = (&answer, &self.by) else { return Ok(answer) };
        let listeners = sockets::on_port(self.port)?;
        let groups = self.door.called().iter().map(|address| sockets::at(address.ip(), &listeners));
        let groups = groups.map(|group| group.iter().map(|listener| listener.socket).collect::<Vec<_>>());
        let groups: Vec<_> = groups.filter(|group| !group.is_empty()).collect();
        for group in if groups.is_empty() { vec![vec![]] } else { groups } {
            if let Some(why) = owner.disowns(&group)? {
                return Ok(Answer::unclear(why));
            }
        }
        Ok(answer)
    }

    /// Somebody listens, so a request is worth its thread; or nobody does, and that is the answer.
    fn knocked(&mut self, step: Step) -> Result<Step> {
        match step {
            Step::Answered(Answer::Yes(_)) => {
                self.open = true;
                self.request()
            }
            other => Ok(other),
        }
    }
}

/// Makes the request. Blocks, for the time of an attempt at most.
fn answer(uri: &Uri, asked: &Asked) -> Answer {
    let mut response = match asked.request(uri).and_then(|request| asked.agent.run(request)) {
        Ok(response) => response,
        Err(ureq::Error::Io(e)) if e.kind() == io::ErrorKind::ConnectionRefused => return Answer::no(reason(&e)),
        Err(e) => return Answer::unclear(in_words(&e)),
    };
    let status = response.status();
    if !asked.accepts(status.as_u16()) {
        return Answer::unclear(format!("it answers {status}"));
    }
    let Some(expected) = &asked.body else { return Answer::YES };
    let mut body = vec![];
    match response.body_mut().as_reader().take(LONGEST).read_to_end(&mut body) {
        Ok(_) if expected.is_match(&body) => Answer::YES,
        Ok(_) => Answer::unclear(format!("it answers {status}, but /{expected}/ does not match the body")),
        Err(e) => Answer::unclear(format!("it answers {status}, but then: {}", reason(&e))),
    }
}

fn in_words(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "it accepts, but does not answer in time".into(),
        ureq::Error::Io(e) => reason(e),
        other => other.to_string(),
    }
}

impl Target for Http {
    fn ask(&mut self, events: &Events) -> Result<Step> {
        if self.open {
            return self.request();
        }
        let step = self.door.ask(events)?;
        self.knocked(step)
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        match &self.errand {
            Some(errand) => vec![Watched::Read(errand.as_fd())],
            None => self.door.watched(),
        }
    }

    fn goes_on_at(&self) -> Deadline {
        if self.errand.is_some() { Deadline::NEVER } else { self.door.goes_on_at() }
    }

    fn go_on(&mut self, events: &Events) -> Result<Step> {
        let Some(errand) = &self.errand else {
            let step = self.door.go_on(events)?;
            return self.knocked(step);
        };
        let Some(answer) = errand.answer()? else { return Ok(Step::Pending) };
        self.errand = None;
        // Whoever listened does so no more, perhaps: knock again.
        self.open = !matches!(answer, Answer::No(_)) || self.asked.has_proxy();
        Ok(Step::Answered(self.if_owned(answer)?))
    }

    fn cut_off(&mut self, after: Duration) -> Answer {
        match self.errand.take() {
            // The thread ends by itself, by the time limit of its request.
            Some(_) => Answer::unclear(format!("it accepts, but does not answer within {}", for_people(after))),
            None => self.door.cut_off(after),
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use clap::Parser;
    use proptest::prelude::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::mpsc;

    /// What a server may say, or somebody who is none.
    fn answers() -> impl Strategy<Value = Vec<u8>> {
        let line = "(HTTP/1\\.[01] [0-9]{3} ?[a-zA-Z ]{0,6}\r\n)?";
        let header = "((Content-Length|Transfer-Encoding|Location|X): ?([0-9]{1,20}|chunked|/x|[ -~]{0,8})\r?\n){0,3}";
        let text = format!("{line}{header}(\r\n)?");
        let noise = proptest::collection::vec(any::<u8>(), 0..60);
        (proptest::string::string_regex(&text).expect("a pattern"), noise)
            .prop_map(|(text, noise)| [text.into_bytes(), noise].concat())
    }

    /// A server that says what it is told to, once to each, and hangs up.
    fn server() -> (u16, mpsc::Sender<Vec<u8>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("our own").port();
        let (say, said) = mpsc::channel::<Vec<u8>>();
        std::thread::spawn(move || {
            for answer in said {
                let Ok((mut caller, _)) = listener.accept() else { return };
                // Who hangs up early has heard enough.
                let _ = caller.read(&mut [0; 4096]);
                let _ = caller.write_all(&answer);
            }
        });
        (port, say)
    }

    #[test]
    fn only_an_answer_with_a_good_status_is_one() {
        let (port, say) = server();
        let uri: Uri = format!("http://127.0.0.1:{port}/").parse().expect("a URL");
        let cli = crate::Cli::parse_from(["waitfor", "http://127.0.0.1/"]);
        let asked = cli.http.asked(Duration::from_secs(5)).expect("no file is read");
        let config = ProptestConfig::default();
        // Each is a connection.
        let config = ProptestConfig { cases: config.cases.min(20_000), ..config };
        proptest!(config, |(bytes in answers())| {
            say.send(bytes.clone()).expect("the server");
            if answer(&uri, &asked) == Answer::YES {
                let shown = bytes.escape_ascii().to_string();
                // Informational answers may come before the one that counts.
                let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').filter(|line| line.starts_with(b"HTTP/1.")).collect();
                prop_assert!(lines.iter().any(|line| matches!(line.get(9), Some(b'2' | b'3'))), "{}", shown);
            }
        });
    }
}
