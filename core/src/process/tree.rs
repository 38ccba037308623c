//! The descendants of a process, as /proc shows them. Each is pinned by a pidfd and then looked up again.

use crate::pid;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::unistd::Pid;
use std::collections::HashMap;

/// Every living descendant of `ancestor` that one listing of /proc shows. A process that is forked meanwhile may be missed.
pub fn descendants_of(ancestor: Pid) -> Vec<PidFd> {
    let parents: HashMap<i32, i32> =
        procfs::processes().filter_map(|pid| Some((pid.as_raw(), procfs::stat(pid)?.parent))).collect();
    let ancestor_number = ancestor.as_raw();
    let descends = |mut pid: i32| {
        // A chain with more members than there are processes is a loop: parents changed while we looked.
        for _ in 0..parents.len() {
            match parents.get(&pid) {
                Some(&parent) if parent == ancestor_number => return true,
                Some(&parent) => pid = parent,
                None => return false,
            }
        }
        false
    };
    let numbers = parents.keys().copied().filter(|&pid| descends(pid)).filter_map(pid::numbered);
    let held = numbers.filter_map(|pid| PidFd::open(pid).ok().flatten());
    // A PID that was recycled between the look and the pin names another process.
    held.filter(|process| descends_from(process, ancestor)).collect()
}

/// Whether the pinned process descends from `ancestor` at this moment.
pub fn descends_from(process: &PidFd, ancestor: Pid) -> bool {
    let mut pid = process.pid();
    // Parents may end while we climb, and hand their children up. That only makes the chain shorter.
    for _ in 0..1000 {
        match procfs::stat(pid).map(|stat| stat.parent) {
            Some(parent) if parent == ancestor.as_raw() => return true,
            Some(parent) => match pid::numbered(parent) {
                Some(parent) => pid = parent,
                None => return false,
            },
            None => return false,
        }
    }
    false
}
