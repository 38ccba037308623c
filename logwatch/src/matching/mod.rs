//! Regular expressions over many lines at once: which line is an error, which one says that the daemon is ready.

pub(crate) mod line_regex;
pub(crate) mod matcher;
pub(crate) mod plain;
pub(crate) mod prefilter;
