//! The rules for all requests of a target: their form, the certificates that they trust, and the answers that count.

use super::options::{HttpOptions, Statuses};
use super::tls;
use super::url::Url;
use racefree::error::Result;
use regex::bytes::Regex;
use rustls::ClientConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{HeaderName, HeaderValue, Method, Request, header};

/// The client of a target.
#[derive(Debug)]
pub(crate) struct HttpClient {
    /// The time of one request.
    pub(crate) time: Duration,
    pub(crate) expected: Option<Regex>,
    pub(crate) unexpected: Option<Regex>,
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) follow: bool,
    pub(crate) user_agent: String,
    statuses: Statuses,
    headers: Vec<(HeaderName, HeaderValue)>,
    method: Method,
    config: Config,
    has_proxy: bool,
    speaks_http1: AtomicBool,
    speaks_http2: AtomicBool,
}

impl HttpClient {
    /// A client whose requests take no longer than an attempt.
    pub(crate) fn new(options: &HttpOptions, attempt: Duration, is_https: bool) -> Result<HttpClient> {
        // A little less than the attempt, so that a body that has not ended can still be judged.
        let time = attempt.mul_f32(0.95);
        let config = Agent::config_builder()
            .proxy(options.proxy.clone())
            .max_redirects(if options.follow { 10 } else { 0 })
            .max_redirects_will_error(options.follow)
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // A connection kept from the last try would hide that nobody listens any more.
            .max_idle_connections(0)
            .timeout_global(Some(time))
            .user_agent(&options.user_agent);
        // A redirect may lead from http to https.
        let tls = (is_https || options.follow || options.proxy.is_some()).then(|| tls::config(options)).transpose()?;
        Ok(HttpClient {
            time,
            expected: options.expected.clone(),
            unexpected: options.unexpected.clone(),
            tls,
            follow: options.follow,
            user_agent: options.user_agent.clone(),
            statuses: options.status.clone(),
            headers: options.header.clone(),
            method: options.method.clone(),
            config: config.build(),
            has_proxy: options.proxy.is_some(),
            speaks_http1: AtomicBool::new(false),
            speaks_http2: AtomicBool::new(false),
        })
    }

    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    /// The request.
    pub(crate) fn request(&self, url: &Url) -> std::result::Result<Request<()>, ureq::Error> {
        let mut request = Request::builder().method(&self.method).uri(&url.uri);
        if let Some(authorization) = &url.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(request.body(())?)
    }

    pub(crate) fn accepts(&self, status: u16) -> bool {
        self.statuses.contain(status)
    }

    pub(crate) fn has_proxy(&self) -> bool {
        self.has_proxy
    }

    /// Whether the server has ever answered over HTTP/2, and so speaks no other.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.speaks_http2.load(Ordering::Relaxed)
    }

    pub(crate) fn has_spoken_http2(&self) {
        self.speaks_http2.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_spoken_http1(&self) {
        self.speaks_http1.store(true, Ordering::Relaxed);
    }

    /// Whether HTTP/2 is worth a try after HTTP/1.1 has failed.
    pub(crate) fn may_speak_http2(&self) -> bool {
        !self.has_proxy && !self.speaks_http1.load(Ordering::Relaxed)
    }
}
