//! Processes: pinned by a pidfd, looked up in /proc, started as COMMAND, adopted as orphans.

pub mod child;
mod command;
pub mod pidfd;
pub(crate) mod posix_spawn;
pub mod pre_exec;
pub mod procfs;
pub mod subreaper;
pub mod tree;
