//! Rules about frames one after the other: floods of questions, everything twice.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::{PassiveViolation, View};
use crate::wire::Fate;

/// Time in which one question for an address may be asked, and be asked again because something began anew, but not
/// three times (RFC 1122 §2.3.2.1, RFC 4861 §7.2.2). Less than the two seconds it takes by the rule: timers differ.
const QUESTIONS_IN: Duration = Duration::from_millis(1000);
/// Pairs of equal frames that make a habit.
const PAIRS: usize = 3;

pub(super) fn check(views: &[View<'_>]) -> Vec<PassiveViolation> {
    let mut broken = questions(views);
    broken.extend(twice(views));
    broken
}

/// Whom a frame asks for: ARP request or multicast solicitation on one's own behalf, not a probe or announcement.
fn question(view: &View<'_>) -> Option<IpAddr> {
    let packet = &view.packet;
    if let Some(arp) = packet.arp() {
        let own = arp.sender_ip.is_unspecified() || arp.sender_ip == arp.target_ip;
        return (arp.operation == 1 && !own && packet.destination().is_group())
            .then(|| arp.target_ip.into());
    }
    let icmp = packet.icmp().filter(|icmp| icmp.kind == 135)?;
    let own = packet.src_ip().is_none_or(|ip| ip.is_unspecified());
    (!own && packet.destination().is_group())
        .then(|| icmp.nd_target())?
        .map(IpAddr::from)
}

/// Of whom a frame to the board tells the hardware address.
fn told(view: &View<'_>) -> Option<IpAddr> {
    if let Some(arp) = view.packet.arp() {
        return Some(arp.sender_ip.into());
    }
    let icmp = view.packet.icmp().filter(|icmp| icmp.kind == 136)?;
    icmp.nd_target().map(IpAddr::from)
}

/// ARP-W-10, ND-W-08: an unanswered question is repeated once a second.
fn questions(views: &[View<'_>]) -> Vec<PassiveViolation> {
    let mut asked: BTreeMap<IpAddr, Vec<Duration>> = BTreeMap::new();
    let mut broken = Vec::new();
    for view in views {
        if !view.is_board() {
            // An answer ends it; what is asked afterwards has reasons of its own.
            if let Some(ip) = told(view) {
                asked.remove(&ip);
            }
            continue;
        }
        let Some(ip) = question(view) else { continue };
        let times = asked.entry(ip).or_default();
        times.push(view.frame.at);
        if let [.., first, _, last] = times[..]
            && last - first < QUESTIONS_IN
        {
            let observed = format!("three within {:?}", last - first);
            broken.push(view.breaks(
                "question-rate",
                format!("one question for {ip} per second"),
                observed,
            ));
        }
    }
    broken
}

/// DRV-W-10: a driver that sends every frame twice. What an application says twice is not meant: only if all frames of
/// the board come in pairs, and of different kinds.
fn twice(views: &[View<'_>]) -> Option<PassiveViolation> {
    let board: Vec<_> = views.iter().filter(|view| view.is_board()).collect();
    // The last pair may be cut by the end of the case.
    let pairs = board.chunks_exact(2);
    let kinds: BTreeSet<_> = pairs.clone().map(|pair| &pair[0].frame.bytes).collect();
    let all = pairs
        .clone()
        .all(|pair| pair[0].frame.bytes == pair[1].frame.bytes);
    let sent = board
        .iter()
        .all(|view| !matches!(view.frame.fate, Fate::Held));
    let second = board
        .get(1)
        .filter(|_| all && sent && kinds.len() >= PAIRS)?;
    let observed = format!("all of {} frames come in equal pairs", board.len());
    Some(second.breaks("twice", "every frame once", observed))
}
