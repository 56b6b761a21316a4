//! How long calls took: counts by duration to within 1/32, in at most 8 KiB however many calls there are.
//! It must not know whose calls they are.

/// Parts that each power of two is divided into, as a power of two.
const PARTS: u32 = 5;

/// How long a call took, ns, and the place where it is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub ns: u64,
    place: usize,
}

impl Took {
    pub fn new(ns: u64) -> Took {
        Took { ns, place: place(ns) }
    }
}

/// Durations counted; the place is [`place`], and what lies behind the longest so far is not kept.
#[derive(Debug, Default)]
pub(super) struct Latencies(Vec<u64>);

/// Durations below 32 ns are exact; of longer ones the six highest bits count.
fn place(ns: u64) -> usize {
    let shift = (u64::BITS - ns.leading_zeros()).saturating_sub(PARTS + 1);
    ((shift << PARTS) as usize) + (ns >> shift) as usize
}

/// The longest duration that is counted at a place.
fn longest(place: usize) -> u64 {
    let shift = ((place >> PARTS) as u32).saturating_sub(1);
    let first = (place as u64) - (u64::from(shift) << PARTS);
    (first << shift) | ((1 << shift) - 1)
}

impl Latencies {
    #[inline]
    pub fn record(&mut self, took: Took) {
        match self.0.get_mut(took.place) {
            Some(count) => *count += 1,
            None => self.record_longest(took.place),
        }
    }

    #[cold]
    fn record_longest(&mut self, at: usize) {
        self.0.reserve_exact(at + 1 - self.0.len());
        self.0.resize(at, 0);
        self.0.push(1);
    }

    /// A duration that a share of the calls (0 to 1) did not exceed, rounded up; `None` where nothing was measured.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let total: u64 = self.0.iter().sum();
        let wanted = ((total as f64 * share).ceil() as u64).clamp(1, total.max(1));
        let mut below = 0;
        let at = self.0.iter().position(|count| {
            below += count;
            below >= wanted
        });
        at.map(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_one_place_and_is_rounded_up_by_a_32nd_at_most() {
        let mut last = 0;
        for bit in 0..64 {
            for ns in
                [1_u64 << bit, (1 << bit) + 1, (1 << bit) | ((1 << bit) / 3), (1 << bit) + ((1 << bit) - 1)]
            {
                let up = longest(place(ns));
                assert!(up >= ns && up - ns <= ns / 32, "{ns} becomes {up}");
                assert_eq!(place(up), place(ns), "{ns}");
                assert!(up == u64::MAX || place(up + 1) == place(up) + 1, "{ns}: no place is left out");
                last = last.max(place(ns));
            }
        }
        assert!((last + 1) * size_of::<u64>() < 16 << 10, "{last} places");
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_list() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        let mut list: Vec<u64> = (0..1000).map(|n| n * n * 77 % 5_000_011).collect();
        list.iter().for_each(|ns| latencies.record(Took::new(*ns)));
        list.sort_unstable();
        for (share, nth) in [(0.0, 0), (0.5, 499), (0.9, 899), (0.99, 989), (1.0, 999)] {
            let (got, exact) = (latencies.quantile(share).unwrap(), list[nth]);
            assert!((exact..=exact + exact / 32).contains(&got), "{share}: {got}, exactly {exact}");
        }
    }
}
