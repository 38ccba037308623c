//! The library behind the utilities `pidfile`, `withlock`, `waitfor` and `logwatch`.
//!
//! The rooms, each of which uses only rooms named before it: [`sys`] is the wall around `unsafe`; [`open`] opens files
//! by name; [`event`] waits for signals, descriptors and a deadline; [`process`] pins processes and starts COMMAND;
//! [`lock`] locks files; [`claim`] claims PID files and reads other processes' PID files; [`cli`] is the frame of a
//! utility: arguments, output, exit codes.

pub mod claim;
pub mod cli;
pub mod error;
pub mod event;
pub mod listener;
pub mod lock;
pub mod open;
pub mod process;
pub mod signal;
pub mod sys;
pub mod text;
