//! What a request over http is to look like, and which answer counts.

use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::{Context, Result};
use regex::bytes::Regex;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use ureq::http::{HeaderName, HeaderValue, Method, Request, Uri};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy};

/// The options of a request.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options for http:// and https://")]
pub(crate) struct Http {
    /// The statuses that count as ready, as in 200,204,300-399
    #[arg(long, value_name = "LIST", default_value = "200-399")]
    status: Statuses,
    /// A header to send, as in 'Host: example.org' (repeatable)
    #[arg(long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// The method
    #[arg(long, value_name = "METHOD", default_value = "GET", value_parser = Method::from_str)]
    method: Method,
    /// What must be found in the first MiB of the body
    #[arg(long = "match", value_name = "REGEX")]
    body: Option<Regex>,
    /// Follow redirects; else a redirect is an answer
    #[arg(long)]
    follow: bool,
    /// Trust the certificate authorities in FILE (PEM), and no others
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    cacert: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long)]
    insecure: bool,
    /// What to call ourselves
    #[arg(long, value_name = "NAME", default_value = concat!("waitfor/", env!("CARGO_PKG_VERSION")))]
    user_agent: String,
    /// Ask through this proxy (by CONNECT); none is taken from the environment
    #[arg(long, value_name = "URL", value_parser = proxy)]
    proxy: Option<Proxy>,
}

/// Everything that a try over http needs.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) agent: Agent,
    pub(crate) body: Option<Regex>,
    statuses: Statuses,
    headers: Vec<(HeaderName, HeaderValue)>,
    method: Method,
    proxy: bool,
}

impl Http {
    /// Prepares the tries, each of which may take so long.
    pub(crate) fn asked(&self, attempt: Duration) -> Result<Asked> {
        let roots = match &self.cacert {
            None => RootCerts::PlatformVerifier,
            Some(file) => authorities(file)?,
        };
        // There is one already where another target is asked over http, too.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let tls = TlsConfig::builder().root_certs(roots).disable_verification(self.insecure).build();
        let config = Agent::config_builder()
            .proxy(self.proxy.clone())
            .max_redirects(if self.follow { 10 } else { 0 })
            .max_redirects_will_error(self.follow)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // A connection kept from the last try would hide that nobody listens any more.
            .max_idle_connections(0)
            .timeout_global(Some(attempt))
            .user_agent(&self.user_agent)
            .tls_config(tls);
        Ok(Asked {
            agent: config.build().into(),
            body: self.body.clone(),
            statuses: self.status.clone(),
            headers: self.header.clone(),
            method: self.method.clone(),
            proxy: self.proxy.is_some(),
        })
    }
}

impl Asked {
    /// The request.
    pub(crate) fn request(&self, uri: &Uri) -> std::result::Result<Request<()>, ureq::Error> {
        let mut request = Request::builder().method(&self.method).uri(uri);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(())?)
    }

    pub(crate) fn accepts(&self, status: u16) -> bool {
        self.statuses.0.iter().any(|range| range.contains(&status))
    }

    pub(crate) fn has_proxy(&self) -> bool {
        self.proxy
    }
}

fn authorities(file: &Path) -> Result<RootCerts> {
    let text = std::fs::read(file).act("open", file.display())?;
    let certificates: Vec<_> = parse_pem(&text)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(exit_as(Exit::Failed, format!("read {}: there is no PEM certificate in it", file.display())));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn header(text: &str) -> std::result::Result<(HeaderName, HeaderValue), String> {
    let wrong = || format!("'{text}' is no header (write 'NAME: VALUE')");
    let (name, value) = text.split_once(':').ok_or_else(wrong)?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| wrong())?;
    Ok((name.trim().parse().map_err(|_| wrong())?, value))
}

fn proxy(url: &str) -> std::result::Result<Proxy, String> {
    Proxy::new(url).map_err(|e| format!("'{url}' is no proxy: {e}"))
}

/// Statuses and ranges of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Statuses(Vec<RangeInclusive<u16>>);

impl FromStr for Statuses {
    type Err = String;

    fn from_str(list: &str) -> std::result::Result<Statuses, String> {
        let wrong = || format!("'{list}' is no list of statuses (like 200,204,300-399)");
        let number = |text: &str| text.parse().ok().filter(|status| (100..=999).contains(status)).ok_or_else(wrong);
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first <= last { Ok(first..=last) } else { Err(wrong()) }
        };
        list.split(',').map(range).collect::<std::result::Result<_, _>>().map(Statuses)
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
