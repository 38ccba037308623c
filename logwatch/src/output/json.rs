//! JSON output: one object per line.

use crate::matching::matcher::{Matcher, Verdict};
use crate::output::origin::Origin;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use std::path::Path;

/// A line that was found.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) origin: Origin<'a>,
    pub(crate) offset: u64,
    pub(crate) line: &'a [u8],
    pub(crate) verdict: Verdict,
    pub(crate) captures: &'a [Vec<u8>],
}

#[derive(Serialize)]
struct Object<'a> {
    event: &'a str,
    log: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line_number: Option<u64>,
    /// The number of the -e pattern that matched, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regex: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    captures: Vec<String>,
}

impl<'a> Object<'a> {
    fn of(event: &'a str, log: &Path) -> Object<'a> {
        let log = log.display().to_string();
        let (file, offset, line_number, pattern, regex) = (None, None, None, None, None);
        Object { event, log, file, offset, line_number, pattern, regex, line: None, base64: None, captures: vec![] }
    }

    fn with_line(mut self, line: &[u8]) -> Object<'a> {
        self.line = Some(String::from_utf8_lossy(line).into_owned());
        self.base64 = std::str::from_utf8(line).is_err().then(|| BASE64_STANDARD.encode(line));
        self
    }

    fn write(&self, out: &mut Vec<u8>) {
        // A write into a vector cannot fail, and every field here can be written as JSON.
        if serde_json::to_writer(&mut *out, self).is_ok() {
            out.push(b'\n');
        }
    }
}

/// An error line or the ready line.
pub(crate) fn found(out: &mut Vec<u8>, found: &Found<'_>, matcher: &Matcher) {
    let (event, pattern) = match found.verdict {
        Verdict::Error => ("error", Some(matcher.which(found.line))),
        Verdict::Ready => ("ready", None),
    };
    let captures = found.captures.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
    let object = Object {
        file: Some(found.origin.file.display().to_string()),
        offset: Some(found.offset),
        line_number: found.origin.number,
        pattern,
        regex: pattern.map(|at| matcher.written(at)),
        captures,
        ..Object::of(event, found.origin.log)
    };
    object.with_line(found.line).write(out);
}

/// A context line.
pub(crate) fn context(out: &mut Vec<u8>, origin: Origin<'_>, line: &[u8]) {
    Object::of("context", origin.log).with_line(line).write(out);
}

/// A place that could not be found again.
pub(crate) fn gap(out: &mut Vec<u8>, log: &Path) {
    Object::of("gap", log).write(out);
}
