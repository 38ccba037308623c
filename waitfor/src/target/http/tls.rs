//! The servers that are trusted over https, and in words why a server is not.

use super::options::HttpOptions;
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::{Context, Result};
use racefree::open::{Links, read_small};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use std::path::Path;
use std::sync::Arc;

/// The most that is read of a PEM file.
const LONGEST: u64 = 16 << 20;

/// The protocol that is asked for; a server that speaks HTTP/2 only has to refuse it (RFC 7301).
pub(crate) const HTTP_1_1: &[u8] = b"http/1.1";
pub(crate) const HTTP_2: &[u8] = b"h2";

/// How TLS connections of a target are made.
pub(crate) fn config(options: &HttpOptions) -> Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let trust: Arc<dyn ServerCertVerifier> = match &options.cacert {
        _ if options.insecure => Arc::new(Anybody(provider.clone())),
        Some(file) => Arc::new(Given::read(file, provider.clone())?),
        None => Arc::new(
            rustls_platform_verifier::Verifier::new(provider.clone()).act("read", "the system's certificates")?,
        ),
    };
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(trust);
    let mut config = match &options.cert {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let key_file = options.key.as_ref().unwrap_or(file);
            let key =
                PrivateKeyDer::from_pem_slice(&content(key_file)?).map_err(|_| nothing(key_file, "private key"))?;
            builder.with_client_auth_cert(certificates(file)?, key).act("use", file.display())?
        }
    };
    config.alpn_protocols = vec![HTTP_1_1.to_vec()];
    Ok(Arc::new(config))
}

fn content(file: &Path) -> Result<Vec<u8>> {
    read_small(file, Links::Follow, LONGEST).act("open", file.display())
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(&content(file)?).flatten().collect();
    if found.is_empty() { Err(nothing(file, "certificate")) } else { Ok(found) }
}

fn nothing(file: &Path, what: &str) -> anyhow::Error {
    exit_as(Exit::Failed, format!("read {}: there is no PEM {what} in it", file.display()))
}

/// Trusts the certificates of `--cacert`: what they have signed, and each of them as it is.
#[derive(Debug)]
struct Given {
    certificates: Vec<CertificateDer<'static>>,
    /// `None`: none of them is that of an authority.
    authorities: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Given {
    fn read(file: &Path, provider: Arc<CryptoProvider>) -> Result<Given> {
        let certificates = certificates(file)?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let authorities = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build().ok();
        Ok(Given { certificates, authorities, provider })
    }
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        let judged = match &self.authorities {
            Some(authorities) => authorities.verify_server_cert(certificate, others, name, ocsp, now),
            None => Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        };
        match judged {
            Err(Error::InvalidCertificate(e)) if self.certificates.contains(certificate) && !is_about_dates(&e) => {
                is_for(certificate, name)
            }
            judged => judged,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// webpki looks at the dates before it looks at who has signed a certificate: any other error means that the dates fit.
fn is_about_dates(error: &CertificateError) -> bool {
    use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
    matches!(error, Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })
}

/// Whether a certificate that is trusted as it is names this server. As curl does with OpenSSL, a certificate without
/// alternative names is for its common name.
fn is_for(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> std::result::Result<ServerCertVerified, Error> {
    let judged = verify_server_name(&ParsedCertificate::try_from(certificate)?, name);
    let common_name = || common_name(certificate).is_some_and(|common| common.eq_ignore_ascii_case(&name.to_str()));
    match judged {
        Err(e) if has_alternative_names(certificate) || !common_name() => Err(e),
        _ => Ok(ServerCertVerified::assertion()),
    }
}

/// Whether the extension subjectAltName (2.5.29.17) is in it.
fn has_alternative_names(certificate: &[u8]) -> bool {
    certificate.windows(5).any(|bytes| bytes == [0x06, 0x03, 0x55, 0x1d, 0x11])
}

/// The last common name (2.5.4.3) in it: the subject's, which stands after the issuer's.
fn common_name(certificate: &[u8]) -> Option<&str> {
    let at = certificate.windows(5).rposition(|bytes| bytes == [0x06, 0x03, 0x55, 0x04, 0x03])?;
    // A string: its type, its length, its bytes.
    let length = usize::from(*certificate.get(at + 6)?);
    std::str::from_utf8(certificate.get(at + 7..at + 7 + length)?).ok()
}

/// Trusts any certificate, as `--insecure` asks for.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether the server has refused HTTP/1.1 because it speaks another protocol only.
pub(crate) fn is_wrong_protocol(error: &Error) -> bool {
    matches!(error, Error::AlertReceived(AlertDescription::NoApplicationProtocol))
}

/// An error of TLS, for somebody who has to mend it.
pub(crate) fn in_words(error: &Error) -> String {
    use CertificateError::{ExpiredContext, NotValidForNameContext, NotValidYetContext, UnknownIssuer};
    match error {
        Error::InvalidCertificate(UnknownIssuer | CertificateError::BadSignature) => {
            "its certificate is not signed by a trusted authority (give that authority's by --cacert)".into()
        }
        Error::InvalidCertificate(CertificateError::Expired | ExpiredContext { .. }) => {
            "its certificate has expired".into()
        }
        Error::InvalidCertificate(CertificateError::NotValidYet | NotValidYetContext { .. }) => {
            "its certificate is not valid yet".into()
        }
        Error::InvalidCertificate(NotValidForNameContext { expected, presented }) => {
            let presented: Vec<String> = presented.iter().map(|name| bare(name)).collect();
            let names = if presented.is_empty() { "no alternative name".into() } else { presented.join(", ") };
            format!("its certificate is for {names}, not for {}", expected.to_str())
        }
        Error::InvalidCertificate(CertificateError::Other(other)) => match other.0.downcast_ref::<webpki::Error>() {
            Some(webpki::Error::CaUsedAsEndEntity) => {
                "its certificate is that of an authority (to trust it as it is, give it by --cacert)".into()
            }
            Some(webpki::Error::UnsupportedCertVersion) => {
                "its certificate is not of version 3, as a certificate for TLS must be".into()
            }
            _ => format!("its certificate is not valid: {}", other.0),
        },
        Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::BadCertificate | AlertDescription::UnknownCA,
        ) => "it wants a client certificate that it trusts (see --cert)".into(),
        Error::InvalidMessage(_) => "it does not speak TLS".into(),
        other => other.to_string(),
    }
}

/// `DnsName("a.example")`, as rustls prints a name, without what is around it.
fn bare(name: &str) -> String {
    let quoted = name.split('"').nth(1);
    quoted.or_else(|| name.split(['(', ')']).nth(1)).unwrap_or(name).into()
}
