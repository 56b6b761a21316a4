//! The tests that look from outside: at the program, at the files it writes, at the source tree.

mod corpus;
mod damage;
mod fixtures;
mod layers;
mod memory;
mod second_reader;
mod tools;
mod years;

// What records on the running kernel: needs root, and says so where it is not.
#[cfg(feature = "record")]
mod killed;
#[cfg(feature = "record")]
mod live;
#[cfg(feature = "record")]
mod newcalls;
#[cfg(feature = "record")]
mod oracle;
#[cfg(feature = "record")]
mod readme;
#[cfg(feature = "record")]
mod segments;
#[cfg(feature = "record")]
mod support;
