//! The windows of the races, opened and looked through.

mod authority;
mod claims;
#[cfg(target_arch = "x86_64")]
mod conformance;
mod gap;
mod group;
mod handed;
mod hostile;
mod recycled;
mod replace;
mod signals;
mod strangers;
mod success;
