//! The plain command lines, without options: `pidfile read PIDFILE...` and `pidfile claim PIDFILE COMMAND [ARG]...`.
//!
//! They are read without clap, whose definition of the options takes longer than the rest of a start
//! (docs/performance.md). Every other line goes to clap.

use crate::Verb;
use crate::claim::Claim;
use crate::read::Read;
use racefree::cli::are_operands;
use std::ffi::OsString;

/// Reads the words after the name of the program; `None` if they are not plain.
pub(crate) fn verb(words: &[OsString]) -> Option<Verb> {
    let (verb, operands) = words.split_first()?;
    match (verb.to_str()?, operands) {
        ("read", [_, ..]) if are_operands(operands) => {
            Some(Verb::Read(Read::of(operands.iter().map(Into::into).collect())))
        }
        ("claim", [pidfile, command @ ..]) if are_operands(operands.get(..2)?) => {
            Some(Verb::Claim(Box::new(Claim::plain(pidfile.into(), command.to_vec()))))
        }
        _ => None,
    }
}

#[cfg(test)]
mod properties {
    use crate::Cli;
    use clap::Parser;
    use proptest::prelude::*;
    use racefree::cli::Cli as _;
    use std::ffi::OsString;

    fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
        std::iter::once("pidfile").chain(words).map(Into::into).collect()
    }

    proptest! {
        #[test]
        fn a_plain_line_means_what_the_definition_says(
            verb in "read|claim|stop|help|-q",
            words in proptest::collection::vec("--?|-b|-q|9|p|help|read|x=y|--help||\\PC{0,3}", 0..6),
        ) {
            let line = line(std::iter::once(&*verb).chain(words.iter().map(String::as_str)));
            if let Some(plain) = Cli::plain(&line) {
                let defined = Cli::try_parse_from(&line).map_err(|e| TestCaseError::fail(e.to_string()))?;
                prop_assert_eq!(format!("{plain:?}"), format!("{defined:?}"));
            }
        }
    }

    #[test]
    fn a_line_without_options_is_plain() {
        for words in ["read p", "read p q r", "claim p c", "claim p c -x a"] {
            assert!(Cli::plain(&line(words.split(' '))).is_some(), "{words}");
        }
    }
}
