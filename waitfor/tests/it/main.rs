//! `waitfor` as it is used at the prompt.

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
