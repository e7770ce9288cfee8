//! The Internet checksum (RFC 1071) and what it covers besides (RFC 9293 §3.1, RFC 8200 §8.1).

use core::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// The checksum over these pieces; 0 if they contain a right one. Only the last may have an odd length.
#[must_use]
pub(super) fn internet(pieces: &[&[u8]]) -> u16 {
    let sum = pieces
        .iter()
        .fold(Sum16BitWords::new(), |sum, piece| sum.add_slice(piece));
    // etherparse sums in the machine's order.
    sum.ones_complement().to_be()
}

/// What TCP, UDP and ICMPv6 sum besides their own bytes.
#[must_use]
pub(super) fn pseudo_header(src: IpAddr, dst: IpAddr, protocol: u8, length: usize) -> Vec<u8> {
    let mut header = Vec::with_capacity(40);
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    match (src, dst) {
        (IpAddr::V4(src), IpAddr::V4(dst)) => {
            header.extend_from_slice(&src.octets());
            header.extend_from_slice(&dst.octets());
            header.extend_from_slice(&[0, protocol]);
            header.extend_from_slice(&length.to_be_bytes()[2..]);
        }
        (src, dst) => {
            for ip in [src, dst] {
                header.extend_from_slice(&match ip {
                    IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
                    IpAddr::V6(ip) => ip.octets(),
                });
            }
            header.extend_from_slice(&length.to_be_bytes());
            header.extend_from_slice(&[0, 0, 0, protocol]);
        }
    }
    header
}
