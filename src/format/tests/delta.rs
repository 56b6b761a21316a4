//! Events as differences: what comes back is what was there, and wrong bytes come to nothing.

use crate::format::delta::{Encoder, decode};
use crate::format::record;
use crate::layout;

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn event(call: u16, phase: u8, time: u64, seq: u64, cpu: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = vec![0; layout::COMMON_SIZE];
    let mut put = |at: usize, bytes: &[u8]| body[at..at + bytes.len()].copy_from_slice(bytes);
    put(layout::CALL, &call.to_le_bytes());
    put(layout::PHASE, &[phase]);
    put(layout::TIME, &time.to_le_bytes());
    put(layout::SEQ, &seq.to_le_bytes());
    put(layout::CPU, &cpu.to_le_bytes());
    body.extend_from_slice(rest);
    body
}

fn records(bodies: &[(u16, u16, Vec<u8>)]) -> Vec<u8> {
    let mut raw = Vec::new();
    bodies.iter().for_each(|(kind, flags, body)| record::append(&mut raw, *kind, *flags, body));
    raw
}

fn back(content: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut raw = b"what was there before".repeat(9);
    decode(content, len, &mut raw).map(|()| raw)
}

#[test]
fn an_event_like_the_one_before_it_costs_a_few_bytes() {
    let one = event(1, 1, 1000, 7, 3, b"/mnt");
    let two = event(1, 1, 1300, 8, 3, b"/mnt");
    let raw = records(&[(record::EVENT, 0, one), (record::LOST, 0, vec![9]), (record::EVENT, 0, two)]);
    let content = Encoder::default().encode(&raw).expect("it is shorter").to_vec();
    #[rustfmt::skip]
    let expected = [
        36, 0, 0, 0, 2, 0, 0, 0,
        // 5 is its place, it has 44 bytes more than none: words 0, 1, 6 and 10. Its number is 7, which is 6 more than 0 + 1.
        6, 44 * 2, 0b0100_0011, 0b0000_0100, 0, 0, 1, 0, 1, 0, 0, 0, 3, 0, 0, 0, b'/', b'm', b'n', b't', 6 * 2,
        // As it is.
        0, 0x20, 0, 0, 0, 1, 0, 0, 0, 9,
        // As the one before, with the next number.
        6, 0, 0, 0, 0,
        // 1000 and 300, doubled: lower and upper parts.
        208, 88, 7, 2,
    ];
    assert_eq!((&content[..], back(&content, raw.len())), (&expected[..], Some(raw)));
}

/// Events of a few calls by a few tasks, long and short, with other records and events that are none between them.
fn any_records(dice: &mut Dice) -> Vec<u8> {
    let mut time = dice.below(u64::MAX >> 20);
    let mut bodies = Vec::new();
    for seq in 0..dice.below(60) {
        time = time.wrapping_add(dice.below(3000)).wrapping_sub(dice.below(200));
        let most = if dice.below(6) == 0 { 900 } else { 90 };
        let rest: Vec<u8> = (0..dice.below(most)).map(|_| dice.below(3) as u8).collect();
        let seq = if dice.below(9) == 0 { dice.below(u64::MAX) << 31 } else { seq };
        let body = event(dice.below(3) as u16, dice.below(3) as u8, time, seq, dice.below(600) as u32, &rest);
        bodies.push(match dice.below(12) {
            0 => (record::EVENT, dice.below(2) as u16, body),
            1 => (record::EVENT, 0, body[..dice.below(40) as usize].to_vec()),
            2 => (record::MARKER, 0, rest),
            _ => (record::EVENT, 0, body),
        });
    }
    records(&bodies)
}

#[test]
fn what_comes_back_is_what_was_there() {
    let (mut dice, mut encoder) = (Dice(1), Encoder::default());
    let mut told = 0;
    for round in 0..2000 {
        let raw = any_records(&mut dice);
        let Some(content) = encoder.encode(&raw) else { continue };
        told += 1;
        assert_eq!(back(content, raw.len()).as_ref(), Some(&raw), "round {round}: {content:?}");
        for wrong in [raw.len() - 1, raw.len() + 1, 0] {
            assert_eq!(back(content, wrong), None, "round {round} with {wrong} bytes: {content:?}");
        }
    }
    assert!(told > 1000, "only {told} were shorter");
}

#[test]
fn wrong_bytes_give_nothing_or_as_much_as_was_asked_for() {
    let (mut dice, mut encoder) = (Dice(2), Encoder::default());
    let mut refused = 0;
    for _ in 0..300 {
        let raw = any_records(&mut dice);
        let Some(content) = encoder.encode(&raw) else { continue };
        for _ in 0..40 {
            let mut wrong = content.to_vec();
            let at = dice.below(wrong.len() as u64) as usize;
            match dice.below(3) {
                0 => wrong.truncate(at),
                1 => wrong[at] ^= 1 << dice.below(8),
                _ => wrong[at] = 0xFF,
            }
            match back(&wrong, raw.len()) {
                Some(found) => assert_eq!(found.len(), raw.len(), "{wrong:?}"),
                None => refused += 1,
            }
        }
    }
    assert!(refused > 1000, "only {refused} were refused");
}

#[test]
fn what_leads_nowhere_is_refused() {
    let raw = records(&[(record::EVENT, 0, event(1, 1, 1000, 7, 3, &[1; 20]))]);
    let good = Encoder::default().encode(&raw).expect("it is shorter").to_vec();
    assert_eq!(back(&good, raw.len()), Some(raw.clone()));
    let with = |at: usize, byte: u8| {
        let mut content = good.clone();
        content[at] = byte;
        back(&content, raw.len())
    };
    assert_eq!(with(0, 200), None, "changes behind the end");
    assert_eq!(with(4, 200), None, "low bytes behind the end");
    assert_eq!(with(9, 39 * 2), None, "an event of 39 bytes");
    assert_eq!(with(9, 1), None, "an event of -1 bytes");
    assert_eq!(with(10, good[10] | 0b0000_0100), None, "a word of the time");
    assert_eq!(with(11, good[11] | 0b1000_0000), None, "a word behind the end");
    assert_eq!(back(&[&good[..], &[0]].concat(), raw.len()), None, "something is left");

    // 57 bytes are 14 words and a byte, which is the last that can be told of.
    let raw = records(&[(record::EVENT, 0, event(1, 1, 1000, 7, 3, &[1; 17]))]);
    let good = Encoder::default().encode(&raw).expect("it is shorter").to_vec();
    assert_eq!(back(&good, raw.len()), Some(raw.clone()));
    let mut wrong = good.clone();
    wrong[11] = wrong[11] & !0b0100_0000 | 0b1000_0000;
    assert_eq!((good[11], back(&wrong, raw.len())), (0b0111_1100, None), "a byte behind the last word");
}
