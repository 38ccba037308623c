//! The demo daemon.
fn main() {}
