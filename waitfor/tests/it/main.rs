//! `waitfor` as it is used at the prompt.
#![allow(clippy::disallowed_methods, reason = "tests make the files that are opened")]

mod common;

mod afterwards;
mod cli;
mod commands;
mod conversations;
mod files;
mod http;
mod itself;
mod peers;
mod ports;
mod processes;
mod servers;
mod unix;
