//! Rewrites a regular expression so that no match leaves its line.
//!
//! A search line by line spends more time on finding lines than on searching. With the rewritten expression one search runs
//! over hundreds of lines, and only around a match the ends of the line are looked for.

use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look};
use regex_syntax::hir::{Repetition, print::Printer};

/// How a pattern is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineRegexOptions {
    /// Upper and lower case are equal.
    pub(crate) ignore_case: bool,
    /// A match may span lines, because a record of several lines is judged as a whole.
    pub(crate) over_lines: bool,
}

impl LineRegexOptions {
    /// Parses a pattern that was given for `option`, and rewrites it.
    ///
    /// # Errors
    /// [`Exit::Usage`]: the pattern is wrong; the message says where and why.
    pub(crate) fn rewrite(self, option: &str, pattern: &str) -> Result<String> {
        // A message of several lines has its others set off by four spaces.
        let set_off = |why: String| why.replace("\nerror: ", "\n    error: ");
        let wrong = |why: String| exit_as(Exit::Usage, format!("read the pattern of {option}: {}", set_off(why)));
        let mut parser = ParserBuilder::new();
        let parser = parser.utf8(false).multi_line(true).case_insensitive(self.ignore_case);
        let parsed = parser.build().parse(pattern).map_err(|e| wrong(with_hint(&e)))?;
        let mut written = String::new();
        let rewritten = if self.over_lines { parsed } else { within_one_line(parsed) };
        Printer::new().print(&rewritten, &mut written).map_err(|e| wrong(e.to_string()))?;
        Ok(written)
    }
}

fn with_hint(why: &regex_syntax::Error) -> String {
    let looks_around = matches!(why, regex_syntax::Error::Parse(e) if *e.kind() == regex_syntax::ast::ErrorKind::UnsupportedLookAround);
    let hint = if looks_around { "; to except lines that match REGEX, give --ignore REGEX" } else { "" };
    format!("{why}{hint}")
}

/// Compiles rewritten patterns into one expression that matches if any of them does.
///
/// # Errors
/// [`Exit::Usage`]: the compiled expression is too large.
pub(crate) fn compile(rewritten: &[String]) -> Result<Regex> {
    let alternatives = rewritten.iter().map(|one| format!("(?:{one})")).collect::<Vec<_>>().join("|");
    RegexBuilder::new(&alternatives).build().map_err(|e| exit_as(Exit::Usage, format!("compile the patterns: {e}")))
}

/// The expression without any match of a newline. Its anchors match at the ends of a line, which may end in CR LF.
fn within_one_line(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(Class::Unicode(mut class)) => {
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(mut class)) => {
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Look(Look::Start | Look::StartLF | Look::StartCRLF) => Hir::look(Look::StartLF),
        HirKind::Look(Look::End | Look::EndLF | Look::EndCRLF) => end_of_line(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(within_one_line(*repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition })
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(within_one_line(*capture.sub));
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(within_one_line).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(within_one_line).collect()),
    }
}

fn end_of_line() -> Hir {
    let carriage_return = Box::new(Hir::literal(*b"\r"));
    let perhaps = Hir::repetition(Repetition { min: 0, max: Some(1), greedy: true, sub: carriage_return });
    Hir::concat(vec![perhaps, Hir::look(Look::EndLF)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, text: &str) -> Vec<String> {
        let reading = LineRegexOptions { ignore_case: false, over_lines: false };
        let regex = compile(&[reading.rewrite("-e", pattern).unwrap()]).unwrap();
        let lines = regex.find_iter(text.as_bytes()).map(|m| {
            let start = memchr::memrchr(b'\n', &text.as_bytes()[..m.start()]).map_or(0, |at| at + 1);
            text[start..].lines().next().unwrap_or_default().to_owned()
        });
        lines.collect()
    }

    /// The result of a search line by line, with which the search over many lines must agree.
    fn found_line_by_line(pattern: &str, text: &str) -> Vec<String> {
        let regex = Regex::new(pattern).unwrap();
        text.lines().filter(|line| regex.is_match(line.as_bytes())).map(str::to_owned).collect()
    }

    #[test]
    fn a_search_over_many_lines_finds_the_lines_that_a_search_line_by_line_finds() {
        let text = "alpha beta\nbeta\r\n\ngamma failed\r\ngamma failed now\nx\u{e4}y\n  beta gamma\nfailed";
        for pattern in [
            "beta",
            "^beta",
            "beta$",
            "failed$",
            "^beta$",
            r"\Aalpha",
            r"failed\z",
            "a[^x]*g",
            r"\s+g",
            "(?s)a.*f",
            r"beta\ngamma",
            "^$",
            r"\bfailed\b",
            "(gamma|beta) (failed|gamma)",
            "[^a-z]y",
            r"(?-u)\xa4",
            "(?m)^x",
            "a{2}|m{2}",
            "(?i)ALPHA",
            r"\w+ now",
        ] {
            let mut found = found(pattern, text);
            found.dedup();
            assert_eq!(found, found_line_by_line(pattern, text), "{pattern}");
        }
    }

    #[test]
    fn a_wrong_pattern_is_named_with_the_place_of_the_fault() {
        let reading = LineRegexOptions { ignore_case: false, over_lines: false };
        let error = racefree::error::sentence(&reading.rewrite("--ready", "a(b").unwrap_err());
        assert!(error.starts_with("read the pattern of --ready: ") && error.contains("a(b\n     ^"), "{error}");
    }
}
