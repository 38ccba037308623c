//! The claim of a PID file as a finite machine: every interleaving of its steps, every crash, every number used again.
//!
//! [`kernel`] is what the kernel does, [`process`] what a process remembers, [`at`] where it is in its program. The
//! programs are in [`claim`], [`record_pid`], [`launch`], [`read`], [`signal`], [`leftovers`], [`restart`], [`shell`] and [`others`],
//! step by step as the tools take them: a [`mover::Step`] names the function that it stands for. [`promises`] judges every
//! step, [`mod@moves`] knows all that can happen next, and [`mod@search`] goes there.

pub mod at;
pub mod canonical;
pub mod claim;
pub mod kernel;
pub mod launch;
pub mod leftovers;
pub mod mover;
pub mod moves;
pub mod numbers;
pub mod others;
pub mod owner;
pub mod process;
pub mod promise;
pub mod promises;
pub mod read;
pub mod record_pid;
pub mod restart;
pub mod search;
pub mod setup;
pub mod shell;
pub mod signal;
