//! Literals instead of the regex: the words themselves, if the patterns are words, or else the first three bytes of every
//! possible match. Then the regex runs on that line only.
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
    /// The literals are all that the patterns match, so the regex is not asked.
    whole: bool,
}

impl Prefilter {
    /// The prefilter of patterns that `line_regex::compile` takes. None if the regex engine is faster without it.
    pub(crate) fn of(rewritten: &[String]) -> Option<Prefilter> {
        let alternatives = rewritten.iter().map(|one| format!("(?:{one})")).collect::<Vec<_>>().join("|");
        let parsed = ParserBuilder::new().utf8(false).build().parse(&alternatives).ok()?;
        let words = Extractor::new().extract(&parsed);
        // An anchor or a word boundary is in no literal. For one word the engine has a faster search.
        if words.is_exact()
            && parsed.properties().look_set().is_empty()
            && let Some(words) = words.literals().filter(|words| (2..=AT_ONCE).contains(&words.len()))
            && words.iter().all(|word| word.len() >= BYTES)
        {
            let searchers = vec![Searcher::new(words)?];
            return Some(Prefilter { searchers, whole: true });
        }
        let engine_does_well = words.len().is_some_and(|count| count <= AT_ONCE);
        let beginnings = Extractor::new().kind(ExtractKind::Prefix).limit_literal_len(BYTES).extract(&parsed);
        let different: BTreeSet<&[u8]> = beginnings.literals()?.iter().map(Literal::as_bytes).collect();
        let different: Vec<&[u8]> = different.into_iter().collect();
        if engine_does_well || different.len() > TURNS * AT_ONCE || different.iter().any(|bytes| bytes.len() < BYTES) {
            return None;
        }
        let searchers = different.chunks(AT_ONCE).map(Searcher::new).collect::<Option<_>>()?;
        Some(Prefilter { searchers, whole: false })
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
        if self.whole {
            return self.first(text, from);
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::line_regex::{LineRegexOptions, compile};

    #[test]
    fn the_prefilter_finds_the_line_that_the_regex_finds() {
        let reading = |ignore_case| LineRegexOptions { ignore_case, over_lines: false };
        let text = b"an error\nAn ERROR, fatal\npanicked\nin a panic \nfat al\n\xe4rger\nend of errorfatal";
        let lines = |matches: &dyn Fn(usize) -> Option<usize>| -> Vec<usize> {
            let line_of = |at: usize| text[..at].iter().filter(|&&byte| byte == b'\n').count();
            (0..text.len()).map(|from| matches(from).map_or(usize::MAX, line_of)).collect()
        };
        for (patterns, ignore_case, whole) in [
            (&["ERROR", "fatal", "panic"][..], false, Some(true)),
            (&["ERROR|fatal", "err"], false, Some(true)),
            (&["fat(al| al)"], false, Some(true)),
            (&["fat", "fatal", "or"], false, None),
            (&["error"], false, None),
            (&["panic\\b", "ERROR"], false, None),
            (&["^end", "fatal$"], false, None),
            (&["panic\nin", "fatal", "error"], false, Some(true)),
            (&["an.error", "fatal"], false, None),
            (&["fat"], true, Some(true)),
            (&["error", "fatal", "panic"], true, Some(false)),
        ] {
            let rewritten: Vec<_> =
                patterns.iter().map(|one| reading(ignore_case).rewrite("-e", one).unwrap()).collect();
            let (regex, prefilter) = (compile(&rewritten).unwrap(), Prefilter::of(&rewritten));
            assert_eq!(prefilter.as_ref().map(|prefilter| prefilter.whole), whole, "{patterns:?}");
            let Some(prefilter) = prefilter else { continue };
            let found = lines(&|from| prefilter.first_match(&regex, text, from));
            assert_eq!(found, lines(&|from| regex.shortest_match_at(text, from)), "{patterns:?}");
        }
    }
}
