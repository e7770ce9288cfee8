//! The network interface of the IUT as a case uses it: every operation of the API, on the other side of the link.
//!
//! A case that changes the interface need not put it back: after the case the runner does, and waits until it is
//! up again. Such a case must run alone on its board. Must not: judge, except where a method says `requires`.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use nsapi::interface::Status;
use nsapi::{IpAddress, SocketAddress};
use nsapi_protocol::Op;
use nsapi_protocol::message::{InterfaceEvent, Property};

use crate::call::Call;
use crate::counter::{Counter, millis};
use crate::ctx::{State, call};
use crate::expect::Answered;
use crate::outcome::here;
use crate::{Stop, Trouble, text};

/// All there are.
const STATUSES: [Status; 4] = [
    Status::LocalUp,
    Status::GlobalUp,
    Status::Disconnected,
    Status::Connecting,
];

/// The network interface of the IUT.
#[derive(Clone, Debug)]
pub struct Interface {
    state: Arc<State>,
}

/// What the interface told the agent's own listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// How many there were since the record was cleared.
    pub total: u32,
    /// The newest of them, oldest first; all, if there were at most 32.
    pub newest: Vec<InterfaceEvent>,
}

impl Events {
    /// The statuses that were told, consecutive repetitions once (contract §10 allows them).
    #[must_use]
    pub fn statuses(&self) -> Vec<Status> {
        let changes = self
            .newest
            .iter()
            .filter(|it| it.event == nsapi::interface::CONNECTION_STATUS_CHANGE);
        let mut statuses: Vec<Status> = changes.filter_map(|it| status(it.value)).collect();
        statuses.dedup();
        statuses
    }
}

/// The status with this number.
#[must_use]
pub fn status(number: i32) -> Option<Status> {
    STATUSES
        .into_iter()
        .find(|status| i32::from(*status as u8) == number)
}

impl Interface {
    pub(crate) fn new(state: &Arc<State>) -> Self {
        Self {
            state: Arc::clone(state),
        }
    }

    fn get(&self, what: Property) -> Call<'static> {
        call(&self.state, Op::InterfaceGet { what }, |answer| answer)
    }

    /// A call after which the interface has to be put back.
    fn change<'a>(&self, op: Op<'a>) -> Call<'a> {
        self.state.interface_changed.store(true, Ordering::Relaxed);
        call(&self.state, op, |answer| answer)
    }

    /// Goes up: in blocking mode (the default) waits until it is, or has failed.
    #[must_use]
    pub fn connect(&self) -> Call<'static> {
        let scope = self.state.scope;
        self.change(Op::InterfaceConnect { scope })
    }

    /// Goes down, likewise.
    #[must_use]
    pub fn disconnect(&self) -> Call<'static> {
        let scope = self.state.scope;
        self.change(Op::InterfaceDisconnect { scope })
    }

    /// Whether connect and disconnect wait until they are done.
    #[must_use]
    pub fn set_blocking(&self, blocking: bool) -> Call<'static> {
        self.change(Op::InterfaceSetBlocking { blocking })
    }

    /// The status ([`crate::StatusIs`]).
    #[must_use]
    pub fn status(&self) -> Call<'static> {
        call(&self.state, Op::InterfaceStatus, |answer| answer)
    }

    /// Own address ([`Answered::address`]), port 0.
    #[must_use]
    pub fn ip_address(&self) -> Call<'static> {
        self.get(Property::Address)
    }

    /// Network mask.
    #[must_use]
    pub fn netmask(&self) -> Call<'static> {
        self.get(Property::Netmask)
    }

    /// Gateway.
    #[must_use]
    pub fn gateway(&self) -> Call<'static> {
        self.get(Property::Gateway)
    }

    /// Own link-local IPv6 address.
    #[must_use]
    pub fn link_local(&self) -> Call<'static> {
        self.get(Property::LinkLocal)
    }

    /// Own global IPv6 address, which the API does not tell: where the host reaches the board.
    #[must_use]
    pub fn ipv6_address(&self) -> Call<'static> {
        self.get(Property::Ipv6Address)
    }

    /// Hardware address: its bytes ([`Answered::data`]), or [`crate::Null`].
    #[must_use]
    pub fn mac(&self) -> Call<'static> {
        self.get(Property::Mac)
    }

    /// Host name: its bytes, or [`crate::Null`].
    #[must_use]
    pub fn hostname(&self) -> Call<'static> {
        self.get(Property::Hostname)
    }

    /// The interface's own name: its bytes, or [`crate::Null`].
    #[must_use]
    pub fn name(&self) -> Call<'static> {
        self.get(Property::Name)
    }

    /// Fixed addresses for the next connect; ports are not looked at.
    #[must_use]
    pub fn set_network(
        &self,
        ip: IpAddress,
        netmask: IpAddress,
        gateway: IpAddress,
    ) -> Call<'static> {
        let address = |ip| SocketAddress::new(ip, 0).into();
        self.change(Op::InterfaceSetNetwork {
            ip: address(ip),
            netmask: address(netmask),
            gateway: address(gateway),
        })
    }

    /// DHCP on or off.
    #[must_use]
    pub fn set_dhcp(&self, on: bool) -> Call<'static> {
        self.change(Op::InterfaceSetDhcp { on })
    }

    /// Changes the hardware address; any number of bytes is passed on.
    #[must_use]
    pub fn set_mac<'a>(&self, mac: &'a [u8]) -> Call<'a> {
        self.change(Op::InterfaceSetMac { mac })
    }

    /// Changes the host name.
    #[must_use]
    pub fn set_hostname<'a>(&self, name: &'a str) -> Call<'a> {
        self.change(Op::InterfaceSetHostname { name })
    }

    /// Makes it the default interface.
    #[must_use]
    pub fn set_as_default(&self) -> Call<'static> {
        self.change(Op::InterfaceSetAsDefault)
    }

    fn listen(&self, counter: &Counter, add: bool) -> Call<'static> {
        let (scope, counter) = (self.state.scope, counter.index);
        self.change(Op::InterfaceListener {
            scope,
            counter,
            add,
        })
    }

    /// Adds `counter` as an event listener, at zero unless it is one already.
    #[must_use]
    pub fn add_listener(&self, counter: &Counter) -> Call<'static> {
        self.listen(counter, true)
    }

    /// Removes `counter` from the event listeners.
    #[must_use]
    pub fn remove_listener(&self, counter: &Counter) -> Call<'static> {
        self.listen(counter, false)
    }

    /// Attaches `counter` as the one callback, at zero.
    #[must_use]
    pub fn attach(&self, counter: &Counter) -> Call<'static> {
        let (scope, counter) = (self.state.scope, Some(counter.index));
        self.change(Op::InterfaceAttach { scope, counter })
    }

    /// Attaches null.
    #[must_use]
    pub fn detach(&self) -> Call<'static> {
        let scope = self.state.scope;
        let counter = None;
        self.change(Op::InterfaceAttach { scope, counter })
    }

    /// What the interface has told the agent's own listener since the record was cleared.
    pub async fn events(&self) -> Result<Events, Trouble> {
        self.record(false).await
    }

    /// The same, and clears the record. A case does this before what it wants to see.
    pub async fn take_events(&self) -> Result<Events, Trouble> {
        self.record(true).await
    }

    async fn record(&self, clear: bool) -> Result<Events, Trouble> {
        let answer = self.state.call(Op::InterfaceEvents { clear }).await?;
        let events = Events {
            total: u32::try_from(answer.code()).unwrap_or(0),
            newest: InterfaceEvent::all(answer.data()).collect(),
        };
        let told = events.newest.iter().map(|it| (it.event, it.value));
        self.state
            .steps
            .say(format!("interface events: {:?}", told.collect::<Vec<_>>()));
        Ok(events)
    }

    /// Waits until the status is one of these, at most for `limit`; whatever it is then.
    pub async fn wait(&self, statuses: &[Status], limit: Duration) -> Result<Answered, Trouble> {
        let statuses = statuses.iter().fold(0, |set, it| set | 1 << *it as u8);
        self.state
            .call(Op::AwaitStatus {
                scope: self.state.scope,
                statuses,
                timeout_ms: millis(limit.mul_f64(self.state.scale)),
            })
            .await
    }

    /// Requires the status to become `wanted` within `limit`.
    #[track_caller]
    pub fn becomes(
        &self,
        wanted: Status,
        limit: Duration,
    ) -> impl Future<Output = Result<(), Stop>> {
        here(async move { self.one_of(&[wanted], limit).await })
    }

    /// Requires the status to become another than `from` within `limit`.
    #[track_caller]
    pub fn leaves(&self, from: Status, limit: Duration) -> impl Future<Output = Result<(), Stop>> {
        here(async move {
            let others: Vec<Status> = STATUSES.into_iter().filter(|it| *it != from).collect();
            self.one_of(&others, limit).await
        })
    }

    async fn one_of(&self, statuses: &[Status], limit: Duration) -> Result<(), Stop> {
        let answer = self.wait(statuses, limit).await?;
        if status(answer.code()).is_some_and(|now| statuses.contains(&now)) {
            return Ok(());
        }
        let names: Vec<String> = statuses.iter().map(|it| text::status(*it as i32)).collect();
        let waited = limit.mul_f64(self.state.scale);
        let expected = format!("{} within {}", names.join(" or "), text::duration(waited));
        let observed = text::status(answer.code());
        Err(self
            .state
            .in_vain(waited, "status", &answer.call, expected, observed)
            .into())
    }

    /// Waits until the interface is up for the first time in this session. What comes of it is not judged here:
    /// a case that needs the interface will say so.
    pub(crate) async fn first_up(state: &State, limit: Duration) {
        if !state.dut.interface_is_new() {
            return;
        }
        let timeout_ms = millis(limit);
        let op = Op::InterfaceUp { timeout_ms };
        let deadline = std::time::Instant::now() + limit;
        match state.dut.call(op, deadline).await {
            Ok(response) if response.returned.code() == 0 => {}
            Ok(response) => {
                let observed = text::returned(&response.returned);
                state
                    .steps
                    .say(format!("the interface does not come up: {observed}"));
            }
            Err(trouble) => state
                .steps
                .say(format!("the interface does not come up: {trouble}")),
        }
    }

    /// Waits until the interface is up with its defaults again, as the runner does after a case that changed it.
    pub(crate) async fn restore(state: &Arc<State>, limit: Duration) -> Result<(), Trouble> {
        let timeout_ms = millis(limit);
        let deadline = std::time::Instant::now() + limit;
        let response = state
            .dut
            .call(Op::InterfaceReset { timeout_ms }, deadline)
            .await?;
        let answer = Answered {
            state: Arc::clone(state),
            call: "reset on the interface".into(),
            returned: response.returned,
            elapsed: response.elapsed,
        };
        if answer.code() == 0 {
            return Ok(());
        }
        let observed = text::returned(&answer.returned);
        Err(Trouble::Lan(format!(
            "the interface does not come up again with its defaults: {observed}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use nsapi_protocol::{Answer, Op};

    use super::*;
    use crate::fake::{Does, agent, context_with, greeted, usual};
    use crate::{Done, Null, StatusIs};

    fn scripted(op: &Op<'_>) -> Does {
        let mut two = Vec::new();
        for value in [3, 3, 1] {
            let event = InterfaceEvent {
                event: 0,
                value,
                at_ms: 5,
            };
            two.extend(event.to_bytes());
        }
        Does::Answers(match op {
            Op::InterfaceStatus => Answer::Code(1),
            Op::InterfaceGet {
                what: Property::Mac,
            } => Answer::Bytes {
                code: 6,
                data: &[2, 0, 0, 0, 0, 1],
            },
            Op::InterfaceGet {
                what: Property::Hostname,
            } => Answer::Bytes {
                code: -1,
                data: &[],
            },
            Op::InterfaceEvents { .. } => Answer::Bytes {
                code: 3,
                data: two.leak(),
            },
            Op::AwaitStatus { .. } => Answer::Code(3),
            Op::InterfaceReset { .. } => Answer::Peer {
                code: -3019,
                peer: None,
            },
            op => return usual(op),
        })
    }

    #[tokio::test]
    async fn answers_are_those_of_the_agent() {
        let (dut, identity) = greeted(agent(scripted)).await.unwrap();
        let cx = context_with(dut, identity);
        let interface = cx.interface();
        interface
            .status()
            .await
            .unwrap()
            .expect(StatusIs(Status::GlobalUp))
            .unwrap();
        let wrong = interface.status().await.unwrap();
        let wrong = wrong.expect(StatusIs(Status::Disconnected)).unwrap_err();
        assert_eq!(wrong.observed, "GLOBAL_UP");
        assert_eq!(
            interface.mac().await.unwrap().data(),
            [2, 0, 0, 0, 0, 1],
            "the bytes"
        );
        interface.hostname().await.unwrap().expect(Null).unwrap();
        let wrong = interface.hostname().await.unwrap().expect(Done);
        assert_eq!(wrong.unwrap_err().observed, "null");
        let events = interface.events().await.unwrap();
        assert_eq!((events.total, events.newest.len()), (3, 3));
        assert_eq!(events.statuses(), [Status::Connecting, Status::GlobalUp]);
        let ms = Duration::from_millis(50);
        interface.becomes(Status::Connecting, ms).await.unwrap();
        interface.leaves(Status::GlobalUp, ms).await.unwrap();
        let Err(Stop::Violation(violation)) = interface.becomes(Status::GlobalUp, ms).await else {
            panic!("it is still connecting");
        };
        assert_eq!(violation.expected, "GLOBAL_UP within 50 ms");
        assert_eq!(violation.observed, "CONNECTING");
        assert_eq!(violation.slack, Some(ms));
    }

    #[tokio::test]
    async fn only_changes_have_to_be_undone() {
        let (dut, identity) = greeted(agent(scripted)).await.unwrap();
        let cx = context_with(dut, identity);
        let interface = cx.interface();
        let changed = || cx.state.interface_changed.load(Ordering::Relaxed);
        interface.status().await.unwrap();
        interface.events().await.unwrap();
        assert!(!changed());
        let none = IpAddress::Unspec;
        let answer = interface.set_network(none, none, none).await.unwrap();
        assert_eq!(answer.call, "set_network(*, *, *) on the interface");
        assert!(changed());
        let error = Interface::restore(&cx.state, Duration::from_secs(1)).await;
        assert!(error.unwrap_err().to_string().contains("TIMEOUT"));
    }
}
