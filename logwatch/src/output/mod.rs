//! The lines that were found, on stdout, and the last lines of a log whose COMMAND failed, on stderr.

pub(crate) mod json;
pub(crate) mod origin;
pub(crate) mod printer;
pub(crate) mod tail;
