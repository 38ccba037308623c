//! `waitfor`: wait until a daemon is ready, no longer and no shorter.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files that are opened"))]

mod blocking_call;
mod budget;
mod cli;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzed;
mod meant;
mod policy;
mod report;
mod retry;
mod sockets;
mod target;
mod unescape;
mod wait;
mod while_process;

pub use cli::{Cli, ENDINGS};
use racefree::cli::exit::Exit;
use racefree::error::Result;
use racefree::process::child;
use sockets::SocketTables;
use std::rc::Rc;
use wait::Wait;

/// Runs the utility.
///
/// # Errors
/// Everything that ends it otherwise than ready.
pub fn run(cli: Cli) -> Result<Exit> {
    if let Some(name) = cli.command.first() {
        child::find(name)?;
    }
    let policy = cli.policy()?;
    let tables = Rc::new(SocketTables::default());
    let options = cli.options(tables.clone());
    let targets = cli.targets.iter().map(|named| Ok((named.to_string(), named.target(&options)?)));
    let ended = Wait::begin(policy, cli.json, tables, targets.collect::<Result<_>>()?).until_decided(cli.process)?;
    match ended {
        Exit::Done if !cli.command.is_empty() => Err(child::become_command(child::command_to_become(&cli.command))),
        ended => Ok(ended),
    }
}
