//! The facts that follow from the type of a file system: whether the kernel here sees every change, and every lock (statfs(2), f_type).

use nix::sys::statfs::{fstatfs, statfs};
use std::os::fd::AsFd;
use std::path::Path;

/// A file system, as far as its type tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSystem {
    /// All changes and locks are made by this kernel.
    Local,
    /// An overlay: local, but a file may be copied up to the upper layer at its first change, under a new inode.
    Overlay,
    /// Other machines change it, or the kernel makes up its content: a change may come without an event.
    Remote,
    /// None of those that are known.
    Other,
}

const LOCAL: [u32; 6] = [
    0xef53,      // ext2 to ext4
    0x5846_5342, // XFS
    0x9123_683e, // Btrfs
    0xf2f5_2010, // F2FS
    0x0102_1994, // tmpfs
    0x8584_58f6, // ramfs
];

const OVERLAY: u32 = 0x794c_7630;

const REMOTE: [u32; 13] = [
    0x6969,      // NFS
    0x517b,      // SMB
    0xff53_4d42, // CIFS
    0xfe53_4d42, // SMB2
    0x6573_5546, // FUSE
    0x0102_1997, // 9P
    0x00c3_6400, // Ceph
    0x5346_414f, // AFS
    0x0bd0_0bd0, // Lustre
    0x9fa0,      // proc
    0x6265_6572, // sysfs
    0x6367_7270, // cgroup2
    0x0027_e0eb, // cgroup
];

impl FileSystem {
    /// The file system of `path`, or of its nearest parent that exists.
    pub fn of_path(path: &Path) -> FileSystem {
        // "" is what remains of a relative path: the working directory.
        let nearest = path.ancestors().map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
        let found = nearest.into_iter().find_map(|above| statfs(above).ok());
        found.map_or(FileSystem::Other, |found| FileSystem::of_type(found.filesystem_type().0 as u32))
    }

    /// The file system of an open file.
    pub fn of_file(file: impl AsFd) -> FileSystem {
        fstatfs(file).map_or(FileSystem::Other, |found| FileSystem::of_type(found.filesystem_type().0 as u32))
    }

    fn of_type(kind: u32) -> FileSystem {
        match kind {
            OVERLAY => FileSystem::Overlay,
            kind if LOCAL.contains(&kind) => FileSystem::Local,
            kind if REMOTE.contains(&kind) => FileSystem::Remote,
            _ => FileSystem::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_makes_up_its_content_and_a_missing_file_is_where_its_directory_is() {
        assert_eq!(FileSystem::of_path(Path::new("/proc/no/such/file")), FileSystem::Remote);
        let file = tempfile::tempfile().unwrap();
        assert_eq!(FileSystem::of_file(&file), FileSystem::of_path(&std::env::temp_dir().join("no/such/file")));
        assert_eq!(FileSystem::of_path(Path::new("no/such/file")), FileSystem::of_path(Path::new(".")));
    }
}
