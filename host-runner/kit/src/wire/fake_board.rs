//! For tests: a board that answers ARP, solicitations and echo requests, echoes TCP and UDP on port 7, and refuses
//! other ports. Good enough for frames that arrive; it repeats nothing.

use core::net::IpAddr;
use std::collections::HashMap;

use super::{Craft, Flags, IcmpError, Mac, Node, Packet, WirePlan};

/// The board's hardware address.
pub(crate) const BOARD: Mac = Mac([2, 0, 0, 0, 0, 9]);
/// Its initial sequence number: near the end, so that it wraps.
const ISN: u32 = 0xffff_fff0;

/// The board.
#[derive(Default)]
pub(crate) struct FakeBoard {
    connections: HashMap<(IpAddr, u16, u16), Connection>,
    /// It says nothing any more.
    pub(crate) dead: bool,
}

struct Connection {
    rcv_nxt: u32,
    snd_nxt: u32,
}

pub(crate) fn board4() -> Node {
    Node::new(BOARD, WirePlan::STANDARD.board_ipv4)
}

pub(crate) fn board6() -> Node {
    board4().at(BOARD.address_in(WirePlan::STANDARD.ipv6_prefix))
}

impl FakeBoard {
    /// What it sends when it gets this frame.
    pub(crate) fn take(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        let packet = Packet::of(frame);
        if self.dead {
            return Vec::new();
        }
        let own = [board4().ip, board6().ip, BOARD.link_local().into()];
        if let Some(arp) = packet.arp() {
            let asked = arp.operation == 1 && board4().ip == IpAddr::from(arp.target_ip);
            let asker = Node::new(arp.sender_mac, arp.sender_ip);
            return Vec::from_iter(asked.then(|| Craft::is_at(board4(), asker).bytes()));
        }
        let (Some(src), Some(dst)) = (packet.src_ip(), packet.dst_ip()) else {
            return Vec::new();
        };
        let from = Node::new(packet.source(), src);
        if let Some(target) = packet.icmp().and_then(|icmp| icmp.nd_target()) {
            let is_own = own.contains(&target.into());
            let answer = || Craft::is_at(board4().at(target), from).bytes();
            return Vec::from_iter(is_own.then(answer));
        }
        if !own.contains(&dst) || packet.checksum_ok() == Some(false) {
            return Vec::new();
        }
        let me = board4().at(dst);
        if let Some(icmp) = packet.icmp().filter(|icmp| icmp.is_echo_request()) {
            let kind = if icmp.v6 { 129 } else { 0 };
            return vec![Craft::icmp_message(me, from, kind, 0, icmp.rest, icmp.body).bytes()];
        }
        if let Some(udp) = packet.udp() {
            let answer = match udp.dst_port {
                7 => Craft::udp(me, 7, from, udp.src_port, udp.data),
                _ => Craft::icmp_error(me, from, IcmpError::PortUnreachable, frame),
            };
            return vec![answer.bytes()];
        }
        self.tcp(me, from, &packet)
    }

    fn tcp(&mut self, me: Node, from: Node, packet: &Packet<'_>) -> Vec<Vec<u8>> {
        let Some(tcp) = packet.tcp() else {
            return Vec::new();
        };
        let key = (from.ip, tcp.src_port, tcp.dst_port);
        let reply = Craft::tcp(me, tcp.dst_port, from, tcp.src_port).window(1000);
        if tcp.flags.contains(Flags::RST) {
            self.connections.remove(&key);
            return Vec::new();
        }
        if tcp.flags.contains(Flags::SYN) && tcp.dst_port == 7 {
            let rcv_nxt = tcp.seq.wrapping_add(1);
            let snd_nxt = ISN.wrapping_add(1);
            self.connections
                .insert(key, Connection { rcv_nxt, snd_nxt });
            let answer = reply
                .flags(Flags::SYN | Flags::ACK)
                .seq_ack(ISN, rcv_nxt)
                .tcp_options(&[2, 4, 0, 100]);
            return vec![answer.bytes()];
        }
        let Some(connection) = self.connections.get_mut(&key) else {
            let answer = reply
                .flags(Flags::RST | Flags::ACK)
                .seq_ack(0, tcp.seq.wrapping_add(tcp.len()));
            return vec![answer.bytes()];
        };
        if tcp.is_empty() {
            return Vec::new();
        }
        if tcp.seq != connection.rcv_nxt {
            let ack = reply
                .flags(Flags::ACK)
                .seq_ack(connection.snd_nxt, connection.rcv_nxt);
            return vec![ack.bytes()];
        }
        connection.rcv_nxt = connection.rcv_nxt.wrapping_add(tcp.len());
        let fin = tcp.flags.contains(Flags::FIN);
        let flags = if fin {
            Flags::ACK | Flags::FIN
        } else {
            Flags::ACK
        };
        let answer = reply
            .flags(flags)
            .seq_ack(connection.snd_nxt, connection.rcv_nxt)
            .payload(tcp.data);
        let length = tcp.data.len() as u32 + u32::from(fin);
        connection.snd_nxt = connection.snd_nxt.wrapping_add(length);
        vec![answer.bytes()]
    }

    /// Connections that it has.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }
}
