//! Integers as digits at the end of a byte buffer, without the cost of `fmt`.
//! It must not know what is counted.

/// `00` to `99`: two digits cost one division.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [b'0' + (at / 10) as u8, b'0' + (at % 10) as u8];
        at += 1;
    }
    pairs
};

/// Writes decimal digits of `value` to the end of `digits`, at least one and as many as there are; where the first stands.
#[inline]
fn fill(digits: &mut [u8; 20], mut value: u64) -> usize {
    let mut at = digits.len();
    while value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    // An odd digit is left, or nothing; 0 has one digit, too.
    if value > 0 || at == digits.len() {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    at
}

/// Appends `value` in decimal.
#[inline]
pub fn decimal(out: &mut Vec<u8>, value: u64) {
    // Most numbers are ids and small counts.
    if value < 10 {
        return out.push(b'0' + value as u8);
    }
    let mut digits = [0; 20];
    let at = fill(&mut digits, value);
    out.extend_from_slice(&digits[at..]);
}

/// Appends `value` in decimal, with its sign if it is negative.
#[inline]
pub fn signed(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    decimal(out, value.unsigned_abs());
}

/// Appends `value` as `0x…`.
pub fn hex(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(b"0x");
    let digits = (64 - value.leading_zeros()).div_ceil(4).max(1);
    for nibble in (0..digits).rev() {
        out.push(HEX[(value >> (4 * nibble)) as usize & 15]);
    }
}

/// Appends the lowest `width` decimal digits of `value`, zero-filled; at most 20.
#[inline]
pub fn padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    fill(&mut digits, value);
    out.extend_from_slice(&digits[digits.len() - width..]);
}

pub(super) const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_print_as_the_standard_library_prints_them() {
        for value in [0, 1, 9, 10, 15, 16, 255, 256, 4_026_531_840, 1 << 53, u64::MAX - 1, u64::MAX] {
            let mut out = Vec::new();
            decimal(&mut out, value);
            out.push(b' ');
            hex(&mut out, value);
            out.push(b' ');
            signed(&mut out, value as i64);
            out.push(b' ');
            padded(&mut out, value, 9);
            let want = format!("{value} {value:#x} {} {:09}", value as i64, value % 1_000_000_000);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }
}
