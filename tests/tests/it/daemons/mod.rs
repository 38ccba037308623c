//! Daemons, started and stopped as their users do it.

mod chain;
mod cluster;
mod cluster_of_three;
mod daemon_controller;
mod failures;
mod init;
mod init_real;
mod library;
mod ready;
mod real;
mod supervised;
