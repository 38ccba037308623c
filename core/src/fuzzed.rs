//! What a fuzzer reads that is private otherwise (fuzz/): the parsers of texts from outside, with plain results.

use crate::claim::pid_text;
use crate::lock::{fdinfo, locked_file, proc_locks};
use crate::process::procfs;
use nix::unistd::Pid;

/// The second implementation of [`pid_text::parse`].
pub fn pid_by_other_means(text: &[u8]) -> Option<i32> {
    pid_text::by_other_means(text)
}

/// Of `/proc/PID/stat`: whether it sleeps; its parent, group and session; its start.
pub fn stat(text: &[u8]) -> Option<(bool, [i32; 3], u64)> {
    let stat = procfs::parse_stat(text)?;
    // Any start is a time.
    let _ = stat.started();
    Some((stat.asleep, [stat.parent, stat.group, stat.session], stat.started))
}

/// Of `/proc/locks`: each flock on the file, whether it waits, and its caller.
pub fn flocks(table: &str, file: &str) -> Vec<(bool, Option<i32>)> {
    proc_locks::parse(table, file).iter().map(|lock| (lock.waits, lock.caller.map(Pid::as_raw))).collect()
}

/// One lock of a `/proc/PID/fdinfo/N`: its kind, mode and file; its caller; its range.
pub type Lock<'a> = ([&'a str; 3], Option<i32>, [i64; 2]);

/// Of `/proc/PID/fdinfo/N`: whether the descriptor is writable, and its locks.
pub fn fdinfo(text: &str) -> (bool, Vec<Lock<'_>>) {
    let locks = fdinfo::locks(text)
        .map(|lock| ([lock.kind, lock.mode, lock.file], lock.caller.map(Pid::as_raw), [lock.start, lock.end]));
    (fdinfo::is_writable(text), locks.collect())
}

/// Of `/proc/self/mountinfo`: the device of a mount.
pub fn device_of_mount(mounts: &str, id: &str) -> Option<(u32, u32)> {
    locked_file::device_in(mounts, id)
}
