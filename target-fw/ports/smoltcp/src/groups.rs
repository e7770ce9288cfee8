//! Multicast groups: who is a member of which, and what the network is told (contract §9).
//!
//! Membership belongs to sockets and ends with them; smoltcp knows groups of the whole interface only. So a
//! datagram to a group goes to whoever is bound to its port while any socket is a member, as in the reference
//! stack of the contract; if several are, to the first.

use nsapi::option::Membership;
use nsapi::{Error, IpAddress, Result};
use smoltcp::wire::{IpAddress as WireAddress, IpProtocol, Ipv4Address, Ipv6Address};

use crate::address::to_wire;
use crate::core::Core;
use crate::pipes::MEMBERSHIPS;

/// Groups of the interface at most: smoltcp's table less room for those of our own addresses.
const GROUPS: usize = 12;
/// Every host is a member of these for ever, and nobody is told (RFC 2236 §6, RFC 3810 §6).
const ALL_HOSTS: WireAddress = WireAddress::Ipv4(Ipv4Address::new(224, 0, 0, 1));
const ALL_NODES: WireAddress = WireAddress::Ipv6(Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1));

impl Core {
    /// Joins a group for a datagram socket.
    pub(crate) fn join(&mut self, queues: usize, membership: &Membership) -> Result<()> {
        let group = self.group_of(membership)?;
        let own = &self.datagrams[queues].groups;
        if own.is_full() {
            return Err(Error::NO_MEMORY);
        }
        if own.contains(&group) {
            return Err(Error::ADDRESS_IN_USE);
        }
        if !self.has_members(group) && self.groups_joined() >= GROUPS {
            return Err(Error::NO_MEMORY);
        }
        // There is room.
        let _ = self.datagrams[queues].groups.push(group);
        self.tell_join(group);
        Ok(())
    }

    /// Leaves a group.
    pub(crate) fn leave(&mut self, queues: usize, membership: &Membership) -> Result<()> {
        let group = self.group_of(membership)?;
        let own = &mut self.datagrams[queues].groups;
        let place = own.iter().position(|joined| *joined == group);
        own.swap_remove(place.ok_or(Error::NO_ADDRESS)?);
        self.tell_leave(group);
        Ok(())
    }

    /// Leaves all groups of a socket that is being closed.
    pub(crate) fn leave_all(&mut self, queues: usize) {
        while let Some(group) = self.datagrams[queues].groups.pop() {
            self.tell_leave(group);
        }
    }

    /// Joins the groups of all sockets, after the interface was made anew or has got an address.
    pub(crate) fn join_again(&mut self) {
        for queues in 0..self.datagrams.len() {
            for place in 0..MEMBERSHIPS {
                if let Some(group) = self.datagrams[queues].groups.get(place) {
                    self.tell_join(*group);
                }
            }
        }
    }

    /// Lets smoltcp forget the IPv4 groups while there is no address to tell it from.
    pub(crate) fn forget_groups_v4(&mut self) {
        for queues in 0..self.datagrams.len() {
            for place in 0..MEMBERSHIPS {
                if let Some(group @ WireAddress::Ipv4(_)) = self.datagrams[queues].groups.get(place)
                {
                    let _ = self.iface.leave_multicast_group(*group);
                }
            }
        }
    }

    /// The group, if it is one and the interface is ours.
    fn group_of(&self, membership: &Membership) -> Result<WireAddress> {
        let group = to_wire(&membership.group).filter(WireAddress::is_multicast);
        let group = group.ok_or(Error::PARAMETER)?;
        let same_family = match membership.interface {
            IpAddress::Unspec => true,
            IpAddress::V4(_) => matches!(group, WireAddress::Ipv4(_)),
            IpAddress::V6(_) => matches!(group, WireAddress::Ipv6(_)),
        };
        let ours = to_wire(&membership.interface).is_none_or(|ip| self.iface.has_ip_addr(ip));
        if same_family && ours {
            Ok(group)
        } else {
            Err(Error::PARAMETER)
        }
    }

    fn has_members(&self, group: WireAddress) -> bool {
        self.datagrams
            .iter()
            .any(|queues| queues.groups.contains(&group))
    }

    /// Different groups that sockets are members of.
    fn groups_joined(&self) -> usize {
        let all = || self.datagrams.iter().flat_map(|queues| &queues.groups);
        all()
            .enumerate()
            .filter(|(place, group)| !all().take(*place).any(|before| before == *group))
            .count()
    }

    fn tell_join(&mut self, group: WireAddress) {
        let has_address = match group {
            WireAddress::Ipv4(_) => self.net.address().is_some(),
            WireAddress::Ipv6(_) => self.net.routers.link_local().is_some(),
        };
        if has_address && group != ALL_HOSTS && group != ALL_NODES {
            // The table has room for as many as may be joined.
            let _ = self.iface.join_multicast_group(group);
        }
    }

    fn tell_leave(&mut self, group: WireAddress) {
        if !self.has_members(group) {
            let _ = self.iface.leave_multicast_group(group);
        }
    }
}

/// Whether somebody asks for memberships. smoltcp answers after a while, but does not say when it wants to be
/// polled for that.
#[derive(Debug, Default)]
pub(crate) struct Queries {
    /// Answers may be due until then.
    until_us: Option<u64>,
}

/// How often smoltcp is polled while answers may be due, in microseconds.
const STEP_US: u64 = 50_000;
/// How long that may be after a question: the longest that IGMP can ask for (RFC 2236 §2.2).
const PATIENCE_US: u64 = 26_000_000;
/// The question in both protocols (RFC 2236 §2.1, RFC 3810 §5.1).
const IGMP_QUERY: u8 = 0x11;
const MLD_QUERY: u8 = 130;

impl Queries {
    /// Takes note of a received frame.
    pub(crate) fn hear(&mut self, frame: &[u8], now_us: u64) {
        if is_query(frame) {
            self.until_us = Some(now_us + PATIENCE_US);
        }
    }

    /// When to poll for answers.
    pub(crate) fn deadline_us(&mut self, now_us: u64) -> Option<u64> {
        self.until_us.take_if(|until| *until <= now_us);
        self.until_us.map(|_| now_us + STEP_US)
    }
}

/// Whether a frame looks like a question for memberships; whether it is a good one smoltcp decides.
fn is_query(frame: &[u8]) -> bool {
    let at = |place: usize| frame.get(place).copied().unwrap_or(0);
    match (at(12), at(13)) {
        (0x08, 0x00) => {
            let header = usize::from(at(14) & 0x0f) * 4;
            at(23) == u8::from(IpProtocol::Igmp) && at(14 + header) == IGMP_QUERY
        }
        // Always behind a hop-by-hop header of 8 bytes (RFC 3810 §5).
        (0x86, 0xdd) => at(20) == u8::from(IpProtocol::HopByHop) && at(62) == MLD_QUERY,
        _ => false,
    }
}
