//! The four utilities in one program, for the tests: it is the one whose name it was called by.
#![no_main]

use racefree::cli;
use racefree::cli::exit::Exit;
use std::ffi::OsString;
use std::path::Path;

racefree::main!(as_called);

fn as_called(arguments: Vec<OsString>) -> Exit {
    let called = arguments.first().map(Path::new).and_then(Path::file_name).and_then(|name| name.to_str());
    match called {
        Some("pidfile") => pidfile::main(arguments),
        Some("withlock") => cli::main(arguments, withlock::run),
        Some("waitfor") => cli::main(arguments, waitfor::run),
        Some("logwatch") => cli::main(arguments, logwatch::run),
        _ => {
            eprintln!("racefree: call it by a link named pidfile, withlock, waitfor or logwatch");
            Exit::Usage
        }
    }
}
