//! How a ghost tells its hardware address (ARP, neighbour discovery), and asks for that of others.

use core::net::{IpAddr, Ipv6Addr};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Ghost, Inside};
use crate::wire::craft::Advertised;
use crate::wire::{Craft, End, Fate, Frame, Mac, Node, from_board};

/// How long an answer to a question for a hardware address may take, on the reference.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);
/// How often the question is asked: an answer may be lost by impairment.
const QUESTIONS: u32 = 3;
/// All nodes of the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// How a ghost answers questions for its hardware address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manners {
    /// At once.
    #[default]
    Prompt,
    /// Later by this much.
    Late(Duration),
    /// Only the n-th question from now on (counted from 1) and those after it.
    FromNth(u32),
    /// Never.
    Silent,
}

/// Manners as the ghost's task sees them.
#[derive(Default)]
pub(super) struct Shared {
    manners: Mutex<Manners>,
    asked: AtomicU32,
}

impl Shared {
    pub(super) fn set(&self, manners: Manners) {
        *self.manners.lock().unwrap_or_else(PoisonError::into_inner) = manners;
        self.asked.store(0, Ordering::Relaxed);
    }

    /// After which time the next question is answered, if it is.
    fn after(&self) -> Option<Duration> {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        match *self.manners.lock().unwrap_or_else(PoisonError::into_inner) {
            Manners::Prompt => Some(Duration::ZERO),
            Manners::Late(by) => Some(by),
            Manners::FromNth(n) => (asked >= n).then_some(Duration::ZERO),
            Manners::Silent => None,
        }
    }
}

/// Answers for the ghost until the case ends.
pub(super) fn start(ghost: &Ghost) {
    let inside = Arc::clone(&ghost.inside);
    let asked = from_board()
        .asks_for(inside.ipv4)
        .or(from_board().asks_for(inside.ipv6))
        .or(from_board().asks_for(inside.link_local));
    let wire = inside.wire.clone();
    let mut tap = wire.cable.tap(asked);
    let state = Arc::clone(&wire.state);
    state.spawn(async move {
        while let Some(frame) = tap.recv().await {
            let late = match frame.fate {
                Fate::Dropped(_) | Fate::Held => continue,
                Fate::Delayed(by) => by,
                Fate::Passed | Fate::Duplicated(_) | Fate::Changed(_) => Duration::ZERO,
            };
            let (Some(answer), Some(after)) = (inside.answer(&frame), inside.manners.after())
            else {
                continue;
            };
            let cable = Arc::clone(&inside.wire.cable);
            let after = late + after;
            if after.is_zero() {
                cable.inject(End::Board, answer);
            } else {
                inside.wire.state.spawn(async move {
                    tokio::time::sleep(after).await;
                    cable.inject(End::Board, answer);
                });
            }
        }
    });
}

impl Inside {
    /// The answer to a question for one of its addresses.
    fn answer(&self, frame: &Frame) -> Option<Vec<u8>> {
        let packet = frame.packet();
        if let Some(arp) = packet.arp() {
            let asker = Node::new(arp.sender_mac, arp.sender_ip);
            let own = Node::new(self.mac, arp.target_ip);
            return Some(Craft::is_at(own, asker).bytes());
        }
        let icmp = packet.icmp()?;
        let target = icmp.nd_target()?;
        let own = Node::new(self.mac, target);
        let answer = match packet.src_ip()? {
            // Somebody wants to take this address for itself (RFC 4861 §7.2.4).
            IpAddr::V6(ip) if ip.is_unspecified() => {
                let flags = Advertised {
                    router: false,
                    solicited: false,
                    overrides: true,
                };
                Craft::neighbour_advertisement(own, Node::group(ALL_NODES), target, flags)
            }
            ip => {
                let option = icmp
                    .nd_option(1)
                    .and_then(|it| it.get(..6)?.try_into().ok());
                let mac = option.map_or_else(|| packet.source(), Mac);
                Craft::is_at(own, Node::new(mac, ip))
            }
        };
        Some(answer.bytes())
    }
}

impl Ghost {
    /// Asks who has `ip`; the hardware address that the board tells, if it does.
    pub(super) async fn resolve(&self, ip: IpAddr) -> Option<Mac> {
        // A link-local address is asked for by a link-local address.
        let from = match ip {
            IpAddr::V4(_) => Node::new(self.mac(), self.ipv4()),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                Node::new(self.mac(), self.link_local())
            }
            IpAddr::V6(_) => Node::new(self.mac(), self.ipv6()),
        };
        let told = from_board().tells_of(ip);
        let start = self.wire().shared.log.end();
        let patience = self.wire().stretched(PATIENCE);
        for _ in 0..QUESTIONS {
            self.wire()
                .cable
                .inject(End::Board, Craft::who_has(from, ip).bytes());
            if let Some((_, frame)) = self.wire().look(start, &told, patience).await {
                return told_mac(&frame);
            }
        }
        None
    }
}

/// The hardware address that an answer tells.
fn told_mac(frame: &Frame) -> Option<Mac> {
    let packet = frame.packet();
    if let Some(arp) = packet.arp() {
        return Some(arp.sender_mac);
    }
    let icmp = packet.icmp()?;
    let option = icmp
        .nd_option(2)
        .and_then(|it| it.get(..6)?.try_into().ok());
    Some(option.map_or_else(|| packet.source(), Mac))
}
