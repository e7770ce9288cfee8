//! Reading and writing the fields of frames by offset, and checksums. Nothing here panics: what lies beyond
//! the end reads as zero, and is not written.

/// Length of an Ethernet header without tag.
pub(crate) const ETHERNET: usize = 14;
/// Shortest Ethernet frame without its check sequence (IEEE 802.3 §3.2.8).
pub(crate) const SHORTEST: usize = 60;
/// Longest Ethernet frame without its check sequence, with one tag.
pub(crate) const LONGEST: usize = 1518;

/// Ethernet types.
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const ARP: u16 = 0x0806;
pub(crate) const TAGGED: u16 = 0x8100;
pub(crate) const IPV6: u16 = 0x86dd;

/// The `N` bytes at an offset.
pub(crate) fn bytes<const N: usize>(frame: &[u8], at: usize) -> [u8; N] {
    frame
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}

pub(crate) fn u8_at(frame: &[u8], at: usize) -> u8 {
    frame.get(at).copied().unwrap_or(0)
}

pub(crate) fn u16_at(frame: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(bytes(frame, at))
}

pub(crate) fn u32_at(frame: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes(frame, at))
}

/// Overwrites the bytes at an offset.
pub(crate) fn put(frame: &mut [u8], at: usize, value: &[u8]) {
    if let Some(field) = frame.get_mut(at..at + value.len()) {
        field.copy_from_slice(value);
    }
}

/// Whether a hardware address is one host's.
pub(crate) const fn is_host_mac(mac: [u8; 6]) -> bool {
    mac[0] & 1 == 0
}

/// Adds 16-bit words to a ones' complement sum (RFC 1071 §2: two at a time are as good).
pub(crate) fn sum(start: u32, data: &[u8]) -> u32 {
    // In the order of this machine, which is undone at the end (RFC 1071 §2 (B)), and some at a time.
    let word = |quad: &[u8; 4]| u64::from(u32::from_ne_bytes(*quad));
    let mut total = 0;
    let (blocks, rest) = data.as_chunks::<32>();
    for block in blocks {
        // A frame has too few words to overflow.
        for quad in block.as_chunks::<4>().0 {
            total += word(quad);
        }
    }
    let (quads, rest) = rest.as_chunks::<4>();
    for quad in quads {
        total += word(quad);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    let total = fold_wide(total + word(&last));
    u32::from(u16::from_be(total)) + u32::from(fold_wide(start.into()))
}

const fn fold_wide(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The checksum that a sum makes.
pub(crate) const fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Overwrites an even number of bytes at an even offset of what a checksum covers, and corrects the
/// checksum by the difference, right or wrong as it was (RFC 1624 §3).
pub(crate) fn put_summed(frame: &mut [u8], checksum_at: usize, at: usize, value: &[u8]) {
    let old = frame.get(at..at + value.len()).map_or(0, |old| sum(0, old));
    put(frame, at, value);
    let checksum = u32::from(!u16_at(frame, checksum_at));
    // Minus the old words is plus their complements.
    let new = checksum + u32::from(fold(old)) + sum(0, value);
    put(frame, checksum_at, &fold(new).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::{bytes, fold, put, put_summed, sum, u16_at, u32_at};

    #[test]
    fn nothing_beyond_the_end_is_touched() {
        let mut frame = [1, 2, 3];
        assert_eq!(u16_at(&frame, 1), 0x0203);
        assert_eq!(u16_at(&frame, 2), 0);
        assert_eq!(u32_at(&frame, 9), 0);
        assert_eq!(bytes::<2>(&frame, 0), [1, 2]);
        put(&mut frame, 2, &[9, 9]);
        assert_eq!(frame, [1, 2, 3]);
    }

    #[test]
    fn a_corrected_checksum_is_the_one_computed_anew() {
        for value in [[0, 0], [0xff, 0xff], [0x12, 0x34], [0, 1]] {
            let mut frame = [0, 0, 0xfe, 0xdc, 0xba, 0x98, 0x76];
            let whole = fold(sum(0, &frame));
            put(&mut frame, 0, &whole.to_be_bytes());
            put_summed(&mut frame, 0, 4, &value);
            assert_eq!(fold(sum(0, &frame)), 0, "{value:?}");
        }
    }
}
