//! IPv4 packets that must not be taken, whatever is in them (RFC 1122 §3.2.1.3, §3.3.6).

use core::net::Ipv4Addr;

use super::Verdict;
use super::frame::{ETHERNET, bytes, is_host_mac, u8_at, u16_at};
use super::own::Own;
use super::packet::{Packet, protocol};

/// The UDP port of DHCP clients.
const DHCP_CLIENT: u16 = 68;

/// Judges the addresses of a packet.
pub(super) fn judge(frame: &[u8], packet: &Packet, own: &Own<'_>) -> Verdict {
    let source = Ipv4Addr::from(bytes(frame, ETHERNET + 12));
    let destination = Ipv4Addr::from(bytes(frame, ETHERNET + 16));
    let is_dhcp =
        packet.protocol == protocol::UDP && u16_at(frame, packet.payload + 2) == DHCP_CLIENT;
    // A querier may have no address yet (RFC 4541 §2.1.1).
    let is_nobody = source.is_unspecified() && packet.protocol == protocol::IGMP;
    if !is_nobody && !own.is_host(source) {
        return Verdict::Drop;
    }
    let to_one = is_unicast(destination) && !own.is_subnet_broadcast(destination);
    // Some servers broadcast their answers with the offered address in the packet.
    let link_to_all = !is_host_mac([u8_at(frame, 0), 0, 0, 0, 0, 0]);
    if to_one && link_to_all && !is_dhcp {
        return Verdict::Drop;
    }
    // RFC 9293 MUST-57: smoltcp would let it occupy a listener, or reset it from the group's address.
    if !to_one && packet.protocol == protocol::TCP {
        return Verdict::Drop;
    }
    Verdict::Pass
}

/// Whether an address can be one host's: not loopback, a group's, everybody's, nobody's or reserved.
pub(super) fn is_unicast(ip: Ipv4Addr) -> bool {
    let first = ip.octets()[0];
    first != 0 && first != 127 && first < 224
}
