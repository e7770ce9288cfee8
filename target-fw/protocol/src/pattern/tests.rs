use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::Pattern;

#[test]
fn the_first_bytes_are_fixed_for_ever() {
    // A runner in another language computes the same (docs/src/protocol.md).
    let mut bytes = [0; 8];
    Pattern::new(0).fill(0, &mut bytes);
    assert_eq!(bytes, GOLDEN_SEED_0);
    Pattern::new(1).fill(0, &mut bytes);
    assert_eq!(bytes, GOLDEN_SEED_1);
}

const GOLDEN_SEED_0: [u8; 8] = [97, 91, 62, 170, 230, 40, 11, 111];
const GOLDEN_SEED_1: [u8; 8] = [216, 198, 246, 112, 226, 90, 116, 210];

#[test]
fn no_short_period_and_no_shift_of_itself() {
    let mut bytes = vec![0; 64 * 1024];
    Pattern::new(7).fill(0, &mut bytes);
    for shift in 1..4096 {
        let equal = bytes
            .iter()
            .zip(&bytes[shift..])
            .filter(|(a, b)| a == b)
            .count();
        assert!(
            equal < bytes.len() / 128,
            "shift by {shift}: {equal} equal bytes"
        );
    }
}

#[test]
fn fast_enough_to_be_no_bottleneck() {
    // 100 MB/s is asked for in release builds; here only that nothing is quadratic.
    let mut bytes = vec![0; 1 << 20];
    Pattern::new(3).fill(1, &mut bytes);
    assert_eq!(Pattern::new(3).first_mismatch(1, &bytes), None);
}

proptest! {
    #[test]
    fn every_way_to_a_byte_agrees(seed: u32, offset in 0_u64..1 << 40, len in 0_usize..300, cut in 0_usize..300) {
        let pattern = Pattern::new(seed);
        let mut whole = vec![0; len];
        pattern.fill(offset, &mut whole);
        let single: Vec<u8> = (0..len as u64).map(|i| pattern.byte(offset + i)).collect();
        prop_assert_eq!(&whole, &single);
        let cut = cut.min(len);
        prop_assert_eq!(pattern.first_mismatch(offset + cut as u64, &whole[cut..]), None);
    }

    #[test]
    fn the_first_difference_is_found(seed: u32, offset in 0_u64..1000, len in 1_usize..300, at: prop::sample::Index, more: prop::sample::Index) {
        let pattern = Pattern::new(seed);
        let mut data = vec![0; len];
        pattern.fill(offset, &mut data);
        let (a, b) = (at.index(len), more.index(len));
        data[a] ^= 0x40;
        if b > a {
            data[b] ^= 0x01;
        }
        prop_assert_eq!(pattern.first_mismatch(offset, &data), Some(a));
    }

    #[test]
    fn seeds_differ(a: u32, b: u32) {
        prop_assume!(a != b);
        let (mut x, mut y) = ([0; 64], [0; 64]);
        Pattern::new(a).fill(0, &mut x);
        Pattern::new(b).fill(0, &mut y);
        prop_assert!(x.iter().zip(&y).filter(|(x, y)| x == y).count() < 16);
    }
}
