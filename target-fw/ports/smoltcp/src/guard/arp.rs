//! ARP beyond what smoltcp does: probes are answered, known neighbours may move, and the own address is
//! defended (RFC 826, RFC 5227).

use core::net::Ipv4Addr;

use super::Verdict;
use super::frame::{ARP, ETHERNET, bytes, is_host_mac, put, u16_at};
use super::own::Own;
use super::packet::{Address, is_same};

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

/// How long smoltcp remembers a neighbour that says nothing, in seconds.
const MEMORY_S: u32 = 60;

/// A neighbour smoltcp may know, and when it was last heard, in seconds.
#[derive(Clone, Copy, Debug)]
struct Neighbour {
    ip: Address,
    heard_s: u32,
}

/// The neighbours, and when the own address was defended.
pub(super) struct Neighbours {
    /// As many as smoltcp remembers.
    known: [Neighbour; 16],
    next: usize,
    defended_us: Option<u64>,
}

impl Neighbours {
    /// Nobody.
    pub(super) const fn new() -> Self {
        const NOBODY: Neighbour = Neighbour {
            ip: Address::UNSPECIFIED,
            heard_s: 0,
        };
        Self {
            known: [NOBODY; 16],
            next: 0,
            defended_us: None,
        }
    }

    /// All are gone, except from memory: what they announce is still merged.
    pub(super) fn forget(&mut self) {
        for known in &mut self.known {
            known.heard_s = 0;
        }
    }

    /// Takes note of a neighbour that asked for us or that we asked for.
    pub(super) fn learn(&mut self, ip: Address) {
        self.place(ip);
    }

    fn place(&mut self, ip: Address) -> &mut Neighbour {
        if let Some(index) = self.known.iter().position(|known| is_same(&known.ip, &ip)) {
            return &mut self.known[index];
        }
        self.next = (self.next + 1) % self.known.len();
        let place = &mut self.known[self.next];
        *place = Neighbour { ip, heard_s: 0 };
        place
    }

    pub(super) fn knows(&self, ip: Address) -> bool {
        self.known.iter().any(|known| known.ip == ip)
    }

    /// Takes note of a packet of a neighbour. Whether smoltcp knows where he is.
    pub(super) fn hears(&mut self, ip: Address, now_us: u64) -> bool {
        // The first minute does not count, so that 0 is never.
        let now_s = ((now_us / 1_000_000) as u32).wrapping_add(MEMORY_S);
        let known = self.place(ip);
        let is_fresh = now_s.wrapping_sub(known.heard_s) < MEMORY_S;
        known.heard_s = now_s;
        is_fresh
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
            self.hears(sender.to_ipv6_mapped(), own.now_us);
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

/// An answer to a question that was never asked: somebody talks to us, so we know where he is. smoltcp would
/// ask him first and lose what it has to say (RFC 1122 §2.3.2.2 wants that saved).
pub(super) fn introduce(
    frame: &mut [u8; ARP_FRAME],
    (mac, ip): ([u8; 6], Ipv4Addr),
    own: &Own<'_>,
) {
    let here = own.v4().unwrap_or(Ipv4Addr::UNSPECIFIED);
    say(frame, REPLY, mac, ip, own.mac, here);
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
