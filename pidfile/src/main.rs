//! The program `pidfile`; the library has its code.
#![no_main]

racefree::main!(pidfile::main);
