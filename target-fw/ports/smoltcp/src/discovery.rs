//! The messages of router discovery (RFC 4861 §4.1, §4.2): the question as a frame, and what is a valid answer.

use smoltcp::phy::{ChecksumCapabilities, Device, TxToken as _};
use smoltcp::time::Instant;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, Icmpv6Message, Icmpv6Packet,
    Icmpv6Repr, IpProtocol, Ipv6Address, Ipv6Packet, Ipv6Repr, NdiscRepr,
};

const ALL_NODES: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Address = Ipv6Address::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

/// The router and the ICMPv6 message of a valid advertisement (RFC 4861 §6.1.2).
pub(crate) fn advertisement(frame: &[u8], own: Ipv6Address) -> Option<(Ipv6Address, &[u8])> {
    let ethernet = EthernetFrame::new_checked(frame).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv6 {
        return None;
    }
    let ip = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
    let (from, to) = (ip.src_addr(), ip.dst_addr());
    if ip.next_header() != IpProtocol::Icmpv6
        || ip.hop_limit() != 255
        || !from.is_unicast_link_local()
        || !(to == ALL_NODES || to == own)
    {
        return None;
    }
    let message = ip.payload();
    let icmp = Icmpv6Packet::new_checked(message).ok()?;
    let valid = icmp.msg_type() == Icmpv6Message::RouterAdvert
        && icmp.msg_code() == 0
        && icmp.verify_checksum(&from, &to);
    valid.then_some((from, message))
}

/// Hands over each option with its number; whether they add up.
pub(crate) fn each_option(mut options: &[u8], mut take: impl FnMut(u8, &[u8])) -> bool {
    while let [kind, units, ..] = *options {
        let length = usize::from(units) * 8;
        match options.split_at_checked(length) {
            Some((option, rest)) if length > 0 => {
                take(kind, option);
                options = rest;
            }
            _ => return false,
        }
    }
    options.is_empty()
}

/// Asks for routers. False if the device had no room and it must be asked again.
pub(crate) fn solicit<D: Device>(
    device: &mut D,
    now: Instant,
    mac: EthernetAddress,
    own: Ipv6Address,
) -> bool {
    let Some(token) = device.transmit(now) else {
        return false;
    };
    let question = Icmpv6Repr::Ndisc(NdiscRepr::RouterSolicit {
        lladdr: Some(mac.into()),
    });
    let ethernet = EthernetRepr {
        src_addr: mac,
        dst_addr: EthernetAddress([0x33, 0x33, 0, 0, 0, 2]),
        ethertype: EthernetProtocol::Ipv6,
    };
    let ip = Ipv6Repr {
        src_addr: own,
        dst_addr: ALL_ROUTERS,
        next_header: IpProtocol::Icmpv6,
        payload_len: question.buffer_len(),
        hop_limit: 255,
    };
    let length = ethernet.buffer_len() + ip.buffer_len() + ip.payload_len;
    token.consume(length, |bytes| {
        let mut frame = EthernetFrame::new_unchecked(bytes);
        ethernet.emit(&mut frame);
        let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
        ip.emit(&mut packet);
        question.emit(
            &own,
            &ALL_ROUTERS,
            &mut Icmpv6Packet::new_unchecked(packet.payload_mut()),
            &ChecksumCapabilities::default(),
        );
    });
    true
}
