//! The options of a request over HTTP.

use super::url::masked;
use regex::bytes::Regex;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use ureq::Proxy;
use ureq::http::{HeaderName, HeaderValue, Method};

/// The options of a request.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options for http:// and https://")]
pub(crate) struct HttpOptions {
    /// The statuses that count as ready, as in 200,204,300-399
    #[arg(long, value_name = "LIST", default_value = "200-399")]
    pub(crate) status: Statuses,
    /// A header to send, as in 'Host: example.org' (repeatable)
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) header: Vec<(HeaderName, HeaderValue)>,
    /// The method
    #[arg(long, value_name = "METHOD", default_value = "GET", value_parser = Method::from_str)]
    pub(crate) method: Method,
    /// The pattern must be found in the first MiB of the body; a body that never ends is judged as it arrives
    #[arg(long = "match", value_name = "REGEX")]
    pub(crate) expected: Option<Regex>,
    /// The pattern must not be found in the first MiB of the body, as in '"status": *"starting"'
    #[arg(long = "not-match", value_name = "REGEX")]
    pub(crate) unexpected: Option<Regex>,
    /// Follow redirects; else a redirect is an answer
    #[arg(long)]
    pub(crate) follow: bool,
    /// Trust the certificates in FILE (PEM), and those that they have signed, and no others
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) cacert: Option<PathBuf>,
    /// Show the server the client certificate in FILE (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) cert: Option<PathBuf>,
    /// The private key of --cert, if it is in another FILE (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long)]
    pub(crate) insecure: bool,
    /// The value of the header User-Agent
    #[arg(long, value_name = "NAME", default_value = concat!("waitfor/", env!("CARGO_PKG_VERSION")))]
    pub(crate) user_agent: String,
    /// Ask through this proxy (by CONNECT); none is taken from the environment
    #[arg(long, value_name = "URL", value_parser = proxy)]
    pub(crate) proxy: Option<Proxy>,
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("'{text}' is no header (write 'NAME: VALUE')");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
    Ok((name.trim().parse().map_err(|_| wrong())?, value))
}

fn proxy(url: &str) -> Result<Proxy, String> {
    Proxy::new(url).map_err(|e| format!("'{}' is no proxy: {e}", masked(url)))
}

/// Statuses and ranges of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    pub(crate) fn contain(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl FromStr for Statuses {
    type Err = String;

    fn from_str(list: &str) -> Result<Statuses, String> {
        let wrong = || format!("'{list}' is no list of statuses (like 200,204,300-399)");
        let number = |text: &str| text.parse().ok().filter(|status| (100..=999).contains(status)).ok_or_else(wrong);
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first <= last { Ok(first..=last) } else { Err(wrong()) }
        };
        list.split(',').map(range).collect::<Result<_, _>>().map(Statuses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_single_ones_and_ranges() {
        let statuses: Statuses = "200,204,300-399".parse().unwrap();
        assert_eq!(statuses, Statuses(vec![200..=200, 204..=204, 300..=399]));
        for list in ["", "200,", "2xx", "399-300", "20", "1000", "200-", "-200", "200 ,204"] {
            assert!(list.parse::<Statuses>().is_err(), "{list}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_list_of_statuses_is_read_as_it_was_printed(
            ranges in proptest::collection::vec((100..=999u16, 0..=99u16), 1..6), asked in 100..=999u16
        ) {
            let ranges: Vec<(u16, u16)> = ranges.into_iter().map(|(first, more)| (first, (first + more).min(999))).collect();
            let list: Vec<String> = ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
            let Statuses(read) = list.join(",").parse().expect("a list of statuses");
            let counts = ranges.iter().any(|&(first, last)| (first..=last).contains(&asked));
            prop_assert_eq!(read.iter().any(|range| range.contains(&asked)), counts);
        }

        #[test]
        fn whatever_is_typed_is_a_list_or_refused(list in "[-,0-9 x]{0,16}|\\PC{0,8}") {
            if let Ok(Statuses(ranges)) = list.parse() {
                prop_assert!(ranges.iter().all(|range| *range.start() >= 100 && *range.end() <= 999 && !range.is_empty()));
            }
        }

        #[test]
        fn a_header_is_read_as_it_was_printed(name in "[A-Za-z][A-Za-z0-9-]{0,12}", value in "[!-~]([ -~]{0,12}[!-~])?") {
            let (read, said) = header(&format!("{name}: {value}")).expect("a header");
            prop_assert!(read.as_str().eq_ignore_ascii_case(&name));
            prop_assert_eq!(said.as_bytes(), value.as_bytes());
        }
    }
}
