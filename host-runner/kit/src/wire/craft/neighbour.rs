//! Address resolution and routers: ARP (RFC 826), neighbour and router messages (RFC 4861).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Craft, Node};
use crate::wire::frame::Mac;

/// Flags of a neighbour advertisement (RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// It comes from a router.
    pub router: bool,
    /// It answers a solicitation.
    pub solicited: bool,
    /// It replaces what is known.
    pub overrides: bool,
}

/// The group in which the owner of `ip` hears solicitations (RFC 4291 §2.7.1).
#[must_use]
pub(in crate::wire) fn solicited_node(ip: Ipv6Addr) -> Node {
    let [.., a, b, c] = ip.octets();
    let last = u16::from_be_bytes([b, c]);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), last);
    Node::group(group)
}

fn link_option(kind: u8, mac: Mac) -> Vec<u8> {
    let mut option = vec![kind, 1];
    option.extend_from_slice(&mac.0);
    option
}

impl Craft {
    /// An ARP packet as it is: operation, who says it, whom it is for; in a frame from the first to `to`.
    #[must_use]
    pub fn arp(operation: u16, sender: (Mac, Ipv4Addr), target: (Mac, Ipv4Addr), to: Mac) -> Self {
        let mut packet = vec![0, 1, 8, 0, 6, 4];
        packet.extend_from_slice(&operation.to_be_bytes());
        for (mac, ip) in [sender, target] {
            packet.extend_from_slice(&mac.0);
            packet.extend_from_slice(&ip.octets());
        }
        Self::ethernet(sender.0, to, 0x0806, packet)
    }

    /// A question who has `ip`, to everybody: ARP request or neighbour solicitation with the asker's hardware address.
    #[must_use]
    pub fn who_has(from: Node, ip: IpAddr) -> Self {
        match (from.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                Self::arp(1, (from.mac, own), (Mac([0; 6]), ip), Mac::BROADCAST)
            }
            (_, IpAddr::V6(ip)) => Self::neighbour_solicitation(from, solicited_node(ip), ip, true),
            (IpAddr::V6(_), IpAddr::V4(ip)) => {
                let nobody = Ipv4Addr::UNSPECIFIED;
                Self::arp(1, (from.mac, nobody), (Mac([0; 6]), ip), Mac::BROADCAST)
            }
        }
    }

    /// The answer that `from` is there, to one who asked: ARP reply, or neighbour advertisement (solicited, override).
    #[must_use]
    pub fn is_at(from: Node, to: Node) -> Self {
        match (from.ip, to.ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                Self::arp(2, (from.mac, own), (to.mac, ip), to.mac)
            }
            (IpAddr::V6(own), _) => {
                let flags = Advertised {
                    router: false,
                    solicited: true,
                    overrides: true,
                };
                Self::neighbour_advertisement(from, to, own, flags)
            }
            (IpAddr::V4(own), IpAddr::V6(_)) => {
                Self::arp(2, (from.mac, own), (to.mac, Ipv4Addr::UNSPECIFIED), to.mac)
            }
        }
    }

    /// A neighbour solicitation for `target`, with or without the sender's hardware address.
    #[must_use]
    pub fn neighbour_solicitation(
        from: Node,
        to: Node,
        target: Ipv6Addr,
        with_source: bool,
    ) -> Self {
        let mut body = target.octets().to_vec();
        if with_source {
            body.extend(link_option(1, from.mac));
        }
        Self::icmp(from, to, 135, 0, [0; 4], body).ttl(255)
    }

    /// A neighbour advertisement of `target` at the sender's hardware address.
    #[must_use]
    pub fn neighbour_advertisement(
        from: Node,
        to: Node,
        target: Ipv6Addr,
        flags: Advertised,
    ) -> Self {
        let mut body = target.octets().to_vec();
        body.extend(link_option(2, from.mac));
        let bits = u8::from(flags.router) << 7
            | u8::from(flags.solicited) << 6
            | u8::from(flags.overrides) << 5;
        Self::icmp(from, to, 136, 0, [bits, 0, 0, 0], body).ttl(255)
    }
}
