//! Pseudo-random numbers: the same in every run.

/// A small generator (SplitMix64).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// All bits of a number.
    pub fn bits(&mut self) -> u64 {
        self.next()
    }

    /// A number less than `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Two different numbers of a range.
    pub fn pair(&mut self, first: i64, last: i64) -> (i64, i64) {
        let size = (last - first + 1) as u64;
        let one = self.below(size);
        let other = (one + 1 + self.below(size - 1)) % size;
        (first + one as i64, first + other as i64)
    }
}
