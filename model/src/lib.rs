//! The claim of a PID file as a finite machine: every interleaving of its steps, every crash, every number used again.
//!
//! [`kernel`] is what the kernel does, [`process`] where a process is in its program. The programs are in [`claim`],
//! [`read`], [`leftovers`], [`restart`] and [`others`], step by step as the tools take them: a [`moves::Step`] names the
//! function that it stands for. [`promises`] judges every step, [`mod@search`] takes them all.

pub mod claim;
pub mod kernel;
pub mod leftovers;
pub mod moves;
pub mod others;
pub mod process;
pub mod promises;
pub mod read;
pub mod restart;
pub mod search;
pub mod setup;
