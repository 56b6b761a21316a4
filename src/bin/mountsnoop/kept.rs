//! A set of the numbers of events: a bit for each, in pages, so that a page without any costs nothing.
//! It must not know what they are kept for.

use std::collections::HashMap;

/// Words of a page: 262,144 events in 32 KiB.
const WORDS: usize = 4096;
const PAGE: u64 = WORDS as u64 * 64;

/// Pages at the most: 134 million events in a row in 16 MiB.
const PAGES: usize = 512;

/// The set.
#[derive(Debug, Default)]
pub struct Kept {
    pages: HashMap<u64, Box<[u64]>>,
    full: bool,
}

impl Kept {
    pub fn insert(&mut self, number: u64) {
        let (page, word, bit) = place(number);
        if self.pages.len() >= PAGES && !self.pages.contains_key(&page) {
            self.full = true;
            return;
        }
        let page = self.pages.entry(page).or_insert_with(|| vec![0; WORDS].into_boxed_slice());
        page[word] |= bit;
    }

    pub fn contains(&self, number: u64) -> bool {
        let (page, word, bit) = place(number);
        self.pages.get(&page).is_some_and(|page| page[word] & bit != 0)
    }

    /// Whether there was no room for some.
    pub fn is_full(&self) -> bool {
        self.full
    }
}

fn place(number: u64) -> (u64, usize, u64) {
    let within = number % PAGE;
    (number / PAGE, (within / 64) as usize, 1 << (within % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_there_and_its_neighbours_are_not() {
        let mut kept = Kept::default();
        let numbers = [0, 63, 64, PAGE - 1, PAGE, 1 << 40, (1 << 40) | 5, u64::MAX];
        numbers.iter().for_each(|number| kept.insert(*number));
        assert!(numbers.iter().all(|number| kept.contains(*number)));
        for absent in [1, 62, 65, PAGE - 2, PAGE + 1, (1 << 40) - 1, (1 << 40) + 1, u64::MAX - 1] {
            assert!(!kept.contains(absent), "{absent}");
        }
        assert!(!kept.is_full());
    }

    #[test]
    fn it_says_when_it_is_full() {
        let mut kept = Kept::default();
        (0..PAGES as u64).for_each(|page| kept.insert(page * PAGE));
        assert!(!kept.is_full());
        kept.insert(PAGES as u64 * PAGE);
        assert!(kept.is_full() && !kept.contains(PAGES as u64 * PAGE));
        kept.insert(1);
        assert!(kept.contains(1));
    }
}
