//! ARP beyond what smoltcp does: probes are answered, known neighbours may move, and the own address is
//! defended (RFC 826, RFC 5227).

use core::net::Ipv4Addr;

use super::frame::{ARP, ETHERNET, bytes, is_host_mac, put, u16_at};
use super::packet::Address;
use super::{Own, Verdict};

/// Length of a frame with ARP for Ethernet and IPv4, without padding.
pub(super) const ARP_FRAME: usize = ETHERNET + 28;
/// Not more than one defence in this time, in microseconds (RFC 5227 §1.1, DEFEND_INTERVAL).
const DEFEND_INTERVAL_US: u64 = 10_000_000;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;

/// Offsets in the frame.
mod field {
    use super::ETHERNET;

    pub(super) const OPERATION: usize = ETHERNET + 6;
    pub(super) const SENDER_MAC: usize = ETHERNET + 8;
    pub(super) const SENDER_IP: usize = ETHERNET + 14;
    pub(super) const TARGET_MAC: usize = ETHERNET + 18;
    pub(super) const TARGET_IP: usize = ETHERNET + 24;
}

/// Hardware type Ethernet, protocol type IPv4, and their lengths.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// The neighbours smoltcp may know, and when the own address was defended.
pub(super) struct Neighbours {
    /// As many as smoltcp remembers.
    known: [Address; 16],
    next: usize,
    defended_us: Option<u64>,
}

impl Neighbours {
    /// Nobody.
    pub(super) const fn new() -> Self {
        Self {
            known: [Address::UNSPECIFIED; 16],
            next: 0,
            defended_us: None,
        }
    }

    /// Takes note of a neighbour that asked for us or that we asked for.
    pub(super) fn learn(&mut self, ip: Address) {
        if !self.knows(ip) {
            self.known[self.next] = ip;
            self.next = (self.next + 1) % self.known.len();
        }
    }

    pub(super) fn knows(&self, ip: Address) -> bool {
        self.known.contains(&ip)
    }

    /// Judges an ARP frame.
    pub(super) fn judge(&mut self, frame: &mut [u8], own: &Own<'_>) -> Verdict {
        let operation = u16_at(frame, field::OPERATION);
        if frame.len() < ARP_FRAME
            || bytes(frame, ETHERNET) != KIND
            || !matches!(operation, REQUEST | REPLY)
        {
            return Verdict::Drop;
        }
        let Some(here) = own.v4() else {
            return Verdict::Drop;
        };
        let sender_mac: [u8; 6] = bytes(frame, field::SENDER_MAC);
        let sender = Ipv4Addr::from(bytes(frame, field::SENDER_IP));
        let target = Ipv4Addr::from(bytes(frame, field::TARGET_IP));
        // RFC 1812 §3.3.2. What claims to be ours has come back to us.
        if !is_host_mac(sender_mac) || sender_mac == own.mac {
            return Verdict::Drop;
        }
        if sender == here {
            // RFC 5227 §2.4 (b): smoltcp would talk to the intruder.
            let due = self
                .defended_us
                .is_none_or(|then| own.now_us >= then + DEFEND_INTERVAL_US);
            if !due {
                return Verdict::Drop;
            }
            self.defended_us = Some(own.now_us);
            return say(frame, REQUEST, own.mac, here, [0xff; 6], here);
        }
        if sender.is_unspecified() {
            // RFC 5227 §2.1.1: a probe, which smoltcp leaves unanswered.
            return if operation == REQUEST && target == here {
                say(frame, REPLY, own.mac, here, sender_mac, sender)
            } else {
                Verdict::Drop
            };
        }
        if !own.is_host(sender) {
            return Verdict::Drop;
        }
        if target == here {
            self.learn(sender.to_ipv6_mapped());
        } else if self.knows(sender.to_ipv6_mapped()) {
            // RFC 826: the entry is merged whatever the target is. smoltcp merges what is meant for us.
            put(frame, field::OPERATION, &REPLY.to_be_bytes());
            put(frame, field::TARGET_MAC, &own.mac);
            put(frame, field::TARGET_IP, &here.octets());
        }
        Verdict::Pass
    }

    /// Takes note of whom a frame of ours asks for.
    pub(super) fn leaves(&mut self, frame: &[u8]) {
        if u16_at(frame, field::OPERATION) == REQUEST {
            let target = Ipv4Addr::from(bytes(frame, field::TARGET_IP));
            self.learn(target.to_ipv6_mapped());
        }
    }
}

/// Makes the frame an ARP packet of ours; one to nobody in particular is broadcast.
fn say(
    frame: &mut [u8],
    operation: u16,
    mac: [u8; 6],
    ip: Ipv4Addr,
    to: [u8; 6],
    target: Ipv4Addr,
) -> Verdict {
    put(frame, 0, &to);
    put(frame, 6, &mac);
    put(frame, 12, &ARP.to_be_bytes());
    put(frame, ETHERNET, &KIND);
    put(frame, field::OPERATION, &operation.to_be_bytes());
    put(frame, field::SENDER_MAC, &mac);
    put(frame, field::SENDER_IP, &ip.octets());
    let target_mac = if is_host_mac(to) { to } else { [0; 6] };
    put(frame, field::TARGET_MAC, &target_mac);
    put(frame, field::TARGET_IP, &target.octets());
    Verdict::Answer(ARP_FRAME)
}
