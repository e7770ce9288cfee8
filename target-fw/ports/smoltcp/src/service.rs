//! The type of service of what sockets send (contract §9, IPTOS), which smoltcp leaves 0: it is written into
//! packets as they leave.
//!
//! What leaves counts, not when it was queued. Answers that belong to no socket keep 0.

use nsapi::Protocol;
use smoltcp::wire::{IpEndpoint, Ipv4Address, Ipv6Address};

use crate::guard::frame::{ETHERNET as IP, IPV4, IPV6, bytes, put, put_summed, u16_at};
use crate::slots::Slot;

/// Where a packet goes from and to, as far as it says whose it is.
struct Flow {
    protocol: Protocol,
    from_port: u16,
    to: IpEndpoint,
}

/// Marks a frame that is about to leave if its socket wants that.
pub(crate) fn mark(frame: &mut [u8], slots: &[Slot]) {
    if slots.iter().any(|slot| slot.tos != 0) {
        // What is no packet of a socket stays as it is.
        let _ = find_and_mark(frame, slots);
    }
}

fn find_and_mark(frame: &mut [u8], slots: &[Slot]) -> Option<()> {
    let version = *frame.get(IP)? >> 4;
    let (protocol, to, ports) = match (u16_at(frame, IP - 2), version) {
        (IPV4, 4) => {
            let header = usize::from(*frame.get(IP)? & 0x0f) * 4;
            let to = Ipv4Address::from(bytes::<4>(frame, IP + 16));
            (*frame.get(IP + 9)?, to.into(), IP + header)
        }
        (IPV6, 6) => {
            let to = Ipv6Address::from(bytes::<16>(frame, IP + 24));
            (*frame.get(IP + 6)?, to.into(), IP + 40)
        }
        _ => return None,
    };
    let flow = Flow {
        protocol: match protocol {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            _ => return None,
        },
        from_port: u16_at(frame, ports),
        to: IpEndpoint::new(to, u16_at(frame, ports + 2)),
    };
    let owner = |accepted: bool| {
        slots
            .iter()
            .find(|slot| slot.accepted.is_some() == accepted && is_owner(slot, &flow))
    };
    // A connection of a listener is told by both its ends; what is not accepted yet is the listener's.
    let tos = owner(true).or_else(|| owner(false))?.tos;
    if version == 4 {
        let first = *frame.get(IP)?;
        put_summed(frame, IP + 10, IP, &[first, tos]);
    } else {
        // The traffic class lies across the two bytes; the flow label behind it is 0.
        put(frame, IP, &[0x60 | tos >> 4, tos << 4]);
    }
    Some(())
}

fn is_owner(slot: &Slot, flow: &Flow) -> bool {
    slot.protocol() == Some(flow.protocol)
        && match slot.accepted {
            Some((port, remote)) => port == flow.from_port && remote == flow.to,
            None => slot.local.port == flow.from_port,
        }
}
