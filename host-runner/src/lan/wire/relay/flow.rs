//! Which flow a frame belongs to, for impairment that counts per flow.

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use hil_kit::wire::{End, Flow};

/// The flow of a frame on its way to `towards`. Fragments after and including the first have no ports, so that all
/// of a datagram count alike.
pub(super) fn flow_of(towards: End, frame: &[u8]) -> Flow {
    let ether_type = match frame.get(12..14) {
        Some(&[high, low]) => u32::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    let mut flow = Flow {
        towards,
        protocol: ether_type,
        ports: [0, 0],
    };
    let Ok(packet) = LaxSlicedPacket::from_ethernet(frame) else {
        return flow;
    };
    let carried = match &packet.net {
        Some(LaxNetSlice::Ipv4(it)) => Some(it.payload().ip_number),
        Some(LaxNetSlice::Ipv6(it)) => Some(it.payload().ip_number),
        Some(LaxNetSlice::Arp(_)) | None => None,
    };
    if let Some(number) = carried {
        flow.protocol |= u32::from(number.0) << 16;
    }
    flow.ports = match &packet.transport {
        Some(TransportSlice::Tcp(it)) => [it.source_port(), it.destination_port()],
        Some(TransportSlice::Udp(it)) => [it.source_port(), it.destination_port()],
        _ => [0, 0],
    };
    flow
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;

    use super::*;

    #[test]
    fn tells_flows_apart() {
        let frame = |source, destination| {
            let builder = PacketBuilder::ethernet2([2; 6], [4; 6])
                .ipv4([192, 0, 2, 1], [192, 0, 2, 15], 64)
                .udp(source, destination);
            let mut frame = Vec::new();
            builder.write(&mut frame, b"data").expect("written");
            frame
        };
        let flow = flow_of(End::Board, &frame(7, 9));
        assert_eq!((flow.protocol, flow.ports), (0x0011_0800, [7, 9]));
        assert_ne!(flow, flow_of(End::Host, &frame(7, 9)));
        assert_ne!(flow, flow_of(End::Board, &frame(8, 9)));
        // No frame is too broken to belong somewhere.
        let whole = frame(7, 9);
        for length in 0..whole.len() {
            let _ = flow_of(End::Board, &whole[..length]);
        }
    }
}
