//! Frames that smoltcp sends: corrected, padded, and taken note of.

use super::arp::Neighbours;
use super::dhcp::Server;
use super::flows::Flows;
use super::frame::{ARP, ETHERNET, put, put_summed, u8_at, u16_at};
use super::ipv6;
use super::packet::{Packet, protocol};

/// Router alert (RFC 2113).
const ROUTER_ALERT: [u8; 4] = [148, 4, 0, 0];

/// Types of errors whose second word is unused, of either family (RFC 792; RFC 4443 §3.1, §3.3).
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
const UNREACHABLE_V6: u8 = 1;
const TIME_EXCEEDED_V6: u8 = 3;

/// What is remembered of frames.
pub(super) struct Notes {
    pub(super) flows: Flows,
    pub(super) neighbours: Neighbours,
    pub(super) server: Server,
    /// Segments do not fit through uncut.
    pub(super) may_be_cut: bool,
    pub(super) identification: u16,
}

impl Notes {
    /// Corrects a frame that is about to leave. Behind its first `length` bytes there is zeroed room.
    /// How long it is then.
    pub(super) fn leaves(&mut self, frame: &mut [u8], length: usize) -> usize {
        if u16_at(frame, 12) == ARP {
            self.neighbours.leaves(frame);
            return length;
        }
        let Some(mut packet) = Packet::parse(frame.get(..length).unwrap_or(&[])) else {
            return length;
        };
        match (packet.is_v6, packet.protocol) {
            (is_v6, protocol::TCP) => {
                self.flows.leaves(frame, &packet);
                if self.may_be_cut && !is_v6 {
                    self.allow_cutting(frame);
                }
            }
            (false, protocol::UDP) => return self.server.leaves(frame, &mut packet),
            (false, protocol::IGMP) => return alert_routers(frame, packet),
            (false, protocol::ICMP) => clear_unused(frame, &packet, [UNREACHABLE, TIME_EXCEEDED]),
            (true, protocol::ICMPV6) => {
                clear_unused(frame, &packet, [UNREACHABLE_V6, TIME_EXCEEDED_V6]);
                ipv6::leaves(frame, &packet, &mut self.neighbours);
            }
            _ => {}
        }
        length
    }
}

impl Notes {
    /// RFC 1191 §3: a host that does not send smaller packets lets its packets be cut. Then they need a
    /// number (RFC 6864 §4.1).
    fn allow_cutting(&mut self, frame: &mut [u8]) {
        self.identification = self.identification.wrapping_add(1);
        let [high, low] = self.identification.to_be_bytes();
        put_summed(frame, ETHERNET + 10, ETHERNET + 4, &[high, low, 0, 0]);
    }
}

/// What is unused in an error must be zero (RFC 792, RFC 4443 §3.1); smoltcp leaves there what was in the buffer.
fn clear_unused(frame: &mut [u8], packet: &Packet, kinds: [u8; 2]) {
    let message = packet.payload;
    if kinds.contains(&u8_at(frame, message)) && packet.end >= message + 8 {
        put_summed(frame, message + 2, message + 4, &[0; 4]);
    }
}

/// RFC 2236 §2: group messages tell routers to look at them. Fits into the padding.
fn alert_routers(frame: &mut [u8], mut packet: Packet) -> usize {
    let end = packet.end + ROUTER_ALERT.len();
    if u8_at(frame, ETHERNET) != 0x45 || end > frame.len() {
        return packet.end;
    }
    frame.copy_within(
        packet.payload..packet.end,
        packet.payload + ROUTER_ALERT.len(),
    );
    put(frame, packet.payload, &ROUTER_ALERT);
    put(frame, ETHERNET, &[0x46]);
    packet.set_end(frame, end);
    end
}
