//! One event's bytes as typed values, borrowed, every length checked.
//! It must not know which calls there are: that is calls.rs.

use std::fmt;

use super::bytes::{Capture, UserStr};
use crate::layout::{self, Common, Head};

/// Why some bytes are not an event. A value, not a failure: the trace goes on behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(
    /// What was expected and not found.
    pub &'static str,
);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not an event: {}", self.0)
    }
}

impl std::error::Error for Malformed {}

/// One event, borrowed from its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// What every event has.
    pub common: Common,
    /// What this kind of event has.
    pub body: Body<'a>,
    /// The arguments.
    pub sections: Sections<'a>,
}

/// What an event reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    /// A call begins.
    Enter(Task<'a>),
    /// A call has returned.
    Exit {
        /// What it returned: an error is a negative errno.
        ret: i64,
    },
    /// What is told of a process before its first call: its program, its ancestors.
    Process(Task<'a>),
    /// A phase this version does not know; `common.phase` is its number.
    Unknown,
}

/// Who made the call. What its header says is read when somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task<'a> {
    /// What every version of the header has.
    first: &'a [u8; layout::ENTER_MIN],
    /// The whole header.
    header: &'a [u8],
}

impl<'a> Event<'a> {
    /// Reads an event. Headers longer than this version knows are fine: what was added to them is skipped.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Event<'a>, Malformed> {
        let (head, body, sections) = Event::check(bytes)?;
        Ok(Event { common: Common::of(head), body, sections })
    }

    /// The parts of an event, for those who want little of what it begins with, or want that somewhere.
    #[inline]
    pub(crate) fn check(bytes: &'a [u8]) -> Result<(&'a Head, Body<'a>, Sections<'a>), Malformed> {
        if bytes.len() > layout::EVENT_MAX {
            return Err(Malformed("longer than any event may be"));
        }
        let head: &Head = bytes.first_chunk().ok_or(Malformed("shorter than an event header"))?;
        let Some((header, sections)) = parts(bytes) else {
            return Err(Malformed("its header is longer than the event"));
        };
        let body = match head[layout::PHASE] {
            layout::ENTER => {
                Body::Enter(Task::read(header).ok_or(Malformed("too short for a call that begins"))?)
            }
            layout::PROCESS => {
                Body::Process(Task::read(header).ok_or(Malformed("too short for what is told of a process"))?)
            }
            layout::EXIT => {
                Body::Exit { ret: ret_of(header).ok_or(Malformed("too short for a call that returned"))? }
            }
            _ if header.len() < layout::COMMON_SIZE => {
                return Err(Malformed("its header is shorter than any"));
            }
            _ => Body::Unknown,
        };
        if !matches!(body, Body::Unknown) {
            sections.check()?;
        }
        Ok((head, body, sections))
    }
}

/// Header and sections of an event, unchecked: of one that [`Event::decode`] has read, that is all there is to do. `None` where the
/// header is longer than the event.
#[inline]
pub(crate) fn parts(event: &[u8]) -> Option<(&[u8], Sections<'_>)> {
    let len = layout::u16_at(event, layout::HEADER_LEN)?;
    let (header, rest) = event.split_at_checked(usize::from(len))?;
    Some((header, Sections { rest }))
}

fn ret_of(header: &[u8]) -> Option<i64> {
    layout::u64_at(header, layout::RET).map(|ret| ret as i64)
}

/// Where the first NUL stands, or the end: all bytes at once, since every call has a name.
#[inline]
fn end_of_name(comm: &[u8; layout::COMM_LEN]) -> usize {
    const ONES: u128 = u128::from_le_bytes([1; layout::COMM_LEN]);
    let bytes = u128::from_le_bytes(*comm);
    // The lowest bit that is set is of the first NUL; those above it may be wrong.
    let zeros = bytes.wrapping_sub(ONES) & !bytes & (ONES << 7);
    (zeros.trailing_zeros() / 8) as usize
}

impl<'a> Task<'a> {
    /// The header of an event; `None` where it is too short.
    #[inline]
    pub(crate) fn read(header: &'a [u8]) -> Option<Task<'a>> {
        Some(Task { first: header.first_chunk()?, header })
    }

    /// Thread group id of the parent, initial pid namespace.
    pub fn ppid(&self) -> u32 {
        // No default is ever seen: these stand in every header.
        layout::u32_at(self.first, layout::PPID).unwrap_or_default()
    }

    /// User id, initial user namespace.
    pub fn uid(&self) -> u32 {
        layout::u32_at(self.first, layout::UID).unwrap_or_default()
    }

    /// Group id, initial user namespace.
    pub fn gid(&self) -> u32 {
        layout::u32_at(self.first, layout::GID).unwrap_or_default()
    }

    /// cgroup v2 id.
    pub fn cgroup(&self) -> u64 {
        layout::u64_at(self.first, layout::CGROUP).unwrap_or_default()
    }

    /// The thread's name, up to its NUL.
    #[inline]
    pub fn comm(&self) -> &'a [u8] {
        let comm = &self.first[layout::COMM..];
        comm.first_chunk().map_or(comm, |whole| &comm[..end_of_name(whole)])
    }

    /// When the process began, ns of CLOCK_BOOTTIME: with its id it names the process for good. This and what follows is not in
    /// older traces, nor where the kernel does not have it.
    pub fn start(&self) -> Option<u64> {
        self.long(layout::START)
    }

    /// Number of the mount namespace, which is never used again, as its inode is.
    pub fn mnt_ns_id(&self) -> Option<u64> {
        self.long(layout::MNT_NS_ID)
    }

    /// Inode of the pid namespace it lives in.
    pub fn pid_ns(&self) -> Option<u32> {
        self.short(layout::PID_NS)
    }

    /// Thread group id as seen there.
    pub fn ns_pid(&self) -> Option<u32> {
        self.short(layout::NS_PID)
    }

    /// Thread id as seen there.
    pub fn ns_tid(&self) -> Option<u32> {
        self.short(layout::NS_TID)
    }

    /// All of the above and what [`Common`] has of the task, as bytes: where two are the same, so is all of that.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.header.get(layout::PID..).unwrap_or_default()
    }

    /// What the header is too short for is not known, and none of these can be 0 where it is known.
    fn long(&self, at: usize) -> Option<u64> {
        layout::u64_at(self.header, at).filter(|&value| value != 0)
    }

    fn short(&self, at: usize) -> Option<u32> {
        layout::u32_at(self.header, at).filter(|&value| value != 0)
    }
}

/// The arguments of an event, in the order they were written. Ends early where a section runs past the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sections<'a> {
    rest: &'a [u8],
}

impl<'a> Sections<'a> {
    /// The sections that these bytes are; those of an event have been checked.
    pub(crate) fn new(rest: &'a [u8]) -> Sections<'a> {
        Sections { rest }
    }

    /// The bytes of those that are left.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    fn check(mut self) -> Result<(), Malformed> {
        for section in self.by_ref() {
            // Few are that short.
            if section.bytes.len() < 8 && section.is_number() {
                return Err(Malformed("a number in it has less than 8 bytes"));
            }
        }
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("a section runs past its end")) }
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Section<'a>;

    #[inline]
    fn next(&mut self) -> Option<Section<'a>> {
        let (head, rest) = self.rest.split_first_chunk::<{ layout::SECTION_SIZE }>()?;
        let len = layout::u32_at(head, layout::SECTION_LEN)?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
        self.rest = rest;
        Some(Section {
            kind: head[layout::SECTION_KIND],
            arg: head[layout::SECTION_ARG],
            state: head[layout::SECTION_STATE],
            bytes,
        })
    }
}

/// One argument as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Section<'a> {
    /// `MS_SECTION_*`; kinds this version does not know are skipped by everybody.
    pub kind: u8,
    /// Which argument, from 0.
    pub arg: u8,
    /// `MS_STATE_*`.
    pub state: u8,
    /// Its bytes; what they mean depends on `kind` and `state`.
    pub bytes: &'a [u8],
}

impl<'a> Section<'a> {
    /// Whether its bytes are a number: a value, or the address of what could not be read.
    fn is_number(&self) -> bool {
        match self.kind {
            layout::SECTION_NUMBER => true,
            layout::SECTION_STRING | layout::SECTION_BYTES => {
                self.state & !layout::STATE_LATE == layout::STATE_FAULT
            }
            _ => false,
        }
    }

    /// The value, where this is an argument passed by value.
    #[inline]
    pub fn number(&self) -> Option<u64> {
        if self.kind != layout::SECTION_NUMBER {
            return None;
        }
        layout::u64_at(self.bytes, 0)
    }

    /// What a pointer led to, where this is a string, a structure or binary data.
    #[inline]
    pub fn captured(&self) -> Option<UserStr<'a>> {
        if !matches!(self.kind, layout::SECTION_STRING | layout::SECTION_BYTES) {
            return None;
        }
        let (bytes, capture) = match self.state & !layout::STATE_LATE {
            layout::STATE_WHOLE => (self.bytes, Capture::Whole),
            layout::STATE_CUT => (self.bytes, Capture::Cut),
            layout::STATE_FAULT => (&b""[..], Capture::Fault { address: layout::u64_at(self.bytes, 0)? }),
            layout::STATE_NULL => (&b""[..], Capture::Null),
            // A state from the future: what its bytes are cannot be known.
            _ => (&b""[..], Capture::Absent),
        };
        Some(UserStr { bytes, capture, late: self.state & layout::STATE_LATE != 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::super::synth;
    use super::*;

    #[test]
    fn every_shorter_piece_of_an_event_is_malformed_and_never_a_panic() {
        let whole = synth::enter(1).string(0, b"/dev/sda1").number(3, 4096).fault(4, 0x7fff_0000).build();
        assert!(Event::decode(&whole).is_ok());
        let ends = [112, 112 + 17, 112 + 17 + 16, whole.len()];
        for end in 0..=whole.len() {
            assert_eq!(Event::decode(&whole[..end]).is_ok(), ends.contains(&end), "cut at {end}");
        }
    }

    #[test]
    fn every_flipped_byte_is_decoded_or_refused_without_a_panic() {
        let whole = synth::enter(1).string(0, b"none").null(2).number(3, 1).late(1, b"/mnt").build();
        for at in 0..whole.len() {
            for value in 0..=255 {
                let mut bytes = whole.clone();
                bytes[at] = value;
                if let Ok(event) = Event::decode(&bytes) {
                    let arguments = event.sections.filter(|s| s.number().is_some() || s.captured().is_some());
                    assert!(arguments.count() <= 4);
                }
            }
        }
    }

    #[test]
    fn what_is_a_number_has_eight_bytes_and_nothing_else_must() {
        for (kind, len) in (0..=12).flat_map(|kind| (0..=9).map(move |len| (kind, len))) {
            for state in [0, 1, 2, 3, 4, 0x80, 0x82] {
                let event = synth::enter(1).section(kind, 0, state, &vec![1; len]).build();
                let unreadable = (kind == 2 || kind == 3) && state & 0x7f == 2;
                let good = len >= 8 || kind != 1 && !unreadable;
                assert_eq!(Event::decode(&event).is_ok(), good, "kind {kind}, state {state}, {len} bytes");
            }
        }
    }

    #[test]
    fn an_event_is_at_most_64_kib() {
        let event = |bytes: usize| synth::enter(1).string(0, &vec![b'x'; bytes]).build();
        let most = layout::EVENT_MAX - event(0).len();
        assert!(Event::decode(&event(most)).is_ok());
        assert_eq!(Event::decode(&event(most + 1)).unwrap_err(), Malformed("longer than any event may be"));
    }

    #[test]
    fn a_longer_header_than_known_is_skipped() {
        let bytes = synth::exit(2).ret(-16).longer_header(24).late(0, b"/mnt").build();
        let event = Event::decode(&bytes).unwrap();
        assert_eq!(event.body, Body::Exit { ret: -16 });
        assert_eq!(event.sections.count(), 1);
    }

    #[test]
    fn a_header_shorter_than_its_phase_needs_is_malformed() {
        let mut bytes = synth::enter(1).build();
        bytes[layout::HEADER_LEN] = 79;
        assert_eq!(Event::decode(&bytes).unwrap_err(), Malformed("too short for a call that begins"));
        bytes[layout::HEADER_LEN] = layout::ENTER_SIZE as u8 + 1;
        assert_eq!(Event::decode(&bytes).unwrap_err(), Malformed("its header is longer than the event"));
    }

    #[test]
    fn phases_and_calls_from_the_future_stay_numbers() {
        let mut bytes = synth::enter(999).build();
        bytes[layout::PHASE] = 7;
        let event = Event::decode(&bytes).unwrap();
        assert_eq!((event.common.call, event.common.phase, event.body), (999, 7, Body::Unknown));
    }

    #[test]
    fn a_name_of_sixteen_bytes_needs_no_nul() {
        let bytes = synth::enter(1).comm(b"0123456789abcdef").build();
        let Body::Enter(task) = Event::decode(&bytes).unwrap().body else { panic!("not an enter") };
        assert_eq!(task.comm(), b"0123456789abcdef");
    }

    #[test]
    fn a_string_in_a_state_from_the_future_is_absent_not_whole() {
        let bytes = synth::enter(1).section(layout::SECTION_STRING, 0, 9, b"abc").build();
        let section = Event::decode(&bytes).unwrap().sections.next().unwrap();
        assert_eq!(section.captured(), Some(UserStr::ABSENT));
    }
}
