//! How far a file system's hints can be trusted.

use rustix::fs::statfs;
use std::path::Path;

/// Whether the kernel hints at what happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hinted {
    /// At everything, as far as anybody knows.
    Always,
    /// Not where a file of a lower layer is written to for the first time.
    Mostly,
    /// Only at what is done on this machine.
    Seldom,
}

/// Those on which others write, or on which what is written is made up: NFS, SMB, 9p, FUSE, Ceph, AFS, proc
/// (statfs(2)).
const SELDOM: [u32; 9] =
    [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x0102_1997, 0x6573_5546, 0x00c3_6400, 0x5346_414f, 0x9fa0];

const OVERLAY: u32 = 0x794c_7630;

impl Hinted {
    /// What to expect for a file of this name, which need not be there yet.
    pub(crate) fn on(path: &Path) -> Hinted {
        let there = path.ancestors().find_map(|path| statfs(path).ok());
        match there.map(|there| there.f_type as u32) {
            Some(OVERLAY) => Hinted::Mostly,
            Some(kind) if SELDOM.contains(&kind) => Hinted::Seldom,
            _ => Hinted::Always,
        }
    }
}
