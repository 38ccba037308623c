//! `logwatch`: the library does all the work.
#![no_main]

racefree::main!(|arguments| racefree::cli::main(arguments, logwatch::run));
