//! Ids and chance, both drawn from one number.
//!
//! Two sandboxes with the same seed that are asked the same things in the same order hand out the same ids and fail in the same
//! places, so that a test that failed once fails again. Nothing confidential is drawn from here: whoever knows the seed knows it all.

/// A stream of numbers that is decided by where it starts (`SplitMix64`).
#[derive(Clone, Debug)]
pub(super) struct Seed(u64);

impl Seed {
    pub(super) fn new(start: u64) -> Self {
        Self(start)
    }

    /// A UUID of version 4.
    pub(super) fn uuid(&mut self) -> String {
        let high = self.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000;
        let low = self.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000;
        let (front, back) = (format!("{high:016x}"), format!("{low:016x}"));
        format!("{}-{}-{}-{}-{}", &front[..8], &front[8..12], &front[12..], &back[..4], &back[4..])
    }

    /// A text of letters and digits in the manner of Apple's key ids.
    pub(super) fn capitals(&mut self, length: usize) -> String {
        self.pick(length, b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789")
    }

    /// A text of letters, digits and hyphens in the manner of the ids of TestFlight feedback, which are not UUIDs.
    pub(super) fn feedback_id(&mut self) -> String {
        format!("A{}", self.pick(22, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"))
    }

    /// Whether something happens that happens with this probability, from 0 for never to 1 for always.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < probability
    }

    fn pick(&mut self, length: usize, alphabet: &[u8]) -> String {
        let size = alphabet.len() as u64;
        (0..length).filter_map(|_| alphabet.get(usize::try_from(self.next() % size).ok()?)).map(|&byte| char::from(byte)).collect()
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_says_the_same() {
        let (mut one, mut two, mut other) = (Seed::new(7), Seed::new(7), Seed::new(8));
        let ids: Vec<_> = (0..100).map(|_| one.uuid()).collect();
        assert_eq!(ids, (0..100).map(|_| two.uuid()).collect::<Vec<_>>());
        assert_ne!(ids[0], other.uuid());
        let distinct: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 100);
    }

    #[test]
    fn uuids_have_the_shape_of_version_4() {
        let mut seed = Seed::new(1);
        for _ in 0..100 {
            let id = seed.uuid();
            let parts: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!(matches!(&id[19..20], "8" | "9" | "a" | "b"), "{id}");
        }
    }

    #[test]
    fn chance_keeps_to_its_bounds() {
        let mut seed = Seed::new(3);
        assert!((0..1_000).all(|_| seed.happens(1.0)));
        assert!((0..1_000).all(|_| !seed.happens(0.0)));
        let third = (0..10_000).filter(|_| seed.happens(0.3)).count();
        assert!((2_800..3_200).contains(&third), "{third} of 10,000");
    }
}
