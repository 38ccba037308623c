//! The PID attribute: an extended attribute of a PID file that repeats the PID of the text, and the time since boot at
//! which it was written.
//!
//! A process that was given a descriptor of the file can write the text, whoever it runs as. It cannot write the attribute:
//! for that the kernel asks for the permission to write the file itself (xattr(7)), and not for the way in which the
//! descriptor was opened. So a text that the attribute repeats is not by a worker that has lost its rights.
//!
//! The value is `PID TIME`, in decimal digits. The time is CLOCK_BOOTTIME in hundredths of a second, rounded down, as
//! the start time of a process is in `/proc/PID/stat`.

use super::beyond_nix::{get_attribute, set_attribute};
use nix::time::ClockId;
use nix::unistd::Pid;
use std::ffi::CStr;
use std::io::Write;
use std::os::fd::BorrowedFd;

/// Where user attributes cannot be had (tmpfs before Linux 6.6), root can write a trusted one.
const NAMES: [&CStr; 2] = [c"user.racefree.pid", c"trusted.racefree.pid"];

const LONGEST: usize = 40;

/// The content of a PID attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PidAttribute {
    /// The PID that the text had, in the PID namespace of the writer.
    pub pid: Pid,
    /// The time since boot at which it was written, in hundredths of a second.
    pub written: u64,
}

impl PidAttribute {
    /// The attribute that is written now. Async-signal-safe.
    pub fn now(pid: Pid) -> PidAttribute {
        // The kernel has had this clock since 2.6.39.
        let since_boot =
            ClockId::CLOCK_BOOTTIME.now().map_or(0, |time| time.tv_sec() * 100 + time.tv_nsec() / 10_000_000);
        PidAttribute { pid, written: since_boot.unsigned_abs() }
    }

    /// Writes it. A file system without extended attributes, or a user who may not write the file, leaves the file as it
    /// was. Async-signal-safe.
    pub fn set(self, file: BorrowedFd<'_>) {
        let mut value = [0; LONGEST];
        let mut rest = &mut value[..];
        // Two numbers of at most 10 and 20 digits.
        let _ = write!(rest, "{} {}", self.pid.as_raw(), self.written);
        let length = LONGEST - rest.len();
        let _ = NAMES.iter().any(|name| set_attribute(file, name, &value[..length]).is_ok());
    }

    /// The attribute of a file; `None` if it has none.
    pub fn of(file: BorrowedFd<'_>) -> Option<PidAttribute> {
        let mut value = [0; LONGEST];
        let length = NAMES.iter().find_map(|name| get_attribute(file, name, &mut value).ok())?;
        PidAttribute::parse(&value[..length])
    }

    fn parse(value: &[u8]) -> Option<PidAttribute> {
        let (pid, written) = std::str::from_utf8(value).ok()?.split_once(' ')?;
        Some(PidAttribute { pid: Pid::from_raw(pid.parse().ok()?), written: written.parse().ok()? })
    }
}
