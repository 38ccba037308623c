//! A datagram of sd_notify(3) says what a second implementation reads in it, and its status is shown on one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pidfile::fuzzed::notification;
use racefree::text;
use std::time::Duration;

fuzz_target!(|datagram: &[u8]| {
    // As it is read from the socket.
    let said = String::from_utf8_lossy(datagram);
    let heard = notification(&said);
    let lines: Vec<&str> = said.split_inclusive('\n').map(without_end).collect();
    let last = |name| lines.iter().filter_map(|line| line.strip_prefix(name)).next_back();
    assert_eq!(heard.ready, lines.contains(&"READY=1"));
    assert_eq!(heard.status.as_deref(), last("STATUS="));
    assert_eq!(heard.error.is_some(), last("ERRNO=").is_some_and(|number| number.parse::<i32>().is_ok()));
    assert_eq!(heard.extend, last("EXTEND_TIMEOUT_USEC=").and_then(micros).map(Duration::from_micros));
    for shown in heard.status.iter().chain(&heard.error).map(|said| text::one_line(said)) {
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    let json = serde_json::to_string(&heard.status).expect("a string");
    let safe = text::json(&json);
    assert_eq!(serde_json::from_str::<Option<String>>(&safe).expect("JSON as before"), heard.status);
    assert_eq!(text::one_line(&safe), safe, "an invisible character is left in JSON");
});

/// A line ends in LF or in CR LF.
fn without_end(line: &str) -> &str {
    let Some(line) = line.strip_suffix('\n') else { return line };
    line.strip_suffix('\r').unwrap_or(line)
}

/// A number of 64 bits in decimal digits, perhaps with a plus sign.
fn micros(number: &str) -> Option<u64> {
    let digits = number.strip_prefix('+').unwrap_or(number);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.bytes().try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0'))))?
}
