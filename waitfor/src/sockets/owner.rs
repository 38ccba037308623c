//! The process that owns a socket (`--by`): a stranger on the port is not the daemon.

use nix::unistd::Pid;
use racefree::claim::process_arg::ProcessArg;
use racefree::error::Result;
use racefree::lock::holders::Holder;
use racefree::process::pidfd::PidFd;
use racefree::process::procfs;
use racefree::process::tree::descendants_of;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;

/// The process that must own the socket that answers, itself or by a descendant.
#[derive(Debug)]
pub(crate) struct SocketOwner {
    process_arg: ProcessArg,
    strangers: RefCell<HashMap<u64, String>>,
}

impl SocketOwner {
    pub(crate) fn new(process_arg: ProcessArg) -> SocketOwner {
        SocketOwner { process_arg, strangers: RefCell::default() }
    }

    /// Why the process owns none of these sockets; `None` if it owns one. Several sockets share a port while a daemon
    /// is replaced (SO_REUSEPORT, socket(7)).
    pub(crate) fn mismatch(&self, sockets: &[u64]) -> Result<Option<String>> {
        let Some(process) = self.process_arg.hold()? else {
            return Ok(Some(format!("{} is not running", self.process_arg)));
        };
        let Some(&first) = sockets.first() else {
            return Ok(Some("nobody on this machine listens on it".into()));
        };
        let why = match has_any(process.pid(), sockets) {
            Ok(true) => None,
            Ok(false) => Some(self.stranger(first)),
            Err(e) => Some(format!("the descriptors of process {}: {}", process.pid(), racefree::error::reason(&e))),
        };
        // A PID may have been recycled while its descriptors were read.
        Ok(if process.has_ended()? { Some(format!("{} is not running", self.process_arg)) } else { why })
    }

    /// The process that owns the socket instead. The search reads all of /proc, so it is made once for each socket.
    fn stranger(&self, socket: u64) -> String {
        let name = || match procfs::processes().find(|&pid| sockets_of(pid).is_ok_and(|own| own.contains(&socket))) {
            Some(pid) => format!("a stranger answers: {}", Holder::new(pid)),
            None => "a stranger answers, who cannot be seen from here".into(),
        };
        self.strangers.borrow_mut().entry(socket).or_insert_with(name).clone()
    }
}

/// Whether the process or a descendant has one of the sockets.
fn has_any(pid: Pid, sockets: &[u64]) -> io::Result<bool> {
    let any = |own: HashSet<u64>| sockets.iter().any(|socket| own.contains(socket));
    // A descendant that has ended meanwhile has no sockets.
    let has_any = |descendant: PidFd| any(sockets_of(descendant.pid()).unwrap_or_default());
    Ok(any(sockets_of(pid)?) || descendants_of(pid).into_iter().any(has_any))
}

/// The sockets that a process has open.
fn sockets_of(pid: Pid) -> io::Result<HashSet<u64>> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    let links = descriptors.flatten().filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
    Ok(links.filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect())
}
