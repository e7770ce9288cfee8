//! What a host tells about its multicast groups: IGMP of all versions (RFC 1112, RFC 2236, RFC 3376), MLD of both
//! (RFC 2710, RFC 3810). Must not: judge.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::packet::Packet;
use super::rule::Pattern;

/// Most records of one report that are looked at; more do not fit into a frame.
const MOST: usize = 192;

/// A host tells that it is, or is no more, in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupReport {
    /// The group.
    pub group: IpAddr,
    /// Version of the protocol: 1, 2 or 3 of IGMP, 1 or 2 of MLD.
    pub version: u8,
    /// Type of the record (1 to 6) in a report that has records; else the type of the message.
    pub kind: u8,
    /// Source addresses in the record.
    pub sources: u16,
    /// It is in the group; else it leaves.
    pub member: bool,
}

impl Packet<'_> {
    /// All that an IGMP or MLD message says about groups of its sender; nothing for anything else, queries included.
    #[must_use]
    pub fn group_reports(&self) -> Vec<GroupReport> {
        if let Some(igmp) = self.igmp() {
            return of_igmp(igmp);
        }
        let Some(icmp) = self.icmp().filter(|icmp| icmp.v6) else {
            return Vec::new();
        };
        let one = |member| {
            let group = icmp.body.get(..16).and_then(address)?;
            Some(single(group, 1, icmp.kind, member))
        };
        match icmp.kind {
            131 => Vec::from_iter(one(true)),
            132 => Vec::from_iter(one(false)),
            143 => records(icmp.body, 16, 2),
            _ => Vec::new(),
        }
    }
}

impl Pattern {
    /// Reports of membership in `group`: the sender is in it.
    #[must_use]
    pub fn reports(self, group: impl Into<IpAddr>) -> Self {
        self.about(group.into(), true)
    }

    /// Messages that the sender leaves `group`, or is not in it.
    #[must_use]
    pub fn leaves(self, group: impl Into<IpAddr>) -> Self {
        self.about(group.into(), false)
    }

    fn about(self, group: IpAddr, member: bool) -> Self {
        let verb = if member { "reports" } else { "leaves" };
        self.that(format!("{verb} group {group}"), move |packet| {
            let reports = packet.group_reports();
            reports
                .iter()
                .any(|it| it.group == group && it.member == member)
        })
    }
}

fn of_igmp(message: &[u8]) -> Vec<GroupReport> {
    let Some((&kind, group)) = message.first().zip(message.get(4..8)) else {
        return Vec::new();
    };
    let one = |version, member| {
        let report = address(group).map(|group| single(group, version, kind, member));
        Vec::from_iter(report)
    };
    match kind {
        0x12 => one(1, true),
        0x16 => one(2, true),
        0x17 => one(2, false),
        0x22 => records(message.get(8..).unwrap_or_default(), 4, 3),
        _ => Vec::new(),
    }
}

const fn single(group: IpAddr, version: u8, kind: u8, member: bool) -> GroupReport {
    GroupReport {
        group,
        version,
        kind,
        sources: 0,
        member,
    }
}

/// Records of IGMPv3 and MLDv2: type, words of auxiliary data, number of sources, group, sources.
fn records(mut rest: &[u8], size: usize, version: u8) -> Vec<GroupReport> {
    let mut reports = Vec::new();
    while let [kind, auxiliary, a, b, after @ ..] = rest
        && let Some(group) = after.get(..size).and_then(address)
        && reports.len() < MOST
    {
        let sources = u16::from_be_bytes([*a, *b]);
        // All but nothing from a list is what "in the group" means without source filters.
        let member = match kind {
            2 | 4 | 5 => true,
            1 | 3 => sources > 0,
            _ => false,
        };
        reports.push(GroupReport {
            group,
            version,
            kind: *kind,
            sources,
            member,
        });
        let length = 4 + size + usize::from(sources) * size + usize::from(*auxiliary) * 4;
        rest = rest.get(length..).unwrap_or_default();
    }
    reports
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|it| Ipv4Addr::from(it).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|it| Ipv6Addr::from(it).into()))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Craft, End, Mac, Node, Origin, from_board};

    const GROUP: Ipv4Addr = Ipv4Addr::new(224, 1, 2, 3);
    const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x1234);

    fn board() -> Node {
        Node::new(Mac([2, 0, 0, 0, 0, 9]), Ipv4Addr::new(192, 0, 2, 15))
    }

    fn igmp(message: &[u8]) -> Vec<u8> {
        Craft::igmp(board(), Node::group(GROUP), message).bytes()
    }

    fn mld(kind: u8, body: &[u8]) -> Vec<u8> {
        let from = board().at(board().mac.link_local());
        Craft::icmp_message(from, Node::group(GROUP6), kind, 0, [0, 0, 0, 1], body)
            .ttl(1)
            .bytes()
    }

    #[test]
    fn reports_of_all_versions_are_read() {
        let g = GROUP.octets();
        let v3 = |kind| {
            let mut message = vec![0x22, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, 0];
            message.extend(g);
            igmp(&message)
        };
        let record = |kind| {
            let mut body = vec![kind, 0, 0, 0];
            body.extend(GROUP6.octets());
            mld(143, &body)
        };
        for (frame, group, version, member) in [
            (
                igmp(&[0x12, 0, 0, 0, g[0], g[1], g[2], g[3]]),
                GROUP.into(),
                1,
                true,
            ),
            (
                igmp(&[0x16, 0, 0, 0, g[0], g[1], g[2], g[3]]),
                GROUP.into(),
                2,
                true,
            ),
            (
                igmp(&[0x17, 0, 0, 0, g[0], g[1], g[2], g[3]]),
                GROUP.into(),
                2,
                false,
            ),
            (v3(4), GROUP.into(), 3, true),
            (v3(3), GROUP.into(), 3, false),
            (mld(131, &GROUP6.octets()), IpAddr::from(GROUP6), 1, true),
            (mld(132, &GROUP6.octets()), GROUP6.into(), 1, false),
            (record(4), GROUP6.into(), 2, true),
            (record(3), GROUP6.into(), 2, false),
        ] {
            let reports = Packet::of(&frame).group_reports();
            assert_eq!(reports.len(), 1, "{reports:?}");
            let report = reports[0];
            assert_eq!(
                (report.group, report.version, report.member),
                (group, version, member)
            );
            let origin = Origin::Sent(End::Board);
            assert_eq!(from_board().reports(group).matches(origin, &frame), member);
            assert_eq!(from_board().leaves(group).matches(origin, &frame), !member);
        }
        let query = Craft::igmp_query(board(), Some(GROUP), 10).bytes();
        assert!(Packet::of(&query).group_reports().is_empty());
    }

    #[test]
    fn broken_reports_are_survived() {
        let mut message = vec![0x22, 0, 0, 0, 0, 0, 0, 2, 4, 0, 0, 1];
        message.extend(GROUP.octets());
        message.extend([1, 2, 3, 4, 2, 0, 0xff, 0xff, 224, 0, 0, 9]);
        for length in 0..=message.len() {
            let _ = Packet::of(&igmp(&message[..length])).group_reports();
        }
        let reports = Packet::of(&igmp(&message)).group_reports();
        assert_eq!(reports.len(), 2);
        assert_eq!((reports[0].sources, reports[1].sources), (1, 0xffff));
    }
}
