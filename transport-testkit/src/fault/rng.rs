//! A small generator of random numbers (splitmix64): the same on every machine, so that a seed from
//! a report can be replayed anywhere.

#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The generator of one part of what a seed stands for. Parts do not depend on each other.
    pub(crate) fn of(seed: u64, part: u64) -> Rng {
        let mut rng = Rng(seed ^ part.wrapping_mul(0xd134_2543_de82_ef95));
        // Neighbouring seeds and parts begin close together.
        rng.next();
        rng
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// True with this probability. 0 is never, 1 is always.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        // 53 bits: as many as such a number tells apart.
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        unit < probability
    }
}
