//! One rzCOBS frame, as defmt writes it: read from its end, every control byte says which bytes before it are zero.
//!
//! Must not: know what the bytes mean.

/// Data bytes that a control byte of bits speaks of.
const BITS: usize = 7;

/// Data bytes in a run that no control byte ends with a zero.
const LONGEST_RUN: usize = 134;

/// The bytes of a frame (which has no zero byte), or `None` if it is not whole.
pub(super) fn decode(frame: &[u8]) -> Option<Vec<u8>> {
    let mut back = frame.iter().rev().copied();
    let mut out = Vec::with_capacity(frame.len() + frame.len() / BITS + 1);
    while let Some(control) = back.next() {
        match control {
            0 => return None,
            0x01..=0x7f => {
                for bit in (0..BITS).rev() {
                    out.push(if control & (1 << bit) == 0 {
                        back.next()?
                    } else {
                        0
                    });
                }
            }
            0x80..=0xfe => {
                out.push(0);
                for _ in 0..usize::from(control & 0x7f) + BITS {
                    out.push(back.next()?);
                }
            }
            0xff => {
                for _ in 0..LONGEST_RUN {
                    out.push(back.next()?);
                }
            }
        }
    }
    out.reverse();
    Some(out)
}

/// The frame of some bytes, without its end.
#[cfg(test)]
pub(super) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut run = 0_usize;
    let mut zeros = 0_u8;
    for &byte in bytes {
        if run < BITS {
            if byte == 0 {
                zeros |= 1 << run;
            } else {
                out.push(byte);
            }
            run += 1;
            if run == BITS && zeros != 0 {
                out.push(zeros);
                run = 0;
                zeros = 0;
            }
        } else if byte == 0 {
            out.push(u8::try_from(run - BITS).expect("a run is short") | 0x80);
            run = 0;
            zeros = 0;
        } else {
            out.push(byte);
            run += 1;
            if run == LONGEST_RUN {
                out.push(0xff);
                run = 0;
                zeros = 0;
            }
        }
    }
    // Bytes that are missing to a whole run are zeros too many, which the reader of a message does not mind.
    if run > 0 && run < BITS {
        out.push((zeros | (0xff << run)) & 0x7f);
    } else if run >= BITS {
        out.push(u8::try_from(run - BITS).expect("a run is short") | 0x80);
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_frames_written_by_hand() {
        assert_eq!(decode(&[]), Some(vec![]));
        // Seven zeros.
        assert_eq!(decode(&[0x7f]), Some(vec![0; 7]));
        // 1, then six zeros.
        assert_eq!(decode(&[1, 0x7e]), Some(vec![1, 0, 0, 0, 0, 0, 0]));
        // Seven bytes and a zero.
        assert_eq!(
            decode(&[1, 2, 3, 4, 5, 6, 7, 0x80]),
            Some(vec![1, 2, 3, 4, 5, 6, 7, 0])
        );
        // Bytes are missing.
        assert_eq!(decode(&[1, 0x01]), None);
        assert_eq!(decode(&[0xff]), None);
    }

    proptest! {
        #[test]
        fn reads_what_is_written(bytes in prop::collection::vec(prop_oneof![Just(0_u8), any::<u8>()], 0..700)) {
            let frame = encode(&bytes);
            prop_assert!(!frame.contains(&0));
            let read = decode(&frame).expect("a whole frame");
            prop_assert_eq!(&read[..bytes.len()], &bytes[..]);
            prop_assert!(read[bytes.len()..].iter().all(|byte| *byte == 0));
        }
    }
}
