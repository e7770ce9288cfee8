//! The wire: a cable between the board and the host's stack that the runner owns. Cases record, count,
//! expect, bend and inject frames through it; `hil` implements [`Cable`].
//!
//! ```text
//!   board ──────────┐                    ┌────────── host (kernel of a namespace, all fixtures)
//!                   │  rules, recording  │
//!                   └──────[ cable ]─────┘
//!                            │      ▲
//!                       taps ▼      │ injected frames (ghosts, services, cases)
//! ```
//!
//! Who makes a wire starts its services with it, before the board: [`Services::start`] on the cable, inside of a tokio
//! runtime; keeps them as long as the cable, and gives them to cases by `SocketFactory::services`. A board then gets
//! `WirePlan::board_ipv4` by DHCP and a prefix by router advertisement without further ado.
//!
//! Must not: know how frames are carried (packet sockets, emulators), or judge the IUT.

mod craft;
mod describe;
mod dns;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod fake_board;
mod frame;
mod ghost;
mod groups;
mod handle;
mod headers;
mod log;
mod pace;
mod packet;
pub mod passive;
pub mod pattern;
mod rule;
pub mod service;
mod sum;

pub use craft::{Advertised, Craft, IcmpError, MIN_FRAME, Node};
pub use dns::{DNS_PORT, DnsQuery, DnsServer, dns_record};
pub use frame::{End, Fate, Frame, Mac, Origin};
pub use ghost::{Board, Ghost, GhostListener, GhostTcp, Got, Manners, Seg, TcpOptions, Witness};
pub use groups::GroupReport;
pub(crate) use handle::Shared;
pub use handle::{Bend, Wire};
pub use headers::{Arp, Datagram, Flags, Icmp, Segment, protocol};
pub use packet::Packet;
pub use pattern::{any, arp, from_board, icmp, tcp, to_board, udp};
pub use rule::{Action, Applied, Flow, Impairment, Pattern, Rewrite, Rule, RuleId, When};
pub use service::Services;

use core::net::{Ipv4Addr, Ipv6Addr};
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::sync::mpsc;

use crate::rig::BoxFuture;

/// Names and numbers of one wire. Every wire has the same ones: wires never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WirePlan {
    /// MAC address of the host's end.
    pub host_mac: Mac,
    /// Addresses of the host: the first, and another one.
    pub host_ipv4: [Ipv4Addr; 2],
    /// Bits of the network in those.
    pub ipv4_prefix: u8,
    /// Unique local addresses of the host: the first, and another one.
    pub host_ipv6: [Ipv6Addr; 2],
    /// The host's link-local address.
    pub host_link_local: Ipv6Addr,
    /// What the DHCP service leases to the board.
    pub board_ipv4: Ipv4Addr,
    /// The prefix that the router advertisement service announces (64 bits of it count).
    pub ipv6_prefix: Ipv6Addr,
}

impl WirePlan {
    /// The plan of every wire: IPv4 from the documentation range (RFC 5737), IPv6 unique local (RFC 4193).
    pub const STANDARD: Self = Self {
        host_mac: Mac([0x02, 0x68, 0x69, 0x6c, 0x00, 0x01]),
        host_ipv4: [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)],
        ipv4_prefix: 24,
        host_ipv6: [
            Ipv6Addr::new(0xfd68, 0x696c, 0, 1, 0, 0, 0, 1),
            Ipv6Addr::new(0xfd68, 0x696c, 0, 1, 0, 0, 0, 2),
        ],
        host_link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0x0068, 0x69ff, 0xfe6c, 0x0001),
        board_ipv4: Ipv4Addr::new(192, 0, 2, 15),
        ipv6_prefix: Ipv6Addr::new(0xfd68, 0x696c, 0, 1, 0, 0, 0, 0),
    };

    /// Hosts 100 to 227 of the IPv4 network belong to ghosts: `n` modulo 128 picks one. The kernel owns none of
    /// them, so it answers for none.
    #[must_use]
    pub const fn ghost_ipv4(n: u8) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, 100 + n % 128)
    }

    /// The unique local address of ghost `n`.
    #[must_use]
    pub const fn ghost_ipv6(n: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd68, 0x696c, 0, 1, 0, 0, 1, n as u16)
    }

    /// The MAC address of ghost `n`.
    #[must_use]
    pub const fn ghost_mac(n: u8) -> Mac {
        Mac([0x02, 0x68, 0x69, 0x6c, 0x01, n])
    }
}

/// The cable of one board. All calls return at once; frames keep the order in which they are put on it.
pub trait Cable: Send + Sync {
    /// Its addresses.
    fn plan(&self) -> WirePlan;

    /// Puts a crafted frame (Ethernet, without FCS) on the cable towards `to`. It is recorded as injected, and
    /// goes past rules, impairment and a cut.
    fn inject(&self, to: End, frame: Vec<u8>);

    /// Every frame that `pattern` matches from now on, as its sender put it on the cable, with what became of
    /// it. Injected frames are among them. Ends when dropped.
    fn tap(&self, pattern: Pattern) -> mpsc::UnboundedReceiver<Frame>;

    /// Adds a rule at the end of the list; of those that match a frame the first decides.
    fn add_rule(&self, rule: Rule) -> RuleId;

    /// Removes a rule. Frames that it holds go on their way, in order. Unknown ids are ignored.
    fn remove_rule(&self, id: RuleId);

    /// Lets go what a [`Action::Hold`] rule holds, in order; the rule stays and holds what comes.
    fn release(&self, id: RuleId);

    /// How often a rule has matched and what it did so far.
    fn applied(&self, id: RuleId) -> Applied;

    /// Random impairment of everything the two ends send; `None` ends it.
    fn impair(&self, impairment: Option<Impairment>);

    /// Pulls the plug or puts it back: no frame of either end passes, and the board's PHY sees no link where the
    /// board has one that can be told.
    fn set_link(&self, up: bool) -> BoxFuture<'_, io::Result<()>>;

    /// Begins a case: counts and the case's own record start anew; `case` becomes a comment of the recording.
    /// Rules, impairment and a cut of an earlier case end.
    fn begin_case(&self, case: &str);

    /// All frames since [`Self::begin_case`], with what became of them. Bounded: a case that moves more than a few
    /// ten megabytes loses the oldest, and `true` says so.
    fn frames(&self) -> (Vec<Frame>, bool);

    /// The wall clock at which frames' times are 0.
    fn began(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    /// The file that gets every frame, if there is one.
    fn recording(&self) -> Option<PathBuf> {
        None
    }

    /// What the cable itself did wrong since [`Self::begin_case`], if that makes what was seen worthless: frames that
    /// only the rig has lost, an end of it that is gone.
    fn spoiled(&self) -> Option<&'static str> {
        None
    }

    /// What went wrong with the cable itself since this was asked last, in words. Says nothing about the IUT.
    fn troubles(&self) -> Vec<String> {
        Vec::new()
    }

    /// Makes the host's kernel forget what it learnt about neighbours.
    fn flush_neighbours(&self) -> io::Result<()>;
}
