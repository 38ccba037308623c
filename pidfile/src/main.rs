//! `pidfile`: see the library.
#![no_main]

racefree_core::main!(pidfile::main);
