//! Names of hosts and services, resolved as the system resolves them (getaddrinfo(3)).

use nix::libc;
use std::ffi::{CStr, CString, c_int};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::ptr;

/// The reason for which a name was not resolved.
#[derive(Debug)]
pub struct LookupError {
    code: c_int,
    system: io::Error,
}

impl LookupError {
    /// Whether no name server has answered, so that it is not known whether the name exists.
    pub fn is_temporary(&self) -> bool {
        self.code == libc::EAI_AGAIN
    }
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.code == libc::EAI_SYSTEM {
            return f.write_str(&crate::error::reason(&self.system));
        }
        // SAFETY: gai_strerror(3) returns a string that lives as long as the process, whatever the code is.
        let words = unsafe { CStr::from_ptr(libc::gai_strerror(self.code)) };
        f.write_str(&words.to_string_lossy())
    }
}

impl std::error::Error for LookupError {}

/// The addresses of a host, each once, with port 0. The call blocks for as long as the name servers need.
///
/// # Errors
/// As getaddrinfo(3).
pub fn addresses_of(host: &str) -> Result<Vec<SocketAddr>, LookupError> {
    let mut addresses = look_up(Some(host), None)?;
    addresses.dedup();
    Ok(addresses)
}

/// The TCP port of a service, as /etc/services has it (services(5)).
pub fn port_of(service: &str) -> Option<u16> {
    look_up(None, Some(service)).ok()?.first().map(SocketAddr::port)
}

fn look_up(host: Option<&str>, service: Option<&str>) -> Result<Vec<SocketAddr>, LookupError> {
    let refused = |code| LookupError { code, system: io::Error::last_os_error() };
    // A name that contains a NUL is no name.
    let owned = |text: Option<&str>| text.map(CString::new).transpose().map_err(|_| refused(libc::EAI_NONAME));
    let (host, service) = (owned(host)?, owned(service)?);
    let pointer = |text: &Option<CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
    let mut found = ptr::null_mut();
    // SAFETY: zeroes are valid hints; the strings outlive the call; `found` is freed below, once, and only on success.
    unsafe {
        let mut hints = MaybeUninit::<libc::addrinfo>::zeroed().assume_init();
        hints.ai_socktype = libc::SOCK_STREAM;
        match libc::getaddrinfo(pointer(&host), pointer(&service), &hints, &mut found) {
            0 => {}
            code => return Err(refused(code)),
        }
        let mut addresses = vec![];
        let mut next = found;
        while let Some(entry) = next.as_ref() {
            addresses.extend(address(entry));
            next = entry.ai_next;
        }
        libc::freeaddrinfo(found);
        Ok(addresses)
    }
}

/// # Safety
/// `entry` is one of getaddrinfo(3): its address is of its family.
unsafe fn address(entry: &libc::addrinfo) -> Option<SocketAddr> {
    match entry.ai_family {
        libc::AF_INET => {
            // SAFETY: the family tells the type, and sockaddr_in has no padding that must be valid.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr));
            Some(SocketAddr::new(ip.into(), u16::from_be(address.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as above, for sockaddr_in6.
            let address = unsafe { entry.ai_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(address.sin6_port), 0, address.sin6_scope_id).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_its_own_name_and_a_service_has_a_port() {
        assert_eq!(addresses_of("127.0.0.1").unwrap(), ["127.0.0.1:0".parse().unwrap()]);
        assert_eq!(addresses_of("::1").unwrap(), ["[::1]:0".parse().unwrap()]);
        assert_eq!((port_of("80"), port_of("no-such-service")), (Some(80), None));
        let error = addresses_of("name.invalid\0").unwrap_err();
        assert!(!error.is_temporary() && error.to_string() == "Name or service not known", "{error}");
    }
}
