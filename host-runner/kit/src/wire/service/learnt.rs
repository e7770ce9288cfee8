//! What the board tells about itself without being asked: its hardware address and IPv6 addresses.
//!
//! Only notes: whoever uses one of these addresses asks the board first.

use core::net::{IpAddr, Ipv6Addr};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use crate::wire::{Frame, Mac, Pattern};

/// Addresses that are remembered; a board that uses more is remembered in part.
const MOST: usize = 64;

/// What is known of a board.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// Source of its latest frame.
    pub mac: Option<Mac>,
    /// IPv6 addresses that it has sent from, asked about, or told of.
    pub ipv6: BTreeSet<Ipv6Addr>,
}

/// Notes that grow while the cable is there.
#[derive(Default)]
pub(in crate::wire) struct Notes(Mutex<Learnt>);

impl Notes {
    pub(in crate::wire) fn learnt(&self) -> Learnt {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn take(&self, frame: &Frame) {
        let packet = frame.packet();
        let mut learnt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !packet.source().is_group() {
            learnt.mac = Some(packet.source());
        }
        let told = packet.icmp().and_then(|icmp| match icmp.kind {
            // A solicitation from nowhere is about the asker's own address (RFC 4862 §5.4.2).
            135 if packet.src_ip() == Some(Ipv6Addr::UNSPECIFIED.into()) => icmp.nd_target(),
            136 => icmp.nd_target(),
            _ => None,
        });
        let source = match packet.src_ip() {
            Some(IpAddr::V6(ip)) => Some(ip),
            _ => None,
        };
        for ip in [source, told].into_iter().flatten() {
            if !ip.is_unspecified() && !ip.is_multicast() && learnt.ipv6.len() < MOST {
                learnt.ipv6.insert(ip);
            }
        }
    }
}

/// Frames in which the board tells of itself.
pub(super) fn telling() -> Pattern {
    let icmpv6 = Pattern::from_board().ipv6().icmp();
    icmpv6.or(Pattern::from_board().arp())
}

/// Listens until the cable ends.
pub(super) async fn listen(notes: Arc<Notes>, mut tap: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = tap.recv().await {
        notes.take(&frame);
    }
}
