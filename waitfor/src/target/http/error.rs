//! The errors of a connection, in words.

use super::tls;
use racefree::error::reason;
use std::io::{self, ErrorKind};

/// An error of the connection, or of TLS on it.
pub(crate) fn io_in_words(error: &io::Error) -> String {
    let inner = error.get_ref();
    match (tls_error(error), inner.and_then(|inner| inner.downcast_ref::<ureq::Error>())) {
        (Some(e), _) => tls::in_words(e),
        (None, Some(ureq::Error::Timeout(_))) => "no end within the attempt".into(),
        (None, Some(ureq::Error::Io(e))) => reason(e),
        _ if error.kind() == ErrorKind::UnexpectedEof => "it accepts, but closes the connection".into(),
        _ => reason(error),
    }
}

/// The error of TLS, if it is one.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref::<rustls::Error>()
}
