//! `logwatch`: judge the lines of a log, once or while it grows, alone or while COMMAND runs.
//!
//! `options` is what the user asked for, `matching` judges lines, `input` turns logs into lines, `output` prints what was
//! found, `run` puts these together. Each room uses only rooms that stand before it in this list.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files that are opened"))]

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzed;
mod input;
mod matching;
mod options;
mod output;
mod run;

pub use options::{Cli, ENDINGS};
pub use run::run;
