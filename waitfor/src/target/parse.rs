//! A TARGET as it is written on the command line.

use super::address::{host_and_port, listening};
use super::http::url::{Url, masked};
use crate::sockets::Transport;
use crate::target::{self, ProbeOptions, Target};
use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use nix::unistd::Pid;
use racefree::claim::process_arg::parse_pid;
use racefree::error::Result;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The word that the user wrote, as it may be printed, and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedTarget {
    shown: String,
    pub(crate) spec: Spec,
}

/// The meaning of a TARGET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    Tcp { host: String, port: u16 },
    Listen { transport: Transport, host: Option<String>, port: u16 },
    Free { address: Option<IpAddr>, port: u16 },
    Http(Url),
    Unix(PathBuf),
    File(PathBuf),
    Nonempty(PathBuf),
    Pidfile(PathBuf),
    Pid(Pid),
    Lock(PathBuf),
    Exec(OsString),
    Dns(String),
}

impl fmt::Display for NamedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl NamedTarget {
    /// Reads a TARGET.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(crate) fn parse(word: &OsStr) -> std::result::Result<NamedTarget, String> {
        Ok(NamedTarget { shown: masked(&word.to_string_lossy()), spec: spec_of(word)? })
    }

    /// The target itself, not tried yet.
    pub(crate) fn target(&self, options: &ProbeOptions) -> Result<Box<dyn Target>> {
        Ok(match self.spec.clone() {
            Spec::Tcp { host, port } => Box::new(target::tcp::Tcp::new(host, port, options)),
            Spec::Listen { transport, host, port } => {
                Box::new(target::listen::Listen::new(transport, host, port, options))
            }
            Spec::Free { address, port } => Box::new(target::free::Free::new(address, port, options)),
            Spec::Http(url) => Box::new(target::http::Http::new(url, options)?),
            Spec::Unix(path) => Box::new(target::unix::Unix::new(path, options)),
            Spec::File(path) => Box::new(target::file::File::existing(path, options)),
            Spec::Nonempty(path) => Box::new(target::file::File::nonempty(path, options)),
            Spec::Lock(path) => Box::new(target::lock::Lock::new(path, options)),
            Spec::Dns(name) => Box::new(target::dns::Dns::new(name, options)),
            Spec::Pidfile(path) => Box::new(target::pidfile::Pidfile::new(path, options)),
            Spec::Pid(pid) => Box::new(target::pid::LivingProcess::new(pid)),
            Spec::Exec(line) => Box::new(target::exec::Exec::new(line)),
        })
    }
}

/// Reads a TARGET for clap, whose own error would show the word, and a password in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TargetParser;

impl TypedValueParser for TargetParser {
    type Value = NamedTarget;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        word: &OsStr,
    ) -> std::result::Result<NamedTarget, clap::Error> {
        let error = |why| clap::Error::raw(ErrorKind::ValueValidation, format!("{why}\n")).with_cmd(command);
        NamedTarget::parse(word).map_err(error)
    }
}

fn spec_of(word: &OsStr) -> std::result::Result<Spec, String> {
    let shown = masked(&word.to_string_lossy());
    let Some(colon) = word.as_bytes().iter().position(|&b| b == b':') else {
        return Err(format!("'{shown}' is no target (write tcp:HOST:PORT, unix:PATH, file:PATH, ...; see --help)"));
    };
    let (scheme, rest) = (&word.as_bytes()[..colon], &word.as_bytes()[colon + 1..]);
    let path = || match rest {
        [] => Err(format!("'{shown}' names no file")),
        path => Ok(PathBuf::from(OsString::from_vec(path.to_vec()))),
    };
    match scheme {
        b"tcp" => {
            let place = text(rest)?;
            host_and_port(place.strip_prefix("//").unwrap_or(&place), &shown).map(tcp)
        }
        b"listen" => listening(&text(rest)?, &shown).map(|place| listen(Transport::Tcp, place)),
        b"udp" => listening(&text(rest)?, &shown).map(|place| listen(Transport::Udp, place)),
        b"free" => free(listening(&text(rest)?, &shown)?, &shown),
        b"http" | b"https" if rest.starts_with(b"//") => Url::parse(&text(word.as_bytes())?).map(Spec::Http),
        b"unix" => path().map(Spec::Unix),
        b"file" => path().map(Spec::File),
        b"nonempty" => path().map(Spec::Nonempty),
        b"lock" => path().map(Spec::Lock),
        b"dns" if rest.is_empty() || rest.contains(&b':') => Err(format!("'{shown}' is no name (write dns:NAME)")),
        b"dns" => text(rest).map(Spec::Dns),
        b"pidfile" => path().map(Spec::Pidfile),
        b"pid" => parse_pid(rest).map(Spec::Pid).ok_or_else(|| format!("'{shown}' names no process (write pid:N)")),
        b"exec" if rest.trim_ascii().is_empty() => Err(format!("'{shown}' names no command")),
        b"exec" => Ok(Spec::Exec(OsString::from_vec(rest.to_vec()))),
        _ => host_and_port(&text(word.as_bytes())?, &shown).map(tcp),
    }
}

fn tcp((host, port): (String, u16)) -> Spec {
    Spec::Tcp { host, port }
}

fn listen(transport: Transport, (host, port): (Option<String>, u16)) -> Spec {
    Spec::Listen { transport, host, port }
}

fn free((host, port): (Option<String>, u16), shown: &str) -> std::result::Result<Spec, String> {
    let no_address =
        |_| format!("'{shown}': free: takes an address of this machine (write free:PORT or free:127.0.0.1:PORT)");
    let address = host.map(|host| host.parse().map_err(no_address)).transpose()?;
    Ok(Spec::Free { address, port })
}

fn text(bytes: &[u8]) -> std::result::Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("'{}' is no host", masked(&String::from_utf8_lossy(bytes))))
}

#[cfg(test)]
mod tests;
