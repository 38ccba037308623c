//! `waitfor`: see the library.
#![no_main]

racefree_core::main!(|arguments| racefree_core::cli::main(arguments, waitfor::run));
