//! The name of a file in the kernel's tables of locks: the number of its file system, and its inode.

use crate::open::{self, Links, Refused};
use nix::errno::Errno;
use nix::libc;
use nix::sys::stat::fstat;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

/// The name of a file in `/proc/locks` and in the `lock:` lines of `/proc/PID/fdinfo`. stat(2) gives another device
/// number on btrfs and the like. And stat(2) of another process's descriptor hangs if its file system is dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockedFile {
    device: (u32, u32),
    inode: u64,
}

/// The size beyond which the mount table is not read.
const TABLE: u64 = 1 << 20;

impl LockedFile {
    /// The file behind a descriptor of this process.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub fn of(descriptor: impl AsFd) -> io::Result<LockedFile> {
        let descriptor = descriptor.as_fd();
        let stat = fstat(descriptor)?;
        let own = open::read_proc(&format!("/proc/self/fdinfo/{}", descriptor.as_raw_fd()), 4096).unwrap_or_default();
        let own = String::from_utf8_lossy(&own);
        let field = |name: &str| own.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        // Before Linux 5.14 fdinfo does not give the inode. A descriptor of another mount namespace is in no table of
        // ours.
        let inode = field("ino:").and_then(|number| number.parse().ok()).unwrap_or(stat.st_ino);
        let device = field("mnt_id:").and_then(device_of_mount);
        let by_stat = || (libc::major(stat.st_dev), libc::minor(stat.st_dev));
        Ok(LockedFile { device: device.unwrap_or_else(by_stat), inode })
    }

    /// The file at a path, which need not be readable.
    ///
    /// # Errors
    /// As [`open::open`].
    pub fn at(path: &Path) -> Result<LockedFile, Refused> {
        let found = open::find(path, Links::Trusted)?;
        LockedFile::of(found).map_err(|e| Errno::try_from(e).unwrap_or(Errno::EIO).into())
    }

    /// `fe:01:1234`, as the tables write it.
    pub(crate) fn in_table(&self) -> String {
        let (major, minor) = self.device;
        format!("{major:02x}:{minor:02x}:{}", self.inode)
    }
}

fn device_of_mount(id: &str) -> Option<(u32, u32)> {
    let mounts = open::read_proc("/proc/self/mountinfo", TABLE).ok()?;
    device_in(&String::from_utf8_lossy(&mounts), id)
}

/// The device of a mount in a table of mounts (proc_pid_mountinfo(5)).
pub(crate) fn device_in(mounts: &str, id: &str) -> Option<(u32, u32)> {
    let mount = mounts.lines().find(|line| line.split(' ').next() == Some(id))?;
    let (major, minor) = mount.split(' ').nth(2)?.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
