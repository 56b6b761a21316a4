//! Recording on the running kernel: what a person would do with the command, done for real.
//! Other tests record at the same time, so each looks only at calls of its own: those of its COMMAND, or by a name that
//! nobody else uses. All mounts are made in mount namespaces of their own.

mod capture;
mod cgroups;
mod command;
#[cfg(target_arch = "x86_64")]
mod compat;
mod ending;
mod filters;
mod flight;
mod following;
mod hung;
mod newcalls;
mod rights;
mod rotation;
mod seed;
mod unseen;
mod unwritten;
mod watching;
