//! Damage costs what it hit, is reported, and never invents.

use super::sample::*;
use crate::format::*;

#[test]
fn every_prefix_yields_a_prefix_of_the_events_and_is_never_closed() {
    let bytes = trace(0xA0);
    let at = frames(&bytes);
    for len in 0..bytes.len() {
        let seen = read(&bytes[..len]);
        // Blocks 2 to 4 of the frames hold two events each.
        let whole = at[2..5].iter().zip(&at[3..6]).filter(|(_, end)| **end <= len).count() as u64;
        let expected: Vec<u64> = (0..2 * whole).collect();
        assert_eq!(seen.numbers(), expected, "cut at {len}: {seen:#?}");
        assert!(!seen.closed && !seen.clean, "cut at {len}: {seen:#?}");
        let torn = !at.contains(&len);
        assert_eq!(seen.damages.len(), usize::from(torn), "cut at {len}: {seen:#?}");
        assert_eq!(seen.error.is_some(), len == 0, "cut at {len}: {seen:#?}");
    }
}

#[test]
fn every_flipped_byte_is_noticed_and_invents_nothing() {
    let bytes = trace(0xA0);
    for at in 0..bytes.len() {
        for bit in [0x01, 0x80, 0xFF] {
            let mut flipped = bytes.clone();
            flipped[at] ^= bit;
            let seen = read(&flipped);
            let numbers = seen.numbers();
            assert!(
                numbers.is_sorted_by(|a, b| a < b) && !numbers.contains(&u64::MAX),
                "byte {at}: {seen:#?}"
            );
            assert_eq!(numbers, seen.indexes, "byte {at}: {seen:#?}");
            assert!(
                !seen.clean && (!seen.damages.is_empty() || seen.error.is_some()),
                "byte {at}: {seen:#?}"
            );
            assert_eq!(seen.error, None, "byte {at} costs the whole trace: {seen:#?}");
            let lost: u64 = seen.damages.iter().filter_map(|damage| damage.events_lost).sum();
            let unknown = seen.damages.iter().any(|damage| damage.events_lost.is_none());
            assert!(unknown || numbers.len() as u64 + lost == 6, "byte {at}: {seen:#?}");
            assert!(numbers.len() >= 4, "byte {at} costs more than its block: {seen:#?}");
        }
    }
}

#[test]
fn every_missing_stretch_is_noticed() {
    let bytes = trace(0xA0);
    for begin in (0..bytes.len()).step_by(7) {
        for len in [1, 40, 104, 150, 300] {
            let Some(rest) = bytes.get(begin + len..) else { continue };
            let seen = read(&[&bytes[..begin], rest].concat());
            let numbers = seen.numbers();
            assert!(
                numbers.is_sorted_by(|a, b| a < b) && !numbers.contains(&u64::MAX),
                "{len} at {begin}: {seen:#?}"
            );
            assert!(!seen.clean, "{len} bytes missing at {begin}: {seen:#?}");
        }
    }
}

#[test]
fn every_missing_frame_is_noticed() {
    let bytes = trace(0xA0);
    let at = frames(&bytes);
    let without = |n: usize| read(&[&bytes[..at[n]], &bytes[at[n + 1]..]].concat());
    let seen = without(0);
    assert_eq!((seen.numbers().len(), seen.reasons()), (6, vec![&DamageReason::BadHeader]), "{seen:#?}");
    assert_eq!((&seen.starts[..], seen.closed), (&[None][..], true));
    let seen = without(3);
    let gap = DamageReason::Gap { expected_block: 2, found_block: Some(3) };
    assert_eq!((seen.numbers(), seen.reasons()), (vec![0, 1, 4, 5], vec![&gap]), "{seen:#?}");
    assert_eq!((seen.damages[0].events_lost, seen.indexes), (Some(2), vec![0, 1, 4, 5]));
    let seen = without(5);
    let gap = DamageReason::Gap { expected_block: 4, found_block: Some(5) };
    assert_eq!((seen.numbers().len(), seen.reasons()), (6, vec![&gap]), "the index: {seen:#?}");
    let seen = without(6);
    assert_eq!(
        (seen.reasons(), seen.closed, seen.clean),
        (vec![&DamageReason::NoStats], true, false),
        "{seen:#?}"
    );
    let seen = read(&[&bytes[..at[4]], &bytes[at[7]..]].concat());
    let gap = DamageReason::Gap { expected_block: 3, found_block: None };
    assert_eq!((seen.reasons(), seen.damages[0].events_lost), (vec![&gap], Some(2)), "{seen:#?}");
}

#[test]
fn a_damaged_block_costs_itself_and_says_so() {
    let mut bytes = trace(0xA0);
    let at = frames(&bytes);
    bytes[at[3] + 110] ^= 4;
    let seen = read(&bytes);
    assert_eq!(seen.numbers(), [0, 1, 4, 5], "{seen:#?}");
    let damage = &seen.damages[0];
    assert!(matches!(damage.reason, DamageReason::BadChecksum { .. }), "{damage:?}");
    assert_eq!((damage.offset, damage.len), (at[3] as u64, Some((at[4] - at[3]) as u64)));
    let text = damage.to_string();
    assert!(text.contains(&format!("offset {}", at[3])) && text.contains("2 events lost"), "{text}");
}

#[test]
fn a_tail_of_zeroes_or_garbage_is_no_error() {
    let bytes = trace(0xA0);
    let open = &bytes[..frames(&bytes)[5]];
    let garbage: Vec<u8> = (0..5000_u32).map(|n| (n * 7 % 251) as u8).collect();
    for (tail, reason) in [(vec![0; 5000], DamageReason::ZeroTail), (garbage, DamageReason::TrailingGarbage)]
    {
        for (trace, closed) in [(open, false), (&bytes[..], true)] {
            let seen = read(&[trace, &tail].concat());
            assert_eq!((seen.numbers().len(), seen.reasons()), (6, vec![&reason]), "{seen:#?}");
            assert_eq!((seen.damages[0].len, seen.closed, seen.clean), (Some(5000), closed, false));
        }
    }
}

#[test]
fn blocks_of_another_file_are_not_read() {
    let (ours, theirs) = (trace(0xA0), trace(0xD0));
    let (at, stale) = (frames(&ours), &theirs[frames(&theirs)[2]..]);
    for (end, closed) in [(at[4], false), (ours.len(), true)] {
        let seen = read(&[&ours[..end], stale].concat());
        assert_eq!(seen.reasons(), [&DamageReason::ForeignBlock], "{seen:#?}");
        assert_eq!((seen.starts.len(), seen.closed, seen.clean), (1, closed, false), "{seen:#?}");
    }
    let middle = read(&[&ours[..at[3]], stale, &ours[at[3]..]].concat());
    assert_eq!(
        (middle.numbers().len(), middle.reasons()),
        (6, vec![&DamageReason::ForeignBlock]),
        "{middle:#?}"
    );
    assert_eq!(middle.damages[0].events_lost, Some(0));
}

#[test]
fn a_block_that_comes_again_is_not_read_again() {
    let bytes = trace(0xA0);
    let at = frames(&bytes);
    let seen = read(&[&bytes[..at[4]], &bytes[at[3]..]].concat());
    let gap = DamageReason::Gap { expected_block: 3, found_block: Some(2) };
    assert_eq!((seen.numbers().len(), seen.reasons()), (6, vec![&gap]), "{seen:#?}");
}

#[test]
fn a_cut_trace_before_another_costs_the_other_nothing() {
    let (first, second) = (trace(0xA0), trace(0xD0));
    let at = frames(&first);
    for (end, reason) in [(at[4], DamageReason::NoEnd), (at[4] + 130, DamageReason::BadHeader)] {
        let seen = read(&[&first[..end], &second].concat());
        let torn =
            matches!(seen.damages[0].reason, DamageReason::BadChecksum { .. } | DamageReason::TornTail);
        assert!(seen.damages[0].reason == reason || torn, "{seen:#?}");
        assert_eq!((seen.starts.len(), seen.numbers().len(), seen.damages.len()), (2, 10, 1), "{seen:#?}");
        assert_eq!((seen.closed, seen.clean), (true, false));
    }
}

#[test]
fn a_second_trace_with_a_damaged_header_is_read() {
    let (first, mut second) = (trace(0xA0), trace(0xD0));
    second[50] ^= 1;
    let seen = read(&[first, second].concat());
    assert_eq!((seen.numbers().len(), seen.reasons()), (12, vec![&DamageReason::BadHeader]), "{seen:#?}");
    assert_eq!((seen.starts.len(), seen.starts[1].is_none(), seen.ends), (2, true, 2));
}
