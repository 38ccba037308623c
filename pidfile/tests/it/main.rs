//! `pidfile` as it is used at the prompt.

mod common;

mod claim;
mod read;
mod run_as;
mod said;
mod security;
mod stop;
