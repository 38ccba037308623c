//! `waitfor`: see the library.
#![no_main]

racefree::main!(|arguments| racefree::cli::main(arguments, waitfor::run));
