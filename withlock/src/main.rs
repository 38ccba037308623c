//! The program `withlock`; the library has its code.
#![no_main]

racefree_core::main!(|arguments| racefree_core::cli::main(arguments, withlock::run));
