//! `logwatch` as it is used at the prompt.

mod common;

mod cli;
mod cursors;
mod daemons;
mod judging;
mod lines;
mod names;
mod rotation;
