//! The program `withlock`; the library has its code.
#![no_main]

racefree::main!(|arguments| racefree::cli::main(arguments, withlock::run));
