//! Asking for the gateway's hardware address before anybody needs it, and telling of one's own.
//!
//! smoltcp asks for at most one neighbour per second on the whole interface, so whoever talks first to a
//! second neighbour may wait that long. The gateway's answer to this question is in the cache before.

use smoltcp::phy::{Device, TxToken as _};
use smoltcp::time::Instant;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol,
    EthernetRepr, Ipv4Address,
};

/// Tells everybody of our address (RFC 5227 §2.3), as by a question for it. False if it must be tried again.
pub(crate) fn announce<D: Device>(
    device: &mut D,
    now: Instant,
    mac: EthernetAddress,
    own: Ipv4Address,
) -> bool {
    ask(device, now, mac, own, own)
}

/// Broadcasts a question for `target`. False if the device had no room and it must be asked again.
pub(crate) fn ask<D: Device>(
    device: &mut D,
    now: Instant,
    mac: EthernetAddress,
    own: Ipv4Address,
    target: Ipv4Address,
) -> bool {
    let arp = ArpRepr::EthernetIpv4 {
        operation: ArpOperation::Request,
        source_hardware_addr: mac,
        source_protocol_addr: own,
        target_hardware_addr: EthernetAddress([0; 6]),
        target_protocol_addr: target,
    };
    let ethernet = EthernetRepr {
        src_addr: mac,
        dst_addr: EthernetAddress::BROADCAST,
        ethertype: EthernetProtocol::Arp,
    };
    let Some(token) = device.transmit(now) else {
        return false;
    };
    token.consume(ethernet.buffer_len() + arp.buffer_len(), |bytes| {
        let mut frame = EthernetFrame::new_unchecked(bytes);
        ethernet.emit(&mut frame);
        arp.emit(&mut ArpPacket::new_unchecked(frame.payload_mut()));
    });
    true
}
