//! A hash for what is looked up with every event: short, and with a key of its own in every process, so that a trace cannot be
//! made to collide. It must not know what is hashed.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashes ids and short names: two multiplications for eight bytes instead of SipHash.
#[derive(Debug, Clone)]
pub(crate) struct Keyed(u64, u64);

impl Default for Keyed {
    fn default() -> Keyed {
        let random = RandomState::new();
        Keyed(random.hash_one(0), random.hash_one(1) | 1)
    }
}

impl BuildHasher for Keyed {
    type Hasher = KeyedHasher;

    fn build_hasher(&self) -> KeyedHasher {
        KeyedHasher(self.0, self.1)
    }
}

/// See [`Keyed`].
pub(crate) struct KeyedHasher(u64, u64);

impl Hasher for KeyedHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks();
        for chunk in chunks {
            self.write_u64(u64::from_le_bytes(*chunk));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // Zeroes at the end count, too.
        self.write_u64(u64::from_le_bytes(last) ^ (rest.len() as u64) << 56);
    }

    #[inline]
    fn write_u32(&mut self, id: u32) {
        self.write_u64(id.into());
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        let product = u128::from(self.0 ^ value) * u128::from(self.1);
        self.0 = (product as u64) ^ (product >> 64) as u64;
    }

    #[inline]
    fn write_usize(&mut self, length: usize) {
        self.write_u64(length as u64);
    }

    #[inline]
    fn write_u8(&mut self, byte: u8) {
        self.write_u64(byte.into());
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0.wrapping_mul(self.1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn what_differs_a_little_has_other_hashes() {
        let keyed = Keyed::default();
        let mut texts: Vec<Vec<u8>> = (0..40).map(|length| vec![0; length]).collect();
        for at in 0..24 {
            texts.extend((1..=255).map(|byte| {
                let mut text = vec![0; 24];
                text[at] = byte;
                text
            }));
        }
        let hashes: HashSet<u64> = texts.iter().map(|text| keyed.hash_one(text)).collect();
        assert_eq!(hashes.len(), texts.len());
        assert_ne!(Keyed::default().hash_one(1_u32), keyed.hash_one(1_u32), "the key is always the same");
    }
}
