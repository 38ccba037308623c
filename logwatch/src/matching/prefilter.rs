//! The few bytes that each match begins with, where a look for them is quicker than the search itself.
//!
//! Without regard to case a word begins in so many ways that the search engine looks for too many, too slowly. Three
//! bytes of each are enough for a first look; a line in which it finds something is searched as it should be.

use aho_corasick::Span;
use aho_corasick::packed::Searcher;
use memchr::memchr;
use regex::bytes::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Literal};
use std::collections::BTreeSet;

/// Fewer are found in every line.
const BYTES: usize = 3;

/// As many as the processor looks for with its widest steps; the engine does as well with so few.
const AT_ONCE: usize = 32;

/// In more turns than this nothing is won.
const TURNS: usize = 4;

/// What to look for first.
#[derive(Clone, Debug)]
pub(crate) struct Prefilter {
    searchers: Vec<Searcher>,
}

impl Prefilter {
    /// Those of patterns that cannot leave their line, as `line_regex::compile` takes them; nothing where they are of no use.
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
            // One that begins where the last was found is no nearer.
            let end = first.map_or(text.len(), |first| first + BYTES - 1);
            searcher.find_in(text, Span::from(from..end)).map(|found| found.start()).or(first)
        };
        self.searchers.iter().fold(None, nearer)
    }

    /// A place in the first line at or after `from` in which `any` matches.
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
