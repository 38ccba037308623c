//! Links the unwinder statically: nothing of ours unwinds, and loading libgcc_s.so takes a tenth of a small tool's start.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let is_static = variable("CARGO_CFG_TARGET_FEATURE").split(',').any(|feature| feature == "crt-static");
    if variable("HOST") != variable("TARGET") || variable("CARGO_CFG_TARGET_ENV") != "gnu" || is_static {
        return;
    }
    // A compiler without it names no path. Then libgcc_s.so is linked as ever.
    let found = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let path = found.map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned()).unwrap_or_default();
    if Path::new(&path).is_absolute() {
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
