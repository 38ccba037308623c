//! The windows of the races, opened and looked through.

mod authority;
mod claims;
#[cfg(target_arch = "x86_64")]
mod conformance;
#[cfg(target_arch = "x86_64")]
mod driver;
mod gap;
mod group;
mod handed;
mod hostile;
#[cfg(target_arch = "x86_64")]
mod model_calls;
#[cfg(target_arch = "x86_64")]
mod observed;
#[cfg(target_arch = "x86_64")]
mod paths;
mod recycled;
mod replace;
mod signals;
mod strangers;
mod success;
#[cfg(target_arch = "x86_64")]
mod tracker;
