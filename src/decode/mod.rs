//! Event bytes to typed calls: which call it was, its arguments, flag and errno names, and how well each string was captured.
//!
//! Everything is borrowed from the event and nothing here can fail a trace: a bad event is a value ([`Malformed`]), an unknown
//! number stays a number. It must not know how events are stored, paired or printed.
//!
//! ## Adding a call
//!
//! One row in `calls.rs`, and its flag table in `uapi.rs`: the typed struct, the decoder and the arguments in every view come from
//! there. What is special about it (as mount(2) in `mount.rs`) gets a file of its own.

mod bytes;
mod calls;
mod container;
pub mod digits;
pub mod errno;
pub mod escape;
mod event;
mod fsconfig;
mod known;
mod mount;
mod names;
mod slots;
mod structs;
pub mod synth;
pub mod uapi;

pub use bytes::{Capture, Payload, UserStr};
pub use calls::{AT_FDCWD, ArgSpec, Argument, CALLS, Call, CallSpec, Kind, Value};
pub use calls::{
    Chroot, Clone, Clone3, Fsconfig, Fsmount, Fsopen, Fspick, Listmount, Listns, Mount, MountSetattr,
    MoveMount, OpenTree, OpenTreeAttr, PivotRoot, Setns, Statmount, Umount, Umount2, Unshare,
};
pub use container::Part;
pub(crate) use event::parts;
pub use event::{Body, Event, Malformed, Section, Sections, Task};
pub use known::{Identity, Names, Object, Parent};
pub use mount::MountOperation;
pub use names::{EnumTable, Field, Flag, FlagTable, Magic};
pub use structs::{FieldKind, StructField, StructTable};
