//! What fails and what is killed: every system call failing, kill -9 at every call, and the torture.

#[cfg(target_arch = "x86_64")]
mod faults;
mod killed;
mod torture;
