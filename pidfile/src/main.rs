//! The program `pidfile`; the library has its code.
#![no_main]

racefree_core::main!(pidfile::main);
