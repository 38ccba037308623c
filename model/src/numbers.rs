//! The numbers of the model and its bounds: small on purpose.

/// So many numbers, from 1, and so many processes at once.
pub const PIDS: usize = 4;
/// So many files at once.
pub const INODES: usize = 3;
/// So many open file descriptions at once.
pub const OFDS: usize = 8;

/// Where a process is kept: at its number. Whoever refers to it learns of its end before the number is used again.
pub type Slot = u8;
/// A process's number; 0 is none.
pub type Pid = u8;
/// An open file description.
pub type Ofd = u8;
/// A file, whatever its name.
pub type Inode = u8;
