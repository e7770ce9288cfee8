//! Addresses as text, both ways (contract §12). The lenient oddities listed there are nobody's business.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hil_kit::expect::Peer;
use hil_kit::{Bytes, Ctx, FailsSomehow, IpAddress, Outcome, SocketAddress, Stop, case};

/// Texts that are IPv4 addresses, and which.
const IPV4: [(&str, [u8; 4]); 5] = [
    ("0.0.0.0", [0, 0, 0, 0]),
    ("255.255.255.255", [255, 255, 255, 255]),
    ("12.34.56.78", [12, 34, 56, 78]),
    ("01.02.03.04", [1, 2, 3, 4]),
    ("192.168.001.001", [192, 168, 1, 1]),
];

/// Texts that are IPv6 addresses, and their groups.
const IPV6: [(&str, [u16; 8]); 10] = [
    ("::", [0; 8]),
    ("::1", [0, 0, 0, 0, 0, 0, 0, 1]),
    ("1::", [1, 0, 0, 0, 0, 0, 0, 0]),
    ("1234:5678::", [0x1234, 0x5678, 0, 0, 0, 0, 0, 0]),
    ("::1234:5678", [0, 0, 0, 0, 0, 0, 0x1234, 0x5678]),
    (
        "1234:5678::9abc:def8",
        [0x1234, 0x5678, 0, 0, 0, 0, 0x9abc, 0xdef8],
    ),
    ("1:2:3:4:5:6:7:8", [1, 2, 3, 4, 5, 6, 7, 8]),
    ("2001:DB8::ABCD", [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xabcd]),
    ("1:2:3:4:5:6:7::", [1, 2, 3, 4, 5, 6, 7, 0]),
    ("::2:3:4:5:6:7:8", [0, 2, 3, 4, 5, 6, 7, 8]),
];

/// Texts that are no IPv4 address.
const NOT_IPV4: [&str; 16] = [
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
    "1.2.3.4:80",
    "1.2.3.4/24",
    " 1.2.3.4",
    "1.2.3.4 ",
];

/// Texts that are no IPv6 address.
const NOT_IPV6: [&str; 14] = [
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1::2::3",
    "12345::",
    "g::",
    "abcd",
    "1:2",
    ":",
    "fe80::1%eth0",
    "[::1]",
    "fe80::/64",
    "::ffff:1.2.3.4",
    "::1.2.3.4",
    "0000:0000:0000:0000:0000:0000:0000:00001",
];

/// Addresses that make the round trip.
const ROUND_TRIPS: usize = 50;

fn v6(groups: [u16; 8]) -> IpAddress {
    IpAddress::V6(Ipv6Addr::from(groups).octets())
}

/// The text parses to this address; the port is left alone.
async fn parses(cx: &Ctx, text: &str, ip: IpAddress) -> Result<(), Stop> {
    let expected = SocketAddress::new(ip, 0);
    cx.parse_address(text).await?.expect(Peer(expected))?;
    Ok(())
}

/// Every text of an IPv4 address is accepted as that address, leading zeros included.
#[case(level = Must, cite = ["addresses.text.accepted", "ADR-12"], profile = Quick)]
async fn ipv4_accepted(cx: &mut Ctx) -> Outcome {
    for (text, bytes) in IPV4 {
        parses(cx, text, IpAddress::V4(bytes)).await?;
    }
    Ok(())
}

/// Every text of an IPv6 address is accepted as that address, on a board without IPv6 too.
#[case(level = Must, cite = ["addresses.text.accepted", "ADR-12"], profile = Quick)]
async fn ipv6_accepted(cx: &mut Ctx) -> Outcome {
    for (text, groups) in IPV6 {
        parses(cx, text, v6(groups)).await?;
    }
    Ok(())
}

/// A text that is not exactly one IPv4 address is refused.
///
/// The control: a good one is accepted.
#[case(level = Must, cite = ["addresses.text.rejected", "ADR-12", "TCPSOCKET_CONNECT_INVALID"], profile = Quick)]
async fn ipv4_rejected(cx: &mut Ctx) -> Outcome {
    parses(cx, "12.34.56.78", IpAddress::V4([12, 34, 56, 78])).await?;

    for text in NOT_IPV4 {
        cx.parse_address(text).await?.expect(FailsSomehow)?;
    }
    Ok(())
}

/// A text that is not exactly one IPv6 address is refused: no zone, bracket, prefix or dotted tail.
///
/// The control: a good one is accepted.
#[case(level = Must, cite = ["addresses.text.rejected", "ADR-12"], profile = Quick)]
async fn ipv6_rejected(cx: &mut Ctx) -> Outcome {
    parses(cx, "::1", v6([0, 0, 0, 0, 0, 0, 0, 1])).await?;

    for text in NOT_IPV6 {
        cx.parse_address(text).await?.expect(FailsSomehow)?;
    }
    Ok(())
}

/// Addresses are written in their canonical form: no leading zeros, IPv6 as RFC 5952 demands.
#[case(level = Must, cite = ["addresses.text.canonical", "ADR-12"], profile = Quick)]
async fn canonical(cx: &mut Ctx) -> Outcome {
    let canonical = [
        (IpAddress::V4([1, 2, 3, 4]), "1.2.3.4"),
        (IpAddress::V4([192, 168, 0, 10]), "192.168.0.10"),
        (v6([0; 8]), "::"),
        (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xabcd]), "2001:db8::abcd"),
        // The longest run is left out, the first of two equal ones; a single group never.
        (v6([0x2001, 0xdb8, 0, 0, 1, 0, 0, 0]), "2001:db8:0:0:1::"),
        (v6([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1]), "2001:db8::1:0:0:1"),
        (
            v6([0x2001, 0xdb8, 0, 1, 1, 1, 1, 1]),
            "2001:db8:0:1:1:1:1:1",
        ),
    ];

    for (ip, text) in canonical {
        cx.format_address(SocketAddress::new(ip, 0))
            .await?
            .expect(Bytes(text.as_bytes()))?;
    }
    Ok(())
}

/// Any address written and read again is the same address.
///
/// The addresses differ from run to run with the seed; every second group of IPv6 is zero, so that runs of all
/// lengths turn up.
#[case(level = Must, cite = ["addresses.text.round-trip", "ADR-13"], profile = Quick)]
async fn round_trip(cx: &mut Ctx) -> Outcome {
    for number in 0..ROUND_TRIPS {
        let random = cx.data(18);
        let ip = if number % 2 == 0 {
            IpAddress::V4([random[0], random[1], random[2], random[3]])
        } else {
            let mut bytes = [0; 16];
            for (group, pair) in random[..16].chunks_exact(2).enumerate() {
                if random[16] >> group & 1 == 0 {
                    bytes[2 * group..2 * group + 2].copy_from_slice(pair);
                }
            }
            IpAddress::V6(bytes)
        };

        let text = cx.format_address(SocketAddress::new(ip, 0)).await?;
        let text = String::from_utf8_lossy(text.data()).into_owned();
        // What the host makes of the text is the judge of its writing, what the board makes of it of its reading.
        let read: Option<IpAddr> = text.parse().ok();
        let observed = format!("{text:?}");
        cx.require(
            read == Some(host(ip)),
            "written",
            format!("a text of {}", host(ip)),
            observed,
        )?;
        parses(cx, &text, ip).await?;
    }
    Ok(())
}

fn host(ip: IpAddress) -> IpAddr {
    match ip {
        IpAddress::V4(bytes) => Ipv4Addr::from(bytes).into(),
        IpAddress::V6(bytes) => Ipv6Addr::from(bytes).into(),
        IpAddress::Unspec => Ipv4Addr::UNSPECIFIED.into(),
    }
}
