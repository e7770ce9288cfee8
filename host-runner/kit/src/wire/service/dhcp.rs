//! The DHCP server on the cable (RFC 2131): answers by its script, keeps a ledger of what it saw.

use core::fmt;
use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, watch};

use super::dhcp_script::{Answer, DhcpKind, DhcpSeen, Form, Lease};
use crate::ctx::State;
use crate::outcome::here;
use crate::wire::craft::{Craft, Node};
use crate::wire::{Cable, End, Frame, Mac, Pattern, WirePlan};
use crate::{Stop, text};

/// Messages that the ledger keeps; a client that says more is in a storm, and its number counts on.
const MOST: usize = 4096;

/// What the server is told to do.
struct Script {
    offer: Answer,
    ack: Answer,
    once: VecDeque<(DhcpKind, Answer)>,
    reachable: bool,
}

impl Script {
    fn standard(plan: &WirePlan) -> Self {
        let lease = Lease::standard(plan);
        Self {
            offer: Answer::Lease(lease.clone()),
            ack: Answer::Lease(lease),
            once: VecDeque::new(),
            reachable: true,
        }
    }

    fn answer(&mut self, kind: DhcpKind) -> Answer {
        if let Some(at) = self.once.iter().position(|(it, _)| *it == kind)
            && let Some((_, answer)) = self.once.remove(at)
        {
            return answer;
        }
        match kind {
            DhcpKind::Discover => self.offer.clone(),
            DhcpKind::Request | DhcpKind::Inform => self.ack.clone(),
            DhcpKind::Decline | DhcpKind::Release => Answer::Silence,
        }
    }
}

/// The server itself.
pub(in crate::wire) struct Server {
    cable: Arc<dyn Cable>,
    plan: WirePlan,
    node: Node,
    script: Mutex<Script>,
    seen: watch::Sender<Vec<DhcpSeen>>,
}

impl Server {
    pub(super) fn new(cable: Arc<dyn Cable>, plan: WirePlan) -> Arc<Self> {
        Arc::new(Self {
            cable,
            plan,
            node: Node::new(WirePlan::ghost_mac(0), WirePlan::ghost_ipv4(0)),
            script: Mutex::new(Script::standard(&plan)),
            seen: watch::Sender::default(),
        })
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reset(&self) {
        *self.script() = Script::standard(&self.plan);
        self.seen.send_modify(Vec::clear);
    }

    fn take(&self, frame: &Frame) {
        let packet = frame.packet();
        if let Some(arp) = packet.arp() {
            if self.script().reachable {
                let asker = Node::new(arp.sender_mac, arp.sender_ip);
                self.cable
                    .inject(End::Board, Craft::is_at(self.node, asker).bytes());
            }
            return;
        }
        let Some(seen) = DhcpSeen::read(frame) else {
            return;
        };
        let answer = self.script().answer(seen.kind);
        let leased = answer.address().unwrap_or(self.plan.board_ipv4);
        let messages = answer.messages(&seen, WirePlan::ghost_ipv4(0));
        // What was seen is on record before the client can react to the answer.
        self.seen.send_modify(|all| {
            if all.len() < MOST {
                all.push(seen.clone());
            }
        });
        for (message, form) in messages {
            self.send(&seen, message, form, leased);
        }
    }

    fn send(&self, seen: &DhcpSeen, message: Vec<u8>, form: Form, leased: Ipv4Addr) {
        let everybody = Node::broadcast(Ipv4Addr::BROADCAST);
        let to = match form {
            Form::Broadcast => everybody,
            Form::AsAsked if !seen.ciaddr.is_unspecified() => Node::new(seen.chaddr, seen.ciaddr),
            Form::AsAsked if seen.broadcast => everybody,
            Form::AsAsked | Form::Unicast => Node::new(seen.chaddr, leased),
        };
        let frame = Craft::udp(self.node, 67, to, 68, message);
        self.cable.inject(End::Board, frame.bytes());
    }
}

/// What the server must hear: clients, and who asks for its hardware address.
pub(super) fn asked() -> Pattern {
    let server = WirePlan::ghost_ipv4(0);
    Pattern::from_board()
        .udp()
        .dst_port(67)
        .or(Pattern::from_board().asks_for(server))
}

/// Serves until the cable ends.
pub(super) async fn serve(server: Arc<Server>, mut tap: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = tap.recv().await {
        // Only what arrives is answered.
        if frame.delivered().is_some() {
            server.take(&frame);
        }
    }
}

/// The DHCP server as a case scripts it. Ends being scripted when the case does.
pub struct Dhcp {
    state: Arc<State>,
    server: Arc<Server>,
    cursor: Mutex<usize>,
}

impl fmt::Debug for Dhcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dhcp")
            .field("seen", &self.seen())
            .finish_non_exhaustive()
    }
}

impl Dhcp {
    pub(super) fn new(state: &Arc<State>, server: Arc<Server>) -> Self {
        let cursor = Mutex::new(server.seen.borrow().len());
        Self {
            state: Arc::clone(state),
            server,
            cursor,
        }
    }

    fn say(&self, what: impl fmt::Display) {
        self.state.steps.say(format!("host: dhcp {what}"));
    }

    /// The lease that a board gets if nobody scripts anything, to be changed.
    #[must_use]
    pub fn standard_lease(&self) -> Lease {
        Lease::standard(&self.server.plan)
    }

    /// The server's own address and hardware address: a host of its own, not the kernel.
    #[must_use]
    pub fn node(&self) -> Node {
        self.server.node
    }

    /// From now on clients get this lease, to DISCOVER and to REQUEST.
    pub fn lease(&self, lease: Lease) {
        self.offers(Answer::Lease(lease.clone()));
        self.acknowledges(Answer::Lease(lease));
    }

    /// From now on no message is answered; ARP for the server still is.
    pub fn silent(&self) {
        self.offers(Answer::Silence);
        self.acknowledges(Answer::Silence);
    }

    /// What every DISCOVER gets from now on.
    pub fn offers(&self, answer: Answer) {
        self.say(format_args!("answers DISCOVER by {answer:?}"));
        self.server.script().offer = answer;
    }

    /// What every REQUEST (and INFORM) gets from now on.
    pub fn acknowledges(&self, answer: Answer) {
        self.say(format_args!("answers REQUEST by {answer:?}"));
        self.server.script().ack = answer;
    }

    /// What the next message of this kind gets; after it everything is as before. Several queue up.
    pub fn next(&self, kind: DhcpKind, answer: Answer) {
        self.say(format_args!("answers the next {kind:?} by {answer:?}"));
        self.server.script().once.push_back((kind, answer));
    }

    /// Whether the server answers ARP requests for its address.
    pub fn reachable(&self, reachable: bool) {
        self.say(if reachable {
            "answers ARP"
        } else {
            "answers no ARP"
        });
        self.server.script().reachable = reachable;
    }

    /// Sends a message (UDP payload) that nobody asked for, from the server to `to`.
    pub fn send(&self, to: Node, message: impl Into<Vec<u8>>) {
        let frame = Craft::udp(self.server.node, 67, to, 68, message);
        self.say(format_args!("sends {frame:?}"));
        self.server.cable.inject(End::Board, frame.bytes());
    }

    /// The message that `answer` makes of `seen`, to be sent from elsewhere or spoiled by hand.
    #[must_use]
    pub fn compose(&self, answer: &Answer, seen: &DhcpSeen) -> Vec<Vec<u8>> {
        let messages = answer.messages(seen, WirePlan::ghost_ipv4(0));
        messages.into_iter().map(|(message, _)| message).collect()
    }

    /// What clients have said since the case began.
    #[must_use]
    pub fn seen(&self) -> Vec<DhcpSeen> {
        self.server.seen.borrow().clone()
    }

    /// Requires a message of this kind, of those not yet looked at by this handle, within this time (stretched on
    /// slow boards).
    ///
    /// # Errors
    /// A violation `…/dhcp` if none comes.
    #[track_caller]
    pub fn expect(
        &self,
        kind: DhcpKind,
        within: Duration,
    ) -> impl Future<Output = Result<DhcpSeen, Stop>> {
        here(async move {
            self.expect_that(&format!("a {kind:?}"), within, |seen| seen.kind == kind)
                .await
        })
    }

    /// The same for any condition; `words` say what it is.
    ///
    /// # Errors
    /// A violation `…/dhcp` if none comes.
    #[track_caller]
    pub fn expect_that(
        &self,
        words: &str,
        within: Duration,
        holds: impl Fn(&DhcpSeen) -> bool,
    ) -> impl Future<Output = Result<DhcpSeen, Stop>> {
        here(async move {
            let patience = within.mul_f64(self.state.scale);
            let from = *self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
            let find = |all: &Vec<DhcpSeen>| {
                let rest = all.get(from..).unwrap_or_default();
                rest.iter().position(&holds).map(|at| from + at)
            };
            let mut watch = self.server.seen.subscribe();
            let came = watch.wait_for(|all| find(all).is_some());
            // The guard of the watch must be gone before the ledger is touched again.
            let came = tokio::time::timeout(patience, came)
                .await
                .is_ok_and(|came| came.is_ok());
            let all = self.seen();
            match find(&all) {
                Some(at) => {
                    *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = at + 1;
                    self.say(format_args!("sees {:?}", all[at]));
                    Ok(all[at].clone())
                }
                None => {
                    debug_assert!(!came, "what came is there");
                    let observed = match all.get(from..).unwrap_or_default() {
                        [] => "no message of the client".into(),
                        rest => format!("{rest:?}"),
                    };
                    let call = format!("dhcp waits {} for {words}", text::duration(patience));
                    let violation = self.state.in_vain(patience, "dhcp", &call, words, observed);
                    Err(violation.into())
                }
            }
        })
    }

    /// The hardware address of the server.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.server.node.mac
    }
}
