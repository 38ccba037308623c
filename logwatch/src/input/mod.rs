//! Logs as bytes: which files a log was and is, where reading goes on, and how lines are cut out of what is read.

pub(crate) mod archive_names;
pub(crate) mod budget;
#[cfg(any(test, fuzzing))]
pub(crate) mod by_line;
mod bytes;
pub(crate) mod cursor;
pub(crate) mod cursor_file;
pub(crate) mod decompress;
pub(crate) mod directories;
mod follow_name;
pub(crate) mod follower;
pub(crate) mod generation;
pub(crate) mod inode;
pub(crate) mod line_buffer;
pub(crate) mod log_names;
pub(crate) mod noting;
pub(crate) mod open_files;
mod opening;
pub(crate) mod parallel;
pub(crate) mod piece;
#[cfg(test)]
mod properties;
pub(crate) mod reader;
pub(crate) mod rotation;
pub(crate) mod source;
mod start;
mod utf16;
pub(crate) mod watch;
