//! Recording on the running kernel: what a person would do with the command, done for real.
//! Other tests record at the same time, so each looks only at calls of its own: those of its COMMAND, or by a name that
//! nobody else uses. All mounts are made in mount namespaces of their own.

mod capture;
mod cgroups;
mod command;
mod ending;
mod following;
mod hung;
mod newcalls;
mod rights;
mod seed;
mod unseen;
mod watching;
