//! `HOST:PORT` and `[HOST:]PORT`, where PORT is a number or the name of a service (services(5)).

use racefree::sys::names::port_of;
use std::net::Ipv6Addr;

/// Reads `HOST:PORT`; an IPv6 address stands in brackets.
pub(crate) fn host_and_port(text: &str, shown: &str) -> Result<(String, u16), String> {
    let unknown = || format!("'{shown}' is no target (write tcp:HOST:PORT, unix:PATH, file:PATH, ...; see --help)");
    let (host, word) = text.rsplit_once(':').ok_or_else(|| format!("'{shown}' has no port (write tcp:HOST:PORT)"))?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address,
        None if host.contains(':') && host.parse::<Ipv6Addr>().is_ok() => {
            return Err(format!("'{shown}': put an IPv6 address in brackets, as in [::1]:80"));
        }
        None if host.contains([':', '/', '[', ']']) => return Err(unknown()),
        None => host,
    };
    if host.is_empty() {
        return Err(unknown());
    }
    Ok((host.into(), port(word).ok_or_else(|| no_port(shown))?))
}

/// Reads `[HOST:]PORT`; `*` is no HOST either.
pub(crate) fn listening(text: &str, shown: &str) -> Result<(Option<String>, u16), String> {
    if !text.contains(':') {
        return Ok((None, port(text).ok_or_else(|| no_port(shown))?));
    }
    let (host, port) = host_and_port(text, shown)?;
    Ok((Some(host).filter(|host| host != "*"), port))
}

fn port(word: &str) -> Option<u16> {
    let is_service = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_number = !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let port = if is_service { port_of(word) } else { word.parse().ok().filter(|_| is_number) };
    port.filter(|&port| port > 0)
}

fn no_port(shown: &str) -> String {
    format!("'{shown}': a port is a number from 1 to 65535 or the name of a service (services(5))")
}
