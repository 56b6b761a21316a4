//! Numbers that are missing, and what proves or explains them.

use super::*;
use crate::decode::synth;

const FIRST: FileIdentity = FileIdentity {
    file_uuid: [1; 16],
    session_uuid: [2; 16],
    segment_index: 0,
    created_realtime_ns: 0,
    created_boottime_ns: 0,
    boot_id: [0; 16],
    host_id: [0; 16],
    compat: 0,
};

/// The account of a trace whose events have these CPUs and numbers.
fn account(identity: FileIdentity, events: &[(u32, u64)], losses: &[(Option<u32>, u64)]) -> Account {
    let mut books = Books::new(Some(identity));
    for (cpu, count) in losses {
        let reason = if cpu.is_some() { LossReason::RING_FULL } else { LossReason::DAMAGED };
        books.lost(&Lost { from_ns: 0, to_ns: 0, cpu: *cpu, count: *count, reason });
    }
    for (cpu, seq) in events {
        books.event(&synth::exit(2).cpu(*cpu, *seq).build());
    }
    books.accounts.remove(0)
}

fn numbers(account: &Account, damaged: Option<u64>) -> Vec<(u32, u64, u64)> {
    let doubts = account.doubts(damaged).into_iter();
    doubts
        .filter_map(|doubt| match doubt {
            Doubt::Numbers { cpu, missing, named } => Some((cpu, missing, named)),
            _ => None,
        })
        .collect()
}

#[test]
fn numbers_that_are_missing_must_be_named_as_lost() {
    let events = [(0, 0), (3, 2), (0, 1), (3, 5), (0, 2)];
    let of = |losses, damaged| numbers(&account(FIRST, &events, losses), damaged);
    assert_eq!(of(&[], Some(0)), [(3, 4, 0)], "0, 1, 3 and 4 of CPU 3");
    assert_eq!(of(&[(Some(3), 3)], Some(0)), [(3, 4, 3)]);
    assert_eq!(of(&[(Some(0), 4)], Some(0)), [(3, 4, 0)], "another CPU's");
    for (losses, damaged) in
        [(&[(Some(3), 4)][..], Some(0)), (&[(Some(3), 1)], Some(3)), (&[(None, 4)], Some(0))]
    {
        assert_eq!(of(losses, damaged), [], "{losses:?} {damaged:?}");
    }
    assert_eq!(of(&[], None), [], "damage may have cost them");
    assert_eq!(of(&[(None, 0)], Some(0)), [], "an unknown number is lost");
}

#[test]
fn numbers_prove_nothing_where_they_were_not_given_out_in_order_or_begin_elsewhere() {
    let twice = account(FIRST, &[(0, 0), (0, 7), (0, 7)], &[]);
    assert_eq!(numbers(&twice, Some(0)), []);
    let later_file = FileIdentity { segment_index: 1, ..FIRST };
    assert_eq!(numbers(&account(later_file, &[(0, 100), (0, 101)], &[]), Some(0)), []);
    assert_eq!(numbers(&account(later_file, &[(0, 100), (0, 102)], &[]), Some(0)), [(0, 1, 0)]);
    let sparse = FileIdentity { compat: crate::format::wire::COMPAT_SPARSE, ..FIRST };
    assert_eq!(numbers(&account(sparse, &[(0, 5), (0, 9)], &[]), Some(0)), []);
}

#[test]
fn derived_books_add_up_and_say_what_the_numbers_prove() {
    let all = account(FIRST, &[(0, 0), (0, 1), (1, 4)], &[(Some(1), 3)]);
    let stats = all.derived();
    // Of CPU 1 the number 3 is missing, too, and nobody says why.
    assert_eq!((stats.seen, stats.sent, stats.ring_full), (7, 4, 3));
    assert_eq!((stats.written, stats.user_dropped, all.unnamed()), (3, 1, 1));
    assert_eq!(stats.balance(), Ok(()));
    let elsewhere = account(FIRST, &[(0, 0)], &[(Some(0), 2), (None, 9)]);
    assert_eq!((elsewhere.derived().user_dropped, elsewhere.unnamed()), (9, 0));
    assert_eq!(elsewhere.derived().balance(), Ok(()));
    assert_eq!(account(FIRST, &[], &[]).derived().balance(), Ok(()));
}

#[test]
fn numbers_at_the_end_of_their_range_do_not_wrap() {
    let extreme = account(FIRST, &[(0, u64::MAX), (1, u64::MAX)], &[(Some(0), u64::MAX), (None, u64::MAX)]);
    extreme.doubts(Some(u64::MAX));
    assert!(extreme.derived().seen >= extreme.derived().written);
}

#[test]
fn no_more_cpus_are_kept_apart_than_the_limit() {
    let events: Vec<(u32, u64)> = (0..MAX_CPUS as u32 + 10).map(|cpu| (cpu, 3)).collect();
    let many = account(FIRST, &events, &[]);
    assert_eq!((many.cpus.len(), many.events), (MAX_CPUS, MAX_CPUS as u64 + 10));
    assert_eq!(numbers(&many, Some(0)), [], "what was not kept apart may be what is missing");
}
