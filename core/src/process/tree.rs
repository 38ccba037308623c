//! The descendants of a process, as /proc shows them. Each is pinned by a pidfd and then looked up again.

use crate::pid;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::unistd::Pid;
use std::collections::{HashMap, HashSet};

/// Every living descendant of `ancestor` that one listing of /proc shows. A process that is forked meanwhile may be missed.
pub fn descendants_of(ancestor: Pid) -> Vec<PidFd> {
    let below = pinned_below(&[ancestor]);
    below.into_iter().map(|(process, _)| process).collect()
}

/// Every living descendant of these processes that one listing of /proc shows. A process that is forked meanwhile may
/// be missed, and a descendant of a process that ends meanwhile is left out: its PID may name a stranger by then.
pub fn descendants_of_any(ancestors: &[&PidFd]) -> Vec<PidFd> {
    let numbers: Vec<Pid> = ancestors.iter().map(|ancestor| ancestor.pid()).collect();
    let lives =
        |pid: Pid| ancestors.iter().any(|ancestor| ancestor.pid() == pid && !ancestor.has_ended().unwrap_or(true));
    let below = pinned_below(&numbers);
    below.into_iter().filter(|(_, ancestor)| lives(*ancestor)).map(|(process, _)| process).collect()
}

/// The descendants of these PIDs, each with its nearest ancestor among them.
fn pinned_below(ancestors: &[Pid]) -> Vec<(PidFd, Pid)> {
    let parents: HashMap<i32, i32> =
        procfs::processes().filter_map(|pid| Some((pid.as_raw(), procfs::stat(pid)?.parent))).collect();
    let numbers: HashSet<i32> = ancestors.iter().map(|pid| pid.as_raw()).collect();
    let descends = |mut pid: i32| {
        // A chain with more members than there are processes is a loop: parents changed while we looked.
        for _ in 0..parents.len() {
            match parents.get(&pid) {
                Some(parent) if numbers.contains(parent) => return true,
                Some(&parent) => pid = parent,
                None => return false,
            }
        }
        false
    };
    let below = parents.keys().copied().filter(|&pid| descends(pid)).filter_map(pid::numbered);
    let held = below.filter_map(|pid| PidFd::open(pid).ok().flatten());
    // A PID that was recycled between the look and the pin names another process.
    held.filter_map(|process| ancestor_among(&process, ancestors).map(|ancestor| (process, ancestor))).collect()
}

/// Whether the pinned process descends from `ancestor` at this moment.
pub fn descends_from(process: &PidFd, ancestor: Pid) -> bool {
    ancestor_among(process, &[ancestor]).is_some()
}

fn ancestor_among(process: &PidFd, ancestors: &[Pid]) -> Option<Pid> {
    let mut pid = process.pid();
    // Parents may end while we climb, and hand their children up. That only makes the chain shorter.
    for _ in 0..1000 {
        pid = pid::numbered(procfs::stat(pid)?.parent)?;
        if ancestors.contains(&pid) {
            return Some(pid);
        }
    }
    None
}
