//! What the tests of all packages share: a place to try things in, and a look at what is left running.

mod place;

pub use place::{Place, Said};
