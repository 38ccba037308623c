//! Command lines of any words: understood, or refused with 64, and never a panic.

use crate::common::place;
use clap::error::ErrorKind;
use proptest::prelude::*;
use racefree::cli::Cli;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Options of all four, values that fit and that do not, and noise.
fn words() -> impl Strategy<Value = Vec<OsString>> {
    let option = "--?(claim|read|stop|signal|timeout|kill-after|background|b|ready|notify|fd|pid|mode|wait|unlocked|exe|json|error|e|from|for|idle|while|by|status|header|send|expect|match|w|n|x|s|o|F|E|u|l|c|q|v|help|version)(=[!-~]{0,8})?";
    let verb = "claim|read|signal|stop";
    let value = "[0-9]{1,6}(ms|s|m|h)?|TERM|SIGKILL|none|0644|pid:[0-9]{1,8}|tcp:a:[0-9]{1,6}|lw1-[0-9a-f.-]{0,20}|[!-~]{0,10}|--";
    let noise = proptest::collection::vec(1..=255u8, 0..12).prop_map(OsString::from_vec);
    let word = prop_oneof![
        4 => option.prop_map(OsString::from), 2 => verb.prop_map(OsString::from), 4 => value.prop_map(OsString::from), 1 => noise
    ];
    proptest::collection::vec(word, 0..9)
}

/// Parses as the utility does, and stops there.
fn parse<C: Cli>(name: &str, words: &[OsString]) -> Result<C, ErrorKind> {
    let arguments = [OsString::from(name)].into_iter().chain(words.iter().cloned());
    let parsed = C::command().try_get_matches_from(arguments).and_then(|matches| C::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // What is said about it is made too.
        assert!(!error.render().to_string().is_empty());
        error.kind()
    })
}

proptest! {
    #[test]
    fn any_words_are_understood_or_refused(words in words()) {
        let _ = parse::<pidfile::Cli>("pidfile", &words);
        let _ = parse::<withlock::Cli>("withlock", &words);
        let _ = parse::<waitfor::Cli>("waitfor", &words);
        let _ = parse::<logwatch::Cli>("logwatch", &words);
    }

    #[test]
    fn an_option_that_there_is_not_is_never_understood(words in words()) {
        let unknown = [vec![OsString::from("--no-such-option")], words].concat();
        prop_assert!(parse::<pidfile::Cli>("pidfile", &unknown).is_err());
        prop_assert!(parse::<withlock::Cli>("withlock", &unknown).is_err());
        prop_assert!(parse::<waitfor::Cli>("waitfor", &unknown).is_err());
        prop_assert!(parse::<logwatch::Cli>("logwatch", &unknown).is_err());
    }
}

#[test]
fn a_command_line_that_makes_no_sense_exits_64() {
    let names = ["pidfile", "withlock", "waitfor", "logwatch"];
    let place = place();
    let config = ProptestConfig { cases: 20, ..ProptestConfig::default() };
    proptest!(config, |(words in words(), which in 0..4usize)| {
        let mut command = place.tool(names[which]);
        let said = place.run(command.arg("--no-such-option").args(&words));
        prop_assert!(said.code == 64 && said.stdout.is_empty() || said.code == 0, "{:?}", said);
        prop_assert!(said.code == 64 || words.iter().any(|word| ["--help", "--version", "-V", "-h", "-help"].iter().any(|help| *word == **help)), "{:?}", said);
        prop_assert!(said.stderr.starts_with(names[which]) || said.code == 0, "{:?}", said);
    });
}
