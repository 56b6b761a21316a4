//! Several traces in one: nothing lost, nothing mixed, in the order of time.

use mountsnoop::decode::synth;
use mountsnoop::format::{FileIdentity, Item, WriterOptions};
use mountsnoop::layout::Common;
use mountsnoop::tools::{Error, Merged, Refusal, merge};

use super::{Recorder, SECOND, content, identity, reader, sample, verdicts};

pub fn merged(traces: &[&[u8]]) -> Result<(Vec<u8>, Merged), Error> {
    merge(traces.iter().map(|bytes| reader(bytes)).collect(), Vec::new(), WriterOptions::default())
}

/// Of each event, in order: the session it is from, and its time.
fn order(bytes: &[u8]) -> Vec<(u8, u64)> {
    let (mut reader, mut at, mut order) = (reader(bytes), None, Vec::new());
    while let Some(item) = reader.next().expect("a trace") {
        match item {
            Item::Source(source) => at = source.identity,
            Item::Event(event) => {
                let from: FileIdentity = at.expect("an event after a SOURCE");
                order.push((from.session_uuid[0] ^ 0x80, Common::read(event.bytes).expect("an event").time));
            }
            _ => {}
        }
    }
    order
}

/// A trace whose events happen at these times, ns after it was begun.
fn at_times(identity: FileIdentity, times: &[u64]) -> Vec<u8> {
    let mut recorder = Recorder::new(identity, "host");
    for time in times {
        let time = identity.created_boottime_ns + time;
        recorder.event(synth::umount2(b"/mnt", 0).task(7, 7).time(time), 0);
    }
    recorder.finish()
}

#[test]
fn everything_of_both_is_there_and_proven() {
    let (one, two) = (sample(1, 12, false), sample(2, 7, false));
    let (bytes, done) = merged(&[&one, &two]).expect("merged");
    assert_eq!((done.sources, done.clocks, done.counts.events), (2, 2, 3 * 19));
    let (found, findings) = verdicts(&bytes);
    assert!(found.len() == 1 && found[0].complete(), "{found:#?} {findings:?}");
    let (whole, one, two) = (content(&bytes).unwrap(), content(&one).unwrap(), content(&two).unwrap());
    for part in [&one, &two] {
        let mut rest = whole.events.iter();
        assert!(
            part.events.iter().all(|event| rest.any(|other| other == event)),
            "events are missing or out of order"
        );
        for record in &part.others {
            assert!(whole.others.contains(record), "{record} is not there");
        }
    }
}

#[test]
fn recordings_of_one_boot_are_ordered_exactly_whatever_their_wall_clocks_say() {
    let one = identity(1);
    let two = FileIdentity { created_realtime_ns: 5, ..FileIdentity { boot_id: one.boot_id, ..identity(2) } };
    let (a, b) = (at_times(one, &[10, 30, 50]), at_times(two, &[20, 40]));
    let (bytes, done) = merged(&[&a, &b]).expect("merged");
    let at = |source, after| (source, one.created_boottime_ns + after);
    assert_eq!(order(&bytes), [at(1, 10), at(2, 20), at(1, 30), at(2, 40), at(1, 50)]);
    assert_eq!((done.clocks, done.doubts.events), (1, 0));
}

#[test]
fn hosts_are_laid_side_by_side_by_the_time_of_day_and_no_time_is_changed() {
    let one = identity(1);
    // The same moment of the day, much later after its boot.
    let two = FileIdentity { created_boottime_ns: 9_000 * SECOND, ..identity(2) };
    let (a, b) = (at_times(one, &[0, 20 * SECOND]), at_times(two, &[10 * SECOND, 30 * SECOND]));
    let (bytes, done) = merged(&[&b, &a]).expect("merged");
    let (a, b) = (one.created_boottime_ns, two.created_boottime_ns);
    assert_eq!(order(&bytes), [(1, a), (2, b + 10 * SECOND), (1, a + 20 * SECOND), (2, b + 30 * SECOND)]);
    assert_eq!((done.clocks, done.doubts.events), (2, 0), "10 s apart, and the clocks at most 2 ms");
}

#[test]
fn events_closer_than_the_clocks_can_tell_are_counted() {
    // Each clock may be a millisecond wrong, and 100 ns were needed to read it.
    let (a, b) = (at_times(identity(1), &[0, 5_000_000]), at_times(identity(2), &[2_000_199, 7_000_200]));
    let (_, done) = merged(&[&a, &b]).expect("merged");
    assert_eq!((done.doubts.events, done.doubts.widest_ns, done.doubts.unknown), (1, 2_000_200, false));
}

#[test]
fn events_out_of_order_in_one_trace_stay_as_they_are() {
    let (a, b) = (at_times(identity(1), &[10, 5, 30]), at_times(identity(2), &[20]));
    let (bytes, _) = merged(&[&a, &b]).expect("merged");
    let times: Vec<u64> = order(&bytes).iter().map(|(_, time)| time - 50 * SECOND).collect();
    assert_eq!(times, [10, 5, 20, 30]);
}

#[test]
fn a_merged_trace_can_be_merged_again() {
    let (one, two, three) = (sample(1, 5, false), sample(2, 6, true), sample(3, 7, false));
    let all_at_once = merged(&[&one, &two, &three]).expect("merged").0;
    let two_of_them = merged(&[&one, &two]).expect("merged").0;
    let (again, done) = merged(&[&two_of_them, &three]).expect("merged");
    assert_eq!((done.sources, order(&again)), (3, order(&all_at_once)));
}

#[test]
fn what_stands_in_two_pieces_of_a_recording_is_there_once() {
    let whole = sample(1, 5, true);
    // Another file of the same recording, with the same content.
    let copy = mountsnoop::tools::repair(&mut reader(&whole), Vec::new(), WriterOptions::default())
        .expect("copied")
        .0;
    let (bytes, done) = merged(&[&whole, &copy]).expect("merged");
    assert_eq!((done.twice, content(&bytes).unwrap().events), (15, content(&whole).unwrap().events));
    let lost = content(&bytes).unwrap().others.iter().filter(|record| record.starts_with("Lost(")).count();
    assert_eq!(lost, 1);
}

#[test]
fn what_cannot_be_merged_is_refused_and_named() {
    let (one, two) = (sample(1, 5, false), sample(2, 5, false));
    let twice = merged(&[&one, &one]);
    assert!(matches!(twice, Err(Error::Input(1, Refusal::Twice))), "{twice:?}");
    let cut = merged(&[&one, &two[..two.len() - 60]]);
    assert!(matches!(cut, Err(Error::Input(1, Refusal::NotClosed(_) | Refusal::Damaged(_)))), "{cut:?}");
    let mut flipped = two.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let damaged = merged(&[&one, &flipped]);
    assert!(matches!(damaged, Err(Error::Input(1, Refusal::Damaged(_)))), "{damaged:?}");
    let several = merged(&[&[&one[..], &two[..]].concat(), &sample(3, 1, false)]);
    assert!(matches!(several, Err(Error::Input(0, Refusal::SeveralTraces))), "{several:?}");
}
