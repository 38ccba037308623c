//! The Rust sources of the workspace, as text: some tests compare the documentation with them.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder of the workspace, with its text.
///
/// # Panics
/// There is no such folder, or a file cannot be read.
pub fn below(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry of it").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                found.push((path, text));
            }
        }
    }
    found
}

/// Whether a function of this name is in one of the sources.
pub fn have_function(sources: &[(PathBuf, String)], name: &str) -> bool {
    let definition = format!("fn {name}(");
    sources.iter().any(|(_, text)| text.contains(&definition))
}
