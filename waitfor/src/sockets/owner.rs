//! Whose socket it is: a stranger on the port is not our daemon.

use racefree_core::claim::process_arg::Named;
use racefree_core::error::Result;
use racefree_core::lock::holders::Holder;
use racefree_core::process::procfs;
use rustix::process::Pid;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::io;

/// The process that must own what answers, or a descendant of it.
#[derive(Debug)]
pub(crate) struct Owner {
    named: Named,
    strangers: RefCell<HashMap<u64, String>>,
}

impl Owner {
    pub(crate) fn new(named: Named) -> Owner {
        Owner { named, strangers: RefCell::default() }
    }

    /// Why none of these sockets is its own; `None` if one of them is. Several share a port while a daemon is replaced
    /// (SO_REUSEPORT, socket(7)).
    pub(crate) fn disowns(&self, sockets: &[u64]) -> Result<Option<String>> {
        let Some(process) = self.named.hold()? else { return Ok(Some(format!("{} is not running", self.named))) };
        let Some(&first) = sockets.first() else {
            return Ok(Some("nobody on this machine listens on it".into()));
        };
        let why = match has_any(process.pid(), sockets) {
            Ok(true) => None,
            Ok(false) => Some(self.stranger(first)),
            Err(e) => {
                Some(format!("the descriptors of process {}: {}", process.pid(), racefree_core::error::reason(&e)))
            }
        };
        // Its number may have been recycled while we looked at its descriptors.
        Ok(if process.has_ended()? { Some(format!("{} is not running", self.named)) } else { why })
    }

    /// Who owns it instead. All of /proc is looked at for that, so a socket is asked about once.
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
    // A descendant that has ended meanwhile has nothing any more.
    Ok(any(sockets_of(pid)?) || descendants(pid).into_iter().any(|pid| any(sockets_of(pid).unwrap_or_default())))
}

/// The sockets that a process has open.
fn sockets_of(pid: Pid) -> io::Result<HashSet<u64>> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    let links = descriptors.flatten().filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
    Ok(links.filter_map(|link| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect())
}

fn descendants(of: Pid) -> Vec<Pid> {
    let mut children: HashMap<i32, Vec<Pid>> = HashMap::new();
    for pid in procfs::processes() {
        if let Some(stat) = procfs::stat(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut found = vec![];
    let mut next = vec![of];
    while let Some(pid) = next.pop() {
        // Taken out, so that a loop made by parents that change while we look comes to an end.
        let theirs = children.remove(&pid.as_raw_pid()).unwrap_or_default();
        next.extend(&theirs);
        found.extend(theirs);
    }
    found
}
