//! The PID attribute of a file, compared with a process. A process that has only inherited a descriptor of the file can
//! change the text, and cannot change the attribute: see [`crate::sys::pid_attribute`].

pub(crate) use crate::sys::pid_attribute::PidAttribute;

use crate::process::procfs;
use nix::unistd::Pid;

impl PidAttribute {
    /// Whether the process was started before the attribute was written. A process that has got a recycled PID was not.
    pub(crate) fn is_younger_than(self, process: Pid) -> bool {
        procfs::stat(process).is_some_and(|stat| stat.started_since_boot() <= self.written)
    }
}
