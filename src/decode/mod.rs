//! Event bytes to typed calls: which call it was, its arguments, flag and errno names, and how well each string was captured.
//!
//! Everything is borrowed from the event and nothing here can fail a trace: a bad event is a value ([`Malformed`]), an unknown
//! number stays a number. It must not know how events are stored, paired or printed.
#![doc = "\n## Adding a call\n\nOne row in `calls.rs` (and its flag table in `uapi.rs`); everything that prints or exports reads that row."]

mod bytes;
mod calls;
pub mod digits;
pub mod errno;
pub mod escape;
mod event;
mod names;
pub mod synth;
pub mod uapi;

pub use bytes::{Capture, UserStr};
pub use calls::{ArgSpec, Argument, CALLS, Call, CallSpec, Kind, Mount, MountOperation, Umount2, Value};
pub use event::{Body, Event, Malformed, Section, Sections, Task};
pub use names::{Flag, FlagTable};
