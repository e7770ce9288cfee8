//! The router on the cable (RFC 4861 §6.2): answers router solicitations, advertises when told to.
//!
//! It is the host's kernel by address; nothing is sent periodically.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use crate::ctx::State;
use crate::outcome::here;
use crate::wire::craft::{Craft, Node};
use crate::wire::{Cable, End, Frame, Pattern, WirePlan};
use crate::{Stop, text};

/// All nodes of the link.
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Type of a router solicitation.
const SOLICITATION: u8 = 133;
/// Type of a router advertisement.
const ADVERTISEMENT: u8 = 134;
/// Solicitations that are remembered.
const MOST: usize = 1024;

/// A prefix in an advertisement (RFC 4861 §4.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix.
    pub prefix: Ipv6Addr,
    /// How many bits of it count.
    pub bits: u8,
    /// Its hosts are on this link.
    pub on_link: bool,
    /// Hosts may make themselves an address in it.
    pub autonomous: bool,
    /// Valid for this many seconds; `u32::MAX` is for ever.
    pub valid: u32,
    /// Preferred for this many seconds.
    pub preferred: u32,
}

/// A router advertisement (RFC 4861 §4.2). Begin with [`Advertisement::standard`] and change what matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertisement {
    /// Who advertises; hosts route over it. Its hardware address goes into an option if `with_source`.
    pub from: Node,
    /// Whether the option with the hardware address is there.
    pub with_source: bool,
    /// Default router for this many seconds; 0 for not (any more).
    pub lifetime: u16,
    /// Hop limit that hosts shall use; 0 for unsaid.
    pub hop_limit: u8,
    /// Addresses by DHCPv6 (M) and other things by it (O).
    pub managed: (bool, bool),
    /// Reachable time and retransmission timer in milliseconds; 0 for unsaid.
    pub timers: (u32, u32),
    /// Prefixes.
    pub prefixes: Vec<Prefix>,
    /// MTU of the link (option 5).
    pub mtu: Option<u32>,
    /// More options, as they are.
    pub more: Vec<u8>,
}

impl Advertisement {
    /// What hosts get as long as nobody scripts anything: the prefix of the plan for a day, and the host's kernel as
    /// default router for half an hour.
    #[must_use]
    pub fn standard(plan: &WirePlan) -> Self {
        Self {
            from: Node::new(plan.host_mac, plan.host_link_local),
            with_source: true,
            lifetime: 1800,
            hop_limit: 64,
            managed: (false, false),
            timers: (0, 0),
            prefixes: vec![Prefix {
                prefix: plan.ipv6_prefix,
                bits: 64,
                on_link: true,
                autonomous: true,
                valid: 86_400,
                preferred: 14_400,
            }],
            mtu: None,
            more: Vec::new(),
        }
    }

    /// The same with these lifetimes (valid, preferred; in seconds) for all its prefixes.
    #[must_use]
    pub fn lasting(mut self, valid: u32, preferred: u32) -> Self {
        for prefix in &mut self.prefixes {
            (prefix.valid, prefix.preferred) = (valid, preferred);
        }
        self
    }

    /// The frame that says it, to be spoiled if need be.
    #[must_use]
    pub fn craft(&self, to: Node) -> Craft {
        let mut body = Vec::new();
        body.extend_from_slice(&self.timers.0.to_be_bytes());
        body.extend_from_slice(&self.timers.1.to_be_bytes());
        if self.with_source {
            body.extend_from_slice(&[1, 1]);
            body.extend_from_slice(&self.from.mac.0);
        }
        if let Some(mtu) = self.mtu {
            body.extend_from_slice(&[5, 1, 0, 0]);
            body.extend_from_slice(&mtu.to_be_bytes());
        }
        for prefix in &self.prefixes {
            let flags = u8::from(prefix.on_link) << 7 | u8::from(prefix.autonomous) << 6;
            body.extend_from_slice(&[3, 4, prefix.bits, flags]);
            body.extend_from_slice(&prefix.valid.to_be_bytes());
            body.extend_from_slice(&prefix.preferred.to_be_bytes());
            body.extend_from_slice(&[0; 4]);
            body.extend_from_slice(&prefix.prefix.octets());
        }
        body.extend_from_slice(&self.more);
        let flags = u8::from(self.managed.0) << 7 | u8::from(self.managed.1) << 6;
        let [a, b] = self.lifetime.to_be_bytes();
        let rest = [self.hop_limit, flags, a, b];
        Craft::icmp_message(self.from, to, ADVERTISEMENT, 0, rest, body).ttl(255)
    }
}

struct Script {
    answer: Option<Advertisement>,
    touched: bool,
}

/// The router itself.
pub(in crate::wire) struct Announcer {
    cable: Arc<dyn Cable>,
    plan: WirePlan,
    script: Mutex<Script>,
    solicited: watch::Sender<Vec<Frame>>,
}

impl Announcer {
    pub(super) fn new(cable: Arc<dyn Cable>, plan: WirePlan) -> Arc<Self> {
        let script = Mutex::new(Script {
            answer: Some(Advertisement::standard(&plan)),
            touched: false,
        });
        Arc::new(Self {
            cable,
            plan,
            script,
            solicited: watch::Sender::default(),
        })
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reset(&self) {
        let mut script = self.script();
        let standard = Advertisement::standard(&self.plan);
        if script.touched {
            // Hosts that were told something else learn anew.
            self.send(&standard, Node::group(ALL_NODES));
        }
        *script = Script {
            answer: Some(standard),
            touched: false,
        };
        self.solicited.send_modify(Vec::clear);
    }

    fn send(&self, advertisement: &Advertisement, to: Node) {
        let frame = advertisement.craft(to);
        self.cable.inject(End::Board, frame.bytes());
    }
}

/// What the router must hear.
pub(super) fn asked() -> Pattern {
    Pattern::from_board().icmp_type(true, SOLICITATION, 0)
}

/// Serves until the cable ends.
pub(super) async fn serve(router: Arc<Announcer>, mut tap: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = tap.recv().await {
        if frame.delivered().is_none() {
            continue;
        }
        let answer = router.script().answer.clone();
        router.solicited.send_modify(|all| {
            if all.len() < MOST {
                all.push(frame);
            }
        });
        if let Some(answer) = answer {
            // Everybody is told: the asker may have no address yet (RFC 4861 §6.2.6 allows it).
            router.send(&answer, Node::group(ALL_NODES));
        }
    }
}

/// The router as a case scripts it. Ends being scripted when the case does: then everything is announced as usual
/// again.
pub struct Router {
    state: Arc<State>,
    router: Arc<Announcer>,
    cursor: Mutex<usize>,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router").finish_non_exhaustive()
    }
}

impl Router {
    pub(super) fn new(state: &Arc<State>, router: Arc<Announcer>) -> Self {
        let cursor = Mutex::new(router.solicited.borrow().len());
        Self {
            state: Arc::clone(state),
            router,
            cursor,
        }
    }

    fn say(&self, what: impl fmt::Display) {
        self.state.steps.say(format!("host: router {what}"));
    }

    /// What hosts are told if nobody scripts anything, to be changed.
    #[must_use]
    pub fn standard(&self) -> Advertisement {
        Advertisement::standard(&self.router.plan)
    }

    /// What solicitations get from now on; `None` for no answer.
    pub fn answers(&self, advertisement: Option<Advertisement>) {
        self.say(match &advertisement {
            Some(it) => format!("answers solicitations by {} prefixes", it.prefixes.len()),
            None => "answers no solicitation".into(),
        });
        let mut script = self.router.script();
        script.touched |= advertisement.is_some();
        script.answer = advertisement;
    }

    /// Advertises to all nodes now.
    pub fn advertise(&self, advertisement: &Advertisement) {
        self.say(format_args!("advertises {advertisement:?}"));
        self.router.script().touched = true;
        self.router.send(advertisement, Node::group(ALL_NODES));
    }

    /// Solicitations since the case began.
    #[must_use]
    pub fn solicitations(&self) -> Vec<Frame> {
        self.router.solicited.borrow().clone()
    }

    /// Requires a solicitation, of those not yet looked at by this handle, within this time (stretched on slow boards).
    ///
    /// # Errors
    /// A violation `…/solicitation` if none comes.
    #[track_caller]
    pub fn expect_solicitation(
        &self,
        within: Duration,
    ) -> impl Future<Output = Result<Frame, Stop>> {
        here(async move {
            let patience = within.mul_f64(self.state.scale);
            let from = *self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
            let mut watch = self.router.solicited.subscribe();
            let came = watch.wait_for(|all| all.len() > from);
            let frame = match tokio::time::timeout(patience, came).await {
                Ok(Ok(all)) => all.get(from).cloned(),
                _ => None,
            };
            let Some(frame) = frame else {
                let call = format!("router waits {}", text::duration(patience));
                let expected = "a router solicitation";
                let violation =
                    self.state
                        .in_vain(patience, "solicitation", &call, expected, "none came");
                return Err(violation.into());
            };
            *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = from + 1;
            let source = frame.packet().src_ip();
            let source = source.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
            self.say(format_args!("is solicited by {source}"));
            Ok(frame)
        })
    }
}
