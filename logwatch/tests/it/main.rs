//! `logwatch` as it is used at the prompt.
#![allow(clippy::disallowed_methods, reason = "tests make the files that are opened")]

mod common;

mod archives;
mod cli;
mod cursors;
mod daemons;
mod judging;
mod lines;
mod names;
mod rotation;
mod schedules;
mod unfinished;
