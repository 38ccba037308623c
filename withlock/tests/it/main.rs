//! `withlock` as it is used at the prompt.
#![allow(clippy::disallowed_methods, reason = "tests make the files that are opened")]

mod common;

mod cli;
mod holding;
mod json;
mod opening;
mod signals;
mod uses;
