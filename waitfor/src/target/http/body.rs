//! The body of an answer, judged as it arrives: an event stream never ends.

use super::client::HttpClient;
use super::error::io_in_words;
use crate::target::Answer;
use std::io::{ErrorKind, Read};

/// As much of a body is judged.
const LONGEST: usize = 1 << 20;

/// Judges the body of an answer whose status counts, as it arrives.
pub(crate) fn judge_body(status: &str, body: &mut dyn Read, client: &HttpClient) -> Answer {
    if client.expected.is_none() && client.unexpected.is_none() {
        return Answer::YES;
    }
    let mut content = vec![];
    let mut room = [0; 16 * 1024];
    let ended = loop {
        match body.read(&mut room) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => break Err(e),
            Ok(0) => break Ok(()),
            Ok(length) => content.extend_from_slice(&room[..length]),
        }
        if content.len() >= LONGEST {
            content.truncate(LONGEST);
            break Ok(());
        }
        // A match that reaches the last byte may depend on what comes after it.
        let settled = |found: regex::bytes::Match<'_>| found.end() < content.len();
        if client.unexpected.is_none()
            && client.expected.as_ref().and_then(|expected| expected.find(&content)).is_some_and(settled)
        {
            return Answer::YES;
        }
    };
    let found = client.expected.as_ref().is_none_or(|expected| expected.is_match(&content));
    let spoilt = client.unexpected.as_ref().filter(|unexpected| unexpected.is_match(&content));
    match (spoilt, found, ended) {
        (Some(unexpected), ..) => Answer::unclear(format!("it answers {status}, but /{unexpected}/ matches the body")),
        (None, true, Ok(())) => Answer::YES,
        // No end is in sight, and none is needed.
        (None, true, Err(_)) if client.unexpected.is_none() => Answer::YES,
        (None, _, Err(e)) => Answer::unclear(format!("it answers {status}, but then: {}", io_in_words(&e))),
        (None, false, Ok(())) => {
            let expected = client.expected.as_ref().map_or("", |expected| expected.as_str());
            Answer::unclear(format!("it answers {status}, but /{expected}/ does not match the body"))
        }
    }
}
