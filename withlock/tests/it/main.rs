//! `withlock` as it is used at the prompt.

mod common;

mod cli;
mod holding;
mod opening;
mod signals;
mod uses;
