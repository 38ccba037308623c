//! The URL of a target. The user and the password in it become a header, and the password is never printed.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::http::{HeaderValue, Uri};

/// A URL without user and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) uri: Uri,
    /// The value of the header Authorization, from the user and password of the URL.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Url {
    /// Reads a URL of http or https.
    pub(crate) fn parse(text: &str) -> Result<Url, String> {
        let shown = masked(text);
        let uri: Uri = text.parse().map_err(|e| format!("'{shown}' is no URL: {e}"))?;
        let host = uri.host().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        if matches!(host, "" | "[]") {
            return Err(format!("'{shown}' names no host"));
        }
        match uri.port() {
            // A port that is no port stays in the authority as it is.
            None if !authority.ends_with(host) => return Err(no_port(&shown)),
            // The parser takes "+80" for 80.
            Some(port) if port.as_u16() == 0 || !port.as_str().bytes().all(|b| b.is_ascii_digit()) => {
                return Err(no_port(&shown));
            }
            _ => {}
        }
        let Some((userinfo, place)) = authority.rsplit_once('@') else { return Ok(Url { uri, authorization: None }) };
        let authorization = Some(basic(userinfo));
        let mut parts = uri.clone().into_parts();
        parts.authority = Some(place.parse().map_err(|e| format!("'{shown}' is no URL: {e}"))?);
        Ok(Url { uri: Uri::from_parts(parts).map_err(|e| format!("'{shown}' is no URL: {e}"))?, authorization })
    }

    /// The host, without the brackets of an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        self.uri.port_u16().unwrap_or(if self.is_https() { 443 } else { 80 })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

fn no_port(shown: &str) -> String {
    format!("'{shown}': a port is a number from 1 to 65535")
}

/// The header for `USER:PASSWORD`, whose %-escapes stand for the bytes that a URL cannot have (RFC 3986, RFC 7617).
fn basic(userinfo: &str) -> HeaderValue {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let credentials = [&*decoded(user), b":", &*decoded(password)].concat();
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(credentials)))
        .expect("base64 has no byte that a header cannot have");
    value.set_sensitive(true);
    value
}

/// The text with `%41` read as `A`. A % that begins no escape stays.
fn decoded(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut rest = text.as_bytes();
    let mut plain = vec![];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match rest {
            [high, low, after @ ..] if byte == b'%' => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    plain.push(high << 4 | low);
                    rest = after;
                }
                _ => plain.push(byte),
            },
            _ => plain.push(byte),
        }
    }
    plain
}

/// The text as it may be printed: with `***` instead of a password.
pub(crate) fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let Some((user, after)) = authority.split_once(':') else { return text.into() };
    // A password with a slash in it makes no URL, but is a password still.
    let end = match authority.rfind('@') {
        // The user has no password; the colon belongs to the port.
        Some(at) if at < user.len() => None,
        Some(at) => Some(at),
        None if after.bytes().all(|b| b.is_ascii_digit()) || user.starts_with('[') => None,
        None => rest.rfind('@'),
    };
    match end {
        Some(at) => format!("{scheme}://{user}:***{}", &rest[at..]),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_decoded_for_the_server_and_masked_for_people() {
        let url = Url::parse("http://me:p%40s%3As%zz@host:8080/x?y=a@b").unwrap();
        let said = BASE64_STANDARD.encode("me:p@s:s%zz");
        assert_eq!(url.authorization, Some(HeaderValue::from_str(&format!("Basic {said}")).unwrap()));
        assert_eq!(url.uri, "http://host:8080/x?y=a@b");
        for (text, shown) in [
            ("http://me:p%40s@host:8080/x?y=a@b", "http://me:***@host:8080/x?y=a@b"),
            ("http://me:p@s@host/", "http://me:***@host/"),
            ("http://me:p/s@host/", "http://me:***@host/"),
            ("http://me@host:80/", "http://me@host:80/"),
            ("http://host:80/a:b@c", "http://host:80/a:b@c"),
            ("http://[::1]:80/@", "http://[::1]:80/@"),
            ("exec:echo a:b@c", "exec:echo a:b@c"),
        ] {
            assert_eq!(masked(text), shown);
        }
        assert_eq!(Url::parse("http://me:secret@host:0/"), Err(no_port("http://me:***@host:0/")));
    }
}
