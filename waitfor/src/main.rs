//! `waitfor`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    racefree_core::cli::main(waitfor::run)
}
