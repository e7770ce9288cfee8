//! What the drivers stand on: ring, copying, critical sections, beacon, build id.

#[embedded_test::tests]
mod ring_buffer {
    use crate::ring::Ring;

    #[test]
    fn bytes_come_out_in_the_order_they_went_in() {
        let ring = Ring::<8>::new();
        let mut next = 0_u8;
        for round in 0..100_u8 {
            assert!((0..5).all(|byte| ring.push(round.wrapping_mul(5).wrapping_add(byte))));
            let mut out = [0; 8];
            assert_eq!(ring.drain(&mut out), 5);
            for byte in &out[..5] {
                assert_eq!(*byte, next);
                next = next.wrapping_add(1);
            }
        }
        assert!(ring.is_empty());
    }

    #[test]
    fn a_full_ring_refuses_and_keeps_what_it_has() {
        let ring = Ring::<4>::new();
        assert!((0..4).all(|byte| ring.push(byte)) && ring.is_full());
        assert!(!ring.push(9));
        let mut out = [0; 4];
        assert_eq!(ring.drain(&mut out), 4);
        assert_eq!(out, [0, 1, 2, 3]);
    }
}

#[embedded_test::tests]
mod copying {
    use core::hint::black_box;

    /// What is copied lies this far behind a boundary of words.
    const SKEWS: core::ops::Range<usize> = 0..4;
    const LENGTHS: core::ops::Range<usize> = 0..40;

    fn numbered() -> [u8; 64] {
        core::array::from_fn(|at| at as u8 ^ 0xa5)
    }

    #[test]
    fn every_alignment_and_length_is_copied_whole_and_no_more() {
        let source = numbered();
        for from in SKEWS {
            for to in SKEWS {
                for length in LENGTHS {
                    let mut target = [0_u8; 64];
                    black_box(&mut target[to..])[..black_box(length)]
                        .copy_from_slice(&black_box(&source)[from..from + length]);
                    assert_eq!(target[to..to + length], source[from..from + length]);
                    assert!(target[..to].iter().all(|byte| *byte == 0));
                    assert!(target[to + length..].iter().all(|byte| *byte == 0));
                }
            }
        }
    }

    #[test]
    fn overlapping_pieces_move_whole_either_way() {
        for from in 0..8 {
            for to in 0..8 {
                for length in LENGTHS {
                    let mut moved = numbered();
                    black_box(&mut moved).copy_within(from..from + black_box(length), to);
                    assert_eq!(moved[to..to + length], numbered()[from..from + length]);
                }
            }
        }
    }

    #[test]
    fn clearing_leaves_the_neighbours_alone() {
        for start in SKEWS {
            for length in LENGTHS {
                let mut memory = numbered();
                black_box(&mut memory[start..start + black_box(length)]).fill(0);
                assert!(memory[start..start + length].iter().all(|byte| *byte == 0));
                assert_eq!(memory[..start], numbered()[..start]);
                assert_eq!(memory[start + length..], numbered()[start + length..]);
            }
        }
    }
}

#[embedded_test::tests]
mod critical_sections {
    use cortex_m::register::primask;

    #[test]
    fn interrupts_are_off_inside_and_as_before_afterwards() {
        assert!(primask::read().is_active());
        critical_section::with(|_| {
            assert!(primask::read().is_inactive());
            critical_section::with(|_| assert!(primask::read().is_inactive()));
            assert!(
                primask::read().is_inactive(),
                "the inner one ended the outer"
            );
        });
        assert!(primask::read().is_active());
    }
}

#[embedded_test::tests]
mod after_a_crash {
    use core::fmt::Write as _;

    use nsapi_agent::BeaconRecord;
    use nsapi_agent::beacon::FaultKind;

    use crate::keep;

    fn beacon() -> BeaconRecord {
        let mut beacon = BeaconRecord::new(FaultKind::BusFault, 0x2000, 0x1001, 0x8200);
        write!(beacon, "read of {:#x}", 0x3000_0000).expect("writing never fails");
        beacon
    }

    #[test]
    fn a_beacon_is_valid_once_it_is_sealed() {
        let mut beacon = beacon();
        assert!(!beacon.is_valid());
        beacon.seal();
        assert!(beacon.is_valid());
        assert_eq!(beacon.message(), "read of 0x30000000");
    }

    #[test]
    fn the_kept_memory_gives_a_beacon_back_once() {
        let mut beacon = beacon();
        beacon.seal();
        keep::leave_beacon(beacon);
        let found = keep::take_beacon().expect("it was left there");
        assert_eq!(found.message(), beacon.message());
        assert!(keep::take_beacon().is_none(), "reported twice");
    }

    #[test]
    fn starts_are_counted_from_any_memory_on() {
        let first = keep::count_start();
        assert_eq!(keep::count_start(), first.wrapping_add(1));
    }
}

#[embedded_test::tests]
mod build_id {
    use crate::identity;

    #[test]
    fn the_image_knows_its_build_id() {
        let id = identity::build_id();
        defmt::info!("build id {=[u8]:02x}", id);
        assert_eq!(id.len(), 20, "a SHA-1");
        assert!(id.iter().any(|byte| *byte != 0));
    }
}
