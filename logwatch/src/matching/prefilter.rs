//! Literal prefilter: finds the first three bytes of every possible match, then runs the regex on that line only.
//!
//! Without regard to case a word has so many spellings that the regex engine's own prefilter gives up. Three bytes of each
//! spelling are few enough for a SIMD search.

use aho_corasick::Span;
use aho_corasick::packed::Searcher;
use memchr::memchr;
use regex::bytes::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use std::collections::BTreeSet;

/// The length of the literals. Shorter ones match in every line.
const BYTES: usize = 3;

/// One SIMD search takes at most this many literals. With no more of them the regex engine is as fast by itself.
const AT_ONCE: usize = 32;

/// More passes over the text than this are slower than the regex.
const TURNS: usize = 4;

/// The literals to search for before the regex.
#[derive(Clone, Debug)]
pub(crate) struct Prefilter {
    searchers: Vec<Searcher>,
}

impl Prefilter {
    /// The prefilter of patterns that `line_regex::compile` takes. None if the regex engine is faster without it.
    pub(crate) fn of(rewritten: &[String]) -> Option<Prefilter> {
        let alternatives = rewritten.iter().map(|one| format!("(?:{one})")).collect::<Vec<_>>().join("|");
        let parsed = ParserBuilder::new().utf8(false).build().parse(&alternatives).ok()?;
        let engine_does_well = Extractor::new().extract(&parsed).len().is_some_and(|count| count <= AT_ONCE);
        let beginnings = Extractor::new().kind(ExtractKind::Prefix).limit_literal_len(BYTES).extract(&parsed);
        let different: BTreeSet<&[u8]> = beginnings.literals()?.iter().map(Literal::as_bytes).collect();
        let different: Vec<&[u8]> = different.into_iter().collect();
        if engine_does_well || different.len() > TURNS * AT_ONCE || different.iter().any(|bytes| bytes.len() < BYTES) {
            return None;
        }
        let searchers = different.chunks(AT_ONCE).map(Searcher::new).collect::<Option<_>>()?;
        Some(Prefilter { searchers })
    }

    fn first(&self, text: &[u8], from: usize) -> Option<usize> {
        let nearer = |first: Option<usize>, searcher: &Searcher| {
            // Only a literal that begins earlier than the one found last is of interest.
            let end = first.map_or(text.len(), |first| first + BYTES - 1);
            searcher.find_in(text, Span::from(from..end)).map(|found| found.start()).or(first)
        };
        self.searchers.iter().fold(None, nearer)
    }

    /// A place in the first line at or after `from` that `any` matches.
    pub(crate) fn first_match(&self, any: &Regex, text: &[u8], mut from: usize) -> Option<usize> {
        while from < text.len() {
            let seen = self.first(text, from)?;
            let end = memchr(b'\n', &text[seen..]).map_or(text.len(), |at| seen + at);
            if let Some(found) = any.shortest_match_at(&text[..end], seen) {
                return Some(found);
            }
            from = end;
        }
        None
    }
}
