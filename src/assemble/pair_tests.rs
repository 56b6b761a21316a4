//! What pairing makes of streams of events: whole ones, and those with something missing, wrong or too much.

use super::*;
use crate::decode::synth::{self, Builder};

const SECOND: u64 = 1_000_000_000;

/// What is fed: an event or a tick. What comes out is one word a row.
enum Fed {
    Event(Builder),
    Clock(u64),
}

fn enter(tid: u32, time: u64) -> Fed {
    Fed::Event(synth::umount2(b"/mnt", 0).task(tid, tid).time(time))
}

fn exit(tid: u32, time: u64, ret: i64) -> Fed {
    Fed::Event(synth::exit(2).task(tid, tid).time(time).ret(ret))
}

fn word(op: &Op<'_>) -> String {
    let tid = op.common.tid;
    match op.outcome {
        Outcome::Done { ret, duration_ns, .. } => format!("{tid}={ret}/{duration_ns}"),
        Outcome::Orphan { ret, why } => {
            let ret = ret.map_or("SIGSYS".to_owned(), |ret| ret.to_string());
            let why = why.map_or(String::new(), |why| {
                let has = [
                    (why.seccomp, " seccomp"),
                    (why.tracer, " tracer"),
                    (why.earlier, " earlier"),
                    (why.missed, " missed"),
                ];
                has.iter().filter(|(has, _)| *has).fold(" unseen".to_owned(), |words, (_, word)| words + word)
            });
            format!("{tid}:orphan={ret}{why}")
        }
        Outcome::Unfinished { open_ns, why, again } => {
            format!("{tid}:{why:?}/{open_ns}{}", if again { " again" } else { "" })
        }
    }
}

fn rows(fed: impl IntoIterator<Item = Fed>) -> Vec<String> {
    let (mut assembler, mut rows) = (Assembler::new(), Vec::new());
    let mut sink = |op: &Op<'_>| rows.push(word(op));
    for fed in fed {
        match fed {
            Fed::Event(event) => assembler.event(&event.build(), &mut sink).unwrap(),
            Fed::Clock(now) => assembler.clock(now, &mut sink),
        }
    }
    assembler.finish(&mut sink);
    assert_eq!(assembler.open(), 0);
    rows
}

#[test]
fn interleaved_threads_are_paired_each_with_its_own() {
    assert_eq!(rows([enter(1, 10), enter(2, 20), exit(1, 30, 0), exit(2, 45, -16)]), ["1=0/20", "2=-16/25"]);
}

#[test]
fn a_return_without_a_beginning_is_an_orphan() {
    assert_eq!(rows([exit(1, 30, -22)]), ["1:orphan=-22"]);
}

#[test]
fn a_beginning_put_together_at_the_return_says_why_and_has_no_duration() {
    use crate::layout::{FLAG_EARLIER, FLAG_MISSED, FLAG_REBUILT, FLAG_SECCOMP, FLAG_SIGSYS, FLAG_TRACER};
    let rebuilt = |flags| Fed::Event(synth::umount2(b"/mnt", 0).time(40).flags(FLAG_REBUILT | flags));
    let refused = Fed::Event(synth::exit(2).time(40).ret(52).flags(FLAG_SIGSYS));
    for (why, returned, row) in [
        (0, exit(1, 41, -38), "1:orphan=-38 unseen"),
        (FLAG_SECCOMP, exit(1, 41, -1), "1:orphan=-1 unseen seccomp"),
        (FLAG_TRACER, exit(1, 41, -38), "1:orphan=-38 unseen tracer"),
        (FLAG_EARLIER, exit(1, 41, 0), "1:orphan=0 unseen earlier"),
        (FLAG_SECCOMP | FLAG_EARLIER, exit(1, 41, -1), "1:orphan=-1 unseen seccomp earlier"),
        (FLAG_MISSED, exit(1, 41, 0), "1:orphan=0 unseen missed"),
        (FLAG_SECCOMP | FLAG_SIGSYS, refused, "1:orphan=SIGSYS unseen seccomp"),
    ] {
        assert_eq!(rows([rebuilt(why), returned]), [row]);
    }
    // It is never taken for a call that hangs, however late its return comes to be read.
    let late = [rebuilt(FLAG_MISSED), Fed::Clock(9 * SECOND), exit(1, 41, 0)];
    assert_eq!(rows(late), ["1:orphan=0 unseen missed"]);
    assert_eq!(rows([rebuilt(FLAG_MISSED), Fed::Clock(9 * SECOND)]), ["1:ExitLost/0"]);
}

#[test]
fn a_second_beginning_means_that_the_first_return_was_lost() {
    assert_eq!(rows([enter(1, 10), enter(1, 20), exit(1, 25, 0)]), ["1:ExitLost/0", "1=0/5"]);
}

#[test]
fn a_return_of_another_call_ends_neither() {
    let other = Fed::Event(synth::exit(1).task(1, 1).time(20).ret(-2));
    assert_eq!(rows([enter(1, 10), other]), ["1:ExitLost/0", "1:orphan=-2"]);
}

#[test]
fn a_thread_id_used_again_by_another_process_is_not_the_same_thread() {
    let other = Fed::Event(synth::exit(2).task(9, 1).time(20));
    assert_eq!(rows([enter(1, 10), other]), ["1:ExitLost/0", "1:orphan=0"]);
}

#[test]
fn a_return_earlier_than_its_beginning_took_no_time() {
    assert_eq!(rows([enter(1, 10), exit(1, 7, 0)]), ["1=0/0"]);
}

#[test]
fn calls_open_at_the_end_come_in_the_order_they_began() {
    let fed = [enter(3, 30), enter(1, 10), enter(2, 20), Fed::Clock(100)];
    assert_eq!(rows(fed), ["1:StreamEnded/90", "2:StreamEnded/80", "3:StreamEnded/70"]);
}

#[test]
fn a_call_open_for_a_second_is_shown_once_and_again_when_it_returns() {
    let fed = [
        enter(1, 0),
        Fed::Clock(SECOND - 1),
        Fed::Clock(SECOND),
        Fed::Clock(3 * SECOND),
        exit(1, 4 * SECOND, 0),
    ];
    assert_eq!(rows(fed), ["1:Interim/1000000000", "1=0/4000000000"]);
}

#[test]
fn events_of_others_tell_the_time_too_but_a_calls_own_return_does_not() {
    let fed = [enter(1, 0), enter(2, 2 * SECOND), exit(2, 5 * SECOND, 0)];
    assert_eq!(rows(fed), ["1:Interim/2000000000", "2=0/3000000000", "1:StreamEnded/5000000000 again"]);
}

#[test]
fn time_that_goes_backwards_or_to_its_end_is_survived() {
    let fed = [enter(1, u64::MAX), enter(2, 5), Fed::Clock(0), exit(2, 4, 0), exit(1, 0, 0)];
    assert_eq!(rows(fed), ["2=0/0", "1=0/0"]);
}

#[test]
fn no_more_calls_are_kept_than_the_limit() {
    let got = rows((0..CALLS_MAX as u32 + 2).map(|tid| enter(tid, u64::from(tid))));
    assert_eq!(got.len(), CALLS_MAX + 2);
    assert_eq!(got[..2], ["0:Evicted/32768", "1:Evicted/32768"]);
}

#[test]
fn the_document_names_the_limits() {
    let limits = include_str!("../../docs/limits.md");
    let calls =
        format!("{},{:03}, or {} MiB of their events", CALLS_MAX / 1000, CALLS_MAX % 1000, BYTES_MAX >> 20);
    assert!(limits.contains(&calls), "docs/limits.md should say: {calls}");
}

#[test]
fn long_calls_are_bounded_by_the_memory_they_hold_whatever_was_in_its_place_before() {
    let (mut assembler, mut evicted) = (Assembler::new(), 0);
    let mut sink = |op: &Op<'_>| {
        evicted += usize::from(matches!(op.outcome, Outcome::Unfinished { why: Why::Evicted, .. }));
    };
    let long = vec![b'x'; 20_000];
    for tid in 0..4000 {
        // A long call that returns leaves its place to a short one that does not.
        assembler.event(&synth::umount2(&long, 0).task(0, 0).build(), &mut sink).unwrap();
        assembler.event(&synth::exit(2).task(0, 0).build(), &mut sink).unwrap();
        assembler.event(&synth::umount2(b"/", 0).task(1 + tid, 1 + tid).build(), &mut sink).unwrap();
    }
    assert_eq!((assembler.open(), assembler.take_evicted()), (4000, 0));
    assert!(assembler.pending.held() < 2 << 20, "{} bytes for 4000 short calls", assembler.pending.held());
    for tid in 0..4000 {
        assembler.event(&synth::umount2(&long, 0).task(9, 9000 + tid).build(), &mut sink).unwrap();
    }
    let held = assembler.pending.held();
    assert!((BYTES_MAX - 40_000..BYTES_MAX + (2 << 20)).contains(&held), "{held} bytes held");
    let counted = assembler.take_evicted() as usize;
    assert_eq!((evicted, evicted + assembler.open()), (counted, 8000));
}

#[test]
fn what_was_told_of_a_process_is_known_of_its_later_calls_only() {
    let (mut assembler, mut rows) = (Assembler::new(), Vec::new());
    let mut sink = |op: &Op<'_>| {
        let mut exe = Vec::new();
        op.process().and_then(|process| process.exe()).inspect(|names| names.write(&mut exe));
        rows.push(format!("{} {}", op.common.pid, String::from_utf8(exe).unwrap()));
    };
    let call = |pid, start| synth::umount2(b"/", 0).task(pid, pid).start(start);
    let events = [
        call(5, 7),
        synth::exit(2).task(5, 5),
        synth::process().task(5, 5).start(7).exe(b"umount\0bin\0"),
        call(5, 7),
        synth::exit(2).task(5, 5),
        call(5, 8),
        synth::exit(2).task(5, 5),
        call(6, 7),
    ];
    events.into_iter().for_each(|event| assembler.event(&event.build(), &mut sink).unwrap());
    assembler.finish(&mut sink);
    assert_eq!(rows, ["5 ", "5 /bin/umount", "5 ", "6 "]);
}

#[test]
fn a_cgroup_is_known_of_calls_made_in_it() {
    let (mut assembler, mut rows) = (Assembler::new(), Vec::new());
    let mut sink = |op: &Op<'_>| {
        let mut path = Vec::new();
        op.cgroup().inspect(|names| names.write(&mut path));
        rows.push(format!("{} {}", op.common.tid, String::from_utf8(path).unwrap()));
    };
    let told = |id, path: &[u8]| synth::process().task(5, 5).start(7).owner(1, 0, id).cgroup(0, path);
    let enter = |tid, id| synth::umount2(b"/", 0).task(5, tid).start(7).owner(1, 0, id);
    let exit = |tid| synth::exit(2).task(5, tid);
    // The process is moved while one of its threads is in a call.
    let events = [told(20, b"a\0"), enter(5, 20), told(21, b"b\0"), enter(6, 21), exit(6), exit(5)];
    events.into_iter().for_each(|event| assembler.event(&event.build(), &mut sink).unwrap());
    assert_eq!(rows, ["6 /b", "5 "]);
}

#[test]
fn what_began_before_is_no_row_however_much_of_it_is_in_the_stream() {
    let before = [enter(1, 10), exit(1, 20, 0), enter(2, 30), enter(3, 40)];
    let after = || [exit(2, 110, 0), enter(4, 120), exit(4, 130, 0), exit(4, 140, -1), enter(5, 150)];
    let rows = |fed: &mut dyn Iterator<Item = Fed>| {
        let (mut assembler, mut rows) = (Assembler::new(), Vec::new());
        assembler.since(Some(100));
        let mut sink = |op: &Op<'_>| rows.push(word(op));
        for fed in fed {
            let Fed::Event(event) = fed else { continue };
            assembler.event(&event.build(), &mut sink).unwrap();
        }
        assert!(assembler.waits(Some(150), Some(150)) && !assembler.waits(None, Some(149)));
        assembler.finish(&mut sink);
        rows
    };
    let expected = ["4=0/10", "4:orphan=-1", "5:StreamEnded/0"];
    assert_eq!(rows(&mut before.into_iter().chain(after())), expected);
    assert_eq!(rows(&mut after().into_iter()), expected);
}

#[test]
fn bytes_that_are_no_event_change_nothing() {
    let (mut assembler, mut rows) = (Assembler::new(), 0);
    assert!(assembler.event(b"garbage", &mut |_| rows += 1).is_err());
    assert_eq!((assembler.open(), rows), (0, 0));
}

#[test]
fn what_is_remembered_of_finished_calls_is_bounded() {
    let mut assembler = Assembler::new();
    assembler.event(&synth::umount2(b"/hung", 0).task(9, 9).build(), &mut |_| {}).unwrap();
    for _ in 0..10_000 {
        assembler.event(&synth::umount2(b"/mnt", 0).build(), &mut |_| {}).unwrap();
        assembler.event(&synth::exit(2).build(), &mut |_| {}).unwrap();
    }
    assert_eq!(assembler.pending.remembered(), 2);
}
