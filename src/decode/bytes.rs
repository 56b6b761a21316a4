//! A string argument: what was read of it, and what that is worth.
//! It must not know which argument of which call it was.

/// How much of a string the recorder could read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// All of it.
    Whole,
    /// The beginning of a longer string.
    Cut,
    /// Nothing: the pointer led nowhere, or to a page that was not resident.
    Fault {
        /// The pointer itself.
        address: u64,
    },
    /// Nothing: the pointer was NULL.
    Null,
    /// The event says nothing about this argument: it had no room for it, or the event itself was lost.
    Absent,
}

/// A string argument as it was captured. NULL, empty, cut and unreadable are told apart by `capture`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserStr<'a> {
    /// What was read; empty unless `capture` is [`Capture::Whole`] or [`Capture::Cut`].
    pub bytes: &'a [u8],
    /// What `bytes` are worth.
    pub capture: Capture,
    /// Read when the call returned: another thread may have changed it since the kernel used it.
    pub late: bool,
}

impl<'a> UserStr<'a> {
    /// An argument the event says nothing about.
    pub const ABSENT: UserStr<'static> = UserStr { bytes: b"", capture: Capture::Absent, late: false };

    /// The bytes, where some were read, be they whole or cut.
    #[inline]
    pub fn text(&self) -> Option<&'a [u8]> {
        matches!(self.capture, Capture::Whole | Capture::Cut).then_some(self.bytes)
    }

    /// The bytes, where all of them were read.
    #[inline]
    pub fn whole(&self) -> Option<&'a [u8]> {
        (self.capture == Capture::Whole).then_some(self.bytes)
    }

    /// Whether a later reading of the same argument may replace this one.
    #[inline]
    pub(super) fn is_unread(&self) -> bool {
        matches!(self.capture, Capture::Fault { .. } | Capture::Absent)
    }
}
