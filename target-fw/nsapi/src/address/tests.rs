//! The tables of contract §12, row by row, and the round trip.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::format;
use std::string::{String, ToString as _};

use proptest::prelude::*;

use super::*;

fn canonical(text: &str) -> Option<String> {
    IpAddress::parse(text).map(|ip| ip.to_string())
}

#[test]
fn accepted_texts_have_their_canonical_form() {
    for (text, expected) in [
        ("0.0.0.0", "0.0.0.0"),
        ("255.255.255.255", "255.255.255.255"),
        ("12.34.56.78", "12.34.56.78"),
        ("01.02.03.04", "1.2.3.4"),
        ("192.168.001.001", "192.168.1.1"),
        ("0192.168.001.001", "192.168.1.1"),
        ("::", "::"),
        ("::1", "::1"),
        ("1::", "1::"),
        ("1234:5678::", "1234:5678::"),
        ("::1234:5678", "::1234:5678"),
        ("1234:5678::9abc:def8", "1234:5678::9abc:def8"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
        (
            "1111:2222:3333:4444:5555:6666:7777:8888",
            "1111:2222:3333:4444:5555:6666:7777:8888",
        ),
        ("2001:DB8::ABCD", "2001:db8::abcd"),
        ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
        ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
        // RFC 5952 §4: leading zeros go, the longest run is compressed, the first on a tie, one alone never.
        (
            "2001:0db8:0000:0000:0001:0000:0000:0000",
            "2001:db8:0:0:1::",
        ),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
        ("0:0:1:0:0:0:0:2", "0:0:1::2"),
        ("::ffff:102:304", "::ffff:102:304"),
    ] {
        assert_eq!(canonical(text).as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn rejected_texts() {
    for text in [
        "",
        "a",
        "localhost",
        "256.0.0.1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.4.",
        ".1.2.3.4",
        "1..2.3",
        "127.1",
        "0x7f.0.0.1",
        "-1.2.3.4",
        "+1.2.3.4",
        "1.2.3.4:80",
        "1.2.3.4/24",
        " 1.2.3.4",
        "1.2.3.4 ",
        "00192.168.001.001",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        "12345::",
        "::12345",
        "g::",
        "abcd",
        "1:2",
        ":",
        "fe80::1%eth0",
        "[::1]",
        "fe80::/64",
        "::ffff:1.2.3.4",
        "::1.2.3.4",
        " ::1",
        "::1 ",
        "0000:0000:0000:0000:0000:0000:0000:00001",
        "1.2.3.4\0",
        "١.2.3.4",
    ] {
        assert_eq!(IpAddress::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_new_address_is_empty() {
    let address = SocketAddress::default();
    assert!(address.is_empty());
    assert!(!address.is_set());
    assert!(address.get_ip_address().is_none());
    assert_eq!(address.port, 0);
}

#[test]
fn a_bad_text_empties_the_address_and_keeps_the_port() {
    let mut address = SocketAddress::new(IpAddress::V4([1, 2, 3, 4]), 80);
    assert!(!address.set_ip_address("1.2.3.4:80"));
    assert!(address.is_empty());
    assert_eq!(address.port, 80);

    assert!(address.set_ip_address("::1"));
    assert_eq!(address.get_ip_address().as_deref(), Some("::1"));
    assert_eq!(address.port, 80);
}

#[test]
fn an_all_zero_address_is_not_empty_and_not_set() {
    for text in ["0.0.0.0", "::"] {
        let mut address = SocketAddress::any(1);
        assert!(address.set_ip_address(text));
        assert!(!address.is_empty());
        assert!(!address.is_set());
    }
}

#[test]
fn equality() {
    let of = |text: &str, port| {
        let mut address = SocketAddress::any(port);
        address.set_ip_address(text);
        address
    };
    assert_eq!(of("1.2.3.4", 5), of("1.2.3.4", 5));
    assert_ne!(of("1.2.3.4", 5), of("1.2.3.4", 6));
    assert_ne!(of("1.2.3.4", 5), of("1.2.3.5", 5));
    assert_eq!(of("::1", 5), of("0:0::1", 5));
    assert_ne!(of("1.2.3.4", 5), of("::ffff:102:304", 5));
    assert_ne!(of("1.2.3.4", 5), of("", 5));
    // Not set is not set, whatever the family and the port.
    assert_eq!(of("0.0.0.0", 1), of("::", 2));
    assert_eq!(of("", 1), of("::", 2));
    assert_eq!(of("", 1), of("0.0.0.0", 0));
}

#[test]
fn texts_of_socket_addresses() {
    assert_eq!(
        SocketAddress::new(IpAddress::V4([127, 0, 0, 1]), 7).to_string(),
        "127.0.0.1:7"
    );
    assert_eq!(
        SocketAddress::new(IpAddress::V6([0; 16]), 7).to_string(),
        "[::]:7"
    );
    assert_eq!(SocketAddress::any(7).to_string(), "(none):7");
}

#[test]
fn to_and_from_the_standard_library() {
    for text in ["127.0.0.1:7", "[2001:db8::1]:65535"] {
        let standard: SocketAddr = text.parse().unwrap();
        let ours = SocketAddress::from(standard);
        assert_eq!(SocketAddr::try_from(ours), Ok(standard));
        assert_eq!(ours.to_string(), text);
    }
    assert_eq!(
        SocketAddr::try_from(SocketAddress::any(1)),
        Err(Error::NO_ADDRESS)
    );
    assert_eq!(
        IpAddress::from(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        IpAddress::V4([127, 0, 0, 1])
    );
}

fn any_ip() -> impl Strategy<Value = IpAddress> {
    // Groups that are often zero, so that runs of zeros of all lengths turn up.
    let group = prop_oneof![Just(0u16), Just(0u16), any::<u16>(), 0u16..16];
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddress::V4),
        prop::array::uniform8(group)
            .prop_map(|groups| IpAddress::V6(Ipv6Addr::from(groups).octets())),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_parsed_as_the_same(ip in any_ip()) {
        let text = ip.to_string();
        prop_assert!(text.len() <= 39);
        prop_assert_eq!(IpAddress::parse(&text), Some(ip));
    }

    #[test]
    fn printing_agrees_with_the_standard_library(ip in any_ip()) {
        let standard = IpAddr::try_from(ip).unwrap();
        // The library alone writes IPv4-mapped addresses with a dotted tail.
        let mapped = matches!(standard, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
        prop_assume!(!mapped);
        prop_assert_eq!(ip.to_string(), standard.to_string());
    }

    #[test]
    fn no_text_panics_and_what_is_accepted_is_short(text in "\\PC{0,44}") {
        if IpAddress::parse(&text).is_some() {
            prop_assert!(text.len() <= 39);
        }
    }

    #[test]
    fn likely_texts_do_not_panic(text in "[0-9a-fA-F:.]{0,44}") {
        if let Some(ip) = IpAddress::parse(&text) {
            let canonical = format!("{ip}");
            prop_assert_eq!(IpAddress::parse(&canonical), Some(ip));
        }
    }
}
