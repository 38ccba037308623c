//! `logwatch`: the library does all the work.
#![no_main]

racefree_core::main!(|arguments| racefree_core::cli::main(arguments, logwatch::run));
