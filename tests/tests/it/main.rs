//! The utilities calling one another, real daemons, faults and races.

mod common;

mod crashes;
mod daemons;
mod environments;
mod pages;
mod races;
