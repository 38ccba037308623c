//! What the utilities `pidfile`, `withlock`, `waitfor` and `logwatch` have in common.
//!
//! The nouns, from the outside in: a utility is run by [`cli`] and comes to an [`exit::Exit`]; it speaks through
//! [`voice`]; it waits in one [`events::Events`] loop for a [`child::Child`], a foreign [`process::Process`] or a
//! [`time::Deadline`]; it holds a [`lock`] or a [`claim`]; and it believes a [`reading::Reading`] of somebody else's.
//! Every system call that needs `unsafe` is in [`sys`].

pub mod birth;
pub mod child;
pub mod claim;
pub mod cli;
pub mod contenders;
pub mod control;
pub mod error;
pub mod events;
pub mod exit;
pub mod family;
pub(crate) mod flock;
pub mod held;
pub mod holders;
pub mod inotify;
pub mod lock;
pub mod named;
pub mod naming;
pub mod path_watch;
pub mod process;
pub mod procfs;
pub mod reading;
pub mod record;
pub mod signal;
pub mod slow_close;
pub(crate) mod spawn;
pub mod sys;
pub mod text;
pub mod ticket;
pub mod time;
pub mod unlocked;
pub mod voice;
pub(crate) mod vouch;
