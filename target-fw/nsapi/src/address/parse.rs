//! Text to address bytes. Must not accept anything around the address.

use core::net::Ipv6Addr;

/// Longest text of an IPv4 address, in characters: `nsapi`'s buffer size (contract §2, §12).
const IPV4_TEXT: usize = 16;
/// Longest text of an IPv6 address, in characters.
const IPV6_TEXT: usize = 39;

/// Four decimal numbers. The library parser is of no use here: it refuses leading zeros.
pub(super) fn ipv4(text: &str) -> Option<[u8; 4]> {
    if text.len() > IPV4_TEXT {
        return None;
    }
    let mut parts = text.split('.');
    let mut bytes = [0; 4];
    for byte in &mut bytes {
        *byte = decimal(parts.next()?)?;
    }
    parts.next().is_none().then_some(bytes)
}

fn decimal(digits: &str) -> Option<u8> {
    // `u8::from_str` would take a plus sign.
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Eight hexadecimal groups, or fewer with `::`. Dotted tails, which the library parser would take, are
/// refused (contract §12).
pub(super) fn ipv6(text: &str) -> Option<[u8; 16]> {
    if text.len() > IPV6_TEXT || text.contains('.') {
        return None;
    }
    text.parse::<Ipv6Addr>().ok().map(|ip| ip.octets())
}
