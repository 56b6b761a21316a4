//! A block's events as differences to earlier ones, for its zstd frame: a program that makes a call again makes one that is nearly
//! the same. From records to this form and back; knows of an event only what FORMAT.md, section 6.1 says.

use std::slice;

use super::record::{self, RawRecord, Records};
use super::wire::{RECORD_PREFIX, u16_at, u32_at, u64_at};
use crate::layout;

/// Two lengths stand before everything else.
const LENGTHS: usize = 8;
/// A difference is told in words of this many bytes, by one bit each.
const WORD: usize = 4;
/// Bytes of an event that one byte of bits is about.
const GROUP: usize = 8 * WORD;
/// Bytes of bits that are looked at together.
const GROUPS: usize = 8;
/// The bits of the first group that are for `time` and `seq`, which are told otherwise.
const TOLD_OTHERWISE: u8 = 0b0011_1100;
/// A record as it is, where the number of a place stands otherwise.
const PLAIN: u8 = 0;

/// What both sides remember of the events before.
struct Past {
    /// Where the body of the event begins that was given this number last, and how long it is.
    places: [(u32, u32); 256],
    /// The number of the last event of each CPU.
    seqs: [u64; 256],
    time: u64,
}

impl Past {
    fn new() -> Past {
        Past { places: [(0, 0); 256], seqs: [0; 256], time: 0 }
    }

    fn seq(&mut self, cpu: u32) -> &mut u64 {
        let [low, ..] = cpu.to_le_bytes();
        // The array has a place for every u8.
        &mut self.seqs[usize::from(low)]
    }
}

/// Calls that are the same, and where they are the same, share a place. Any choice can be read.
fn place(body: &[u8]) -> u8 {
    let call = u16_at(body, layout::CALL).unwrap_or_default();
    let phase = body.get(layout::PHASE).copied().unwrap_or_default();
    (1 + (u32::from(call) * 4 + u32::from(phase)) % 255) as u8
}

/// Numbers near 0 to small ones.
fn zigzag(difference: u64) -> u64 {
    (difference << 1) ^ ((difference as i64 >> 63) as u64)
}

fn unzigzag(number: u64) -> u64 {
    (number >> 1) ^ (number & 1).wrapping_neg()
}

/// What stands before the body of an event.
fn prefix_of(len: u32) -> [u8; RECORD_PREFIX] {
    let ([kind, kind_high], [a, b, c, d]) = (record::EVENT.to_le_bytes(), len.to_le_bytes());
    [kind, kind_high, 0, 0, a, b, c, d]
}

/// A group of words, with zeros behind its end.
#[inline]
fn padded(group: &[u8]) -> [u8; GROUP] {
    group.first_chunk().copied().unwrap_or_else(|| {
        let mut padded = [0; GROUP];
        padded.iter_mut().zip(group).for_each(|(to, from)| *to = *from);
        padded
    })
}

/// The numbers of the bits that are set, from the lowest on.
#[inline]
fn ones(mut bits: u8) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let lowest = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        lowest
    })
}

/// The bits of up to so many groups, which are there.
#[inline]
fn together(bits: &[u8], groups: usize) -> u64 {
    match bits.first_chunk() {
        Some(chunk) => u64::from_le_bytes(*chunk) & u64::MAX >> (8 * GROUPS.saturating_sub(groups)),
        None => together_at_the_end(bits, groups),
    }
}

#[cold]
fn together_at_the_end(bits: &[u8], groups: usize) -> u64 {
    bits.iter().take(groups).rev().fold(0, |all, &bits| all << 8 | u64::from(bits))
}

fn put_varint(to: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        to.push(number as u8 | 0x80);
        number >>= 7;
    }
    to.push(number as u8);
}

/// Writes blocks in this form; its buffers are used again.
#[derive(Default)]
pub(crate) struct Encoder {
    content: Vec<u8>,
    low: Vec<u8>,
    high: Vec<u8>,
}

impl Encoder {
    /// What is to be compressed instead of these records; `None` where that would not be shorter.
    pub fn encode(&mut self, raw: &[u8]) -> Option<&[u8]> {
        self.content.clear();
        self.low.clear();
        self.high.clear();
        self.content.extend_from_slice(&[0; LENGTHS]);
        let mut past = Past::new();
        for record in Records::new(raw) {
            let record = record.ok()?;
            if record.kind == record::EVENT && record.flags == 0 && record.body.len() >= layout::COMMON_SIZE {
                self.event(raw, &record, &mut past)?;
            } else {
                self.content.push(PLAIN);
                self.content
                    .extend_from_slice(raw.get(record.at..)?.get(..RECORD_PREFIX + record.body.len())?);
            }
        }
        let lengths = [self.content.len() - LENGTHS, self.low.len()].map(|len| (len as u32).to_le_bytes());
        self.content.get_mut(..LENGTHS)?.copy_from_slice(lengths.as_flattened());
        self.content.append(&mut self.low);
        self.content.append(&mut self.high);
        (self.content.len() < raw.len()).then_some(&self.content)
    }

    fn event(&mut self, raw: &[u8], record: &RawRecord<'_>, past: &mut Past) -> Option<()> {
        let (body, number) = (record.body, place(record.body));
        let like = &mut past.places[usize::from(number)];
        let (at, len) = std::mem::replace(like, ((record.at + RECORD_PREFIX) as u32, body.len() as u32));
        let before = raw.get(at as usize..)?.get(..len as usize)?;
        self.content.push(number);
        put_varint(&mut self.content, zigzag((body.len() as u64).wrapping_sub(len.into())));
        self.differences(body, before);

        let (time, seq) = (u64_at(body, layout::TIME)?, u64_at(body, layout::SEQ)?);
        let last = std::mem::replace(past.seq(u32_at(body, layout::CPU)?), seq);
        put_varint(&mut self.content, zigzag(seq.wrapping_sub(last).wrapping_sub(1)));
        let later = zigzag(time.wrapping_sub(std::mem::replace(&mut past.time, time)));
        self.low.push(later as u8);
        put_varint(&mut self.high, later >> 8);
        Some(())
    }

    /// The bits of all words, then the words that are not as they were.
    fn differences(&mut self, body: &[u8], before: &[u8]) {
        let bits = self.content.len();
        self.content.resize(bits + body.len().div_ceil(GROUP), 0);
        for (n, group) in body.chunks(GROUP).enumerate() {
            let before = before.get(n * GROUP..).unwrap_or_default();
            let (now, then) = (padded(group), padded(before.get(..group.len()).unwrap_or(before)));
            if now == then {
                continue;
            }
            let mut changed = 0;
            for (n, (now, then)) in now.as_chunks().0.iter().zip(then.as_chunks::<WORD>().0).enumerate() {
                changed |= u8::from(now != then) << n;
            }
            if n == 0 {
                changed &= !TOLD_OTHERWISE;
            }
            if let Some(bits) = self.content.get_mut(bits + n) {
                *bits = changed;
            }
            for n in ones(changed) {
                let end = group.len().min((n + 1) * WORD);
                self.content.extend_from_slice(group.get(n * WORD..end).unwrap_or_default());
            }
        }
    }
}

/// Replaces `raw` by the `len` bytes of records that `content` stands for. `None`: it stands for none; what is in `raw` then
/// means nothing.
#[inline(never)] // Done once for a block, with all that it calls in one piece.
pub(crate) fn decode(content: &[u8], len: usize, raw: &mut Vec<u8>) -> Option<()> {
    let (changes, low) = (u32_at(content, 0)? as usize, u32_at(content, 4)? as usize);
    let (changes, times) = content.get(LENGTHS..)?.split_at_checked(changes)?;
    let (low, high) = times.split_at_checked(low)?;
    if raw.capacity() == 0 {
        // New memory is zero already.
        *raw = vec![0; len];
    }
    raw.reserve_exact(len.saturating_sub(raw.len()));
    raw.resize(len, 0);
    let (changes, low, high) = (Bytes::new(changes), Bytes::new(low), Bytes::new(high));
    let mut decoder = Decoder { changes, low, high, past: Past::new() };
    let mut at = 0;
    while !decoder.changes.is_empty() {
        at = match decoder.changes.byte()? {
            PLAIN => decoder.plain(raw, at)?,
            number => decoder.event(number, raw, at)?,
        }
    }
    (at == len && decoder.low.is_empty() && decoder.high.is_empty()).then_some(())
}

struct Decoder<'a> {
    changes: Bytes<'a>,
    low: Bytes<'a>,
    high: Bytes<'a>,
    past: Past,
}

impl Decoder<'_> {
    /// Where the record at `at` ends.
    fn plain(&mut self, raw: &mut [u8], at: usize) -> Option<usize> {
        let len = RECORD_PREFIX.checked_add(u32_at(self.changes.rest(), 4)? as usize)?;
        let record = self.changes.take(len)?;
        raw.get_mut(at..)?.get_mut(..len)?.copy_from_slice(record);
        Some(at + len)
    }

    /// The same of an event.
    #[inline]
    fn event(&mut self, number: u8, raw: &mut [u8], at: usize) -> Option<usize> {
        let place = &mut self.past.places[usize::from(number)];
        let was = place.1;
        let len = u32::try_from(u64::from(was).wrapping_add(unzigzag(self.changes.varint()?))).ok()?;
        let like = std::mem::replace(place, ((at + RECORD_PREFIX) as u32, len)).0 as usize;

        let (before, rest) = raw.split_at_mut_checked(at)?;
        let (prefix, rest) = rest.split_first_chunk_mut::<RECORD_PREFIX>()?;
        *prefix = prefix_of(len);
        let body = rest.get_mut(..len as usize).filter(|body| body.len() >= layout::COMMON_SIZE)?;
        let (same, new) = body.split_at_mut(was.min(len) as usize);
        same.copy_from_slice(before.get(like..)?.get(..same.len())?);
        // Most events are as long as those before.
        if !new.is_empty() {
            new.fill(0);
        }
        self.changes = Bytes::new(differences(self.changes.rest(), body)?);
        self.numbers(body)?;
        Some(at + RECORD_PREFIX + len as usize)
    }

    /// `time` and `seq` of an event that is otherwise there.
    #[inline(always)]
    fn numbers(&mut self, body: &mut [u8]) -> Option<()> {
        let header: &mut [u8; layout::COMMON_SIZE] = body.first_chunk_mut()?;
        let seq = self.past.seq(u32_at(header, layout::CPU)?);
        *seq = seq.wrapping_add(1).wrapping_add(unzigzag(self.changes.varint()?));
        header.get_mut(layout::SEQ..)?.first_chunk_mut().map(|to| *to = seq.to_le_bytes())?;
        let later = u64::from(self.low.byte()?) | self.high.varint()?.checked_mul(1 << 8)?;
        self.past.time = self.past.time.wrapping_add(unzigzag(later));
        header.get_mut(layout::TIME..)?.first_chunk_mut().map(|to| *to = self.past.time.to_le_bytes())
    }
}

/// Changes the words of an event that are not as they were; returns what stands behind them.
#[inline(always)]
fn differences<'a>(bits: &'a [u8], body: &mut [u8]) -> Option<&'a [u8]> {
    let groups = body.len().div_ceil(GROUP);
    let mut changes = bits.get(groups..)?;
    if bits.first()? & TOLD_OTHERWISE != 0 {
        return None;
    }
    let (words, last) = body.as_chunks_mut::<WORD>();
    let (whole, mut group) = (words.len(), 0);
    while group < groups {
        let mut changed = together(bits.get(group..)?, groups - group);
        while changed != 0 {
            let at = GROUP / WORD * group + changed.trailing_zeros() as usize;
            changed &= changed - 1;
            if let Some(word) = words.get_mut(at) {
                let (new, rest) = changes.split_first_chunk()?;
                (*word, changes) = (*new, rest);
            } else if at == whole && !last.is_empty() {
                // It is shorter.
                let (new, rest) = changes.split_at_checked(last.len())?;
                last.copy_from_slice(new);
                changes = rest;
            } else {
                return None;
            }
        }
        group += GROUPS;
    }
    Some(changes)
}

/// Bytes that are taken from the front.
struct Bytes<'a>(slice::Iter<'a, u8>);

impl<'a> Bytes<'a> {
    fn new(bytes: &'a [u8]) -> Bytes<'a> {
        Bytes(bytes.iter())
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.0.as_slice()
    }

    #[inline]
    fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    #[inline]
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest().split_at_checked(len)?;
        *self = Bytes::new(rest);
        Some(taken)
    }

    #[inline]
    fn byte(&mut self) -> Option<u8> {
        self.0.next().copied()
    }

    #[inline(always)]
    fn varint(&mut self) -> Option<u64> {
        match self.byte()? {
            byte @ ..0x80 => Some(byte.into()),
            byte => self.long_varint(byte),
        }
    }

    fn long_varint(&mut self, first: u8) -> Option<u64> {
        let mut number = u64::from(first & 0x7F);
        for shift in (7..u64::BITS).step_by(7) {
            let byte = u64::from(self.byte()?);
            let part = byte & 0x7F;
            if part << shift >> shift != part {
                return None;
            }
            number |= part << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }
}
