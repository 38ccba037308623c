//! The four utilities in one program, for the tests: it is the one whose name it was called by.

use racefree_core::cli;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    match Path::new(&called).file_name().and_then(|name| name.to_str()) {
        Some("pidfile") => cli::main(pidfile::run),
        Some("withlock") => cli::main(withlock::run),
        Some("waitfor") => cli::main(waitfor::run),
        Some("logwatch") => cli::main(logwatch::run),
        _ => {
            eprintln!("racefree: call it by a link named pidfile, withlock, waitfor or logwatch");
            ExitCode::from(64)
        }
    }
}
