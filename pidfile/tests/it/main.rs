//! `pidfile` as it is used at the prompt.
#![allow(clippy::disallowed_methods, reason = "tests make the files that are opened")]

mod common;
mod group;

mod claim;
mod json;
mod owners;
mod read;
mod run_as;
mod said;
mod security;
mod stop;
mod writers;
