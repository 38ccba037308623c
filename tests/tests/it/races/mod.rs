//! The windows of the races, opened and looked through.

mod authority;
mod claims;
mod gap;
mod recycled;
mod replace;
mod signals;
mod strangers;
