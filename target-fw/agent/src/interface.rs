//! The network interface: its operations, who listens to it, what it has told, and the way back to its
//! defaults.
//!
//! Must not: decide what an interface has to answer.

use nsapi::interface::{CONNECTION_STATUS_CHANGE, HOSTNAME, NetworkInterface, Status};
use nsapi::{Call, Error, Iut};
use nsapi_protocol::Answer;
use nsapi_protocol::message::{InterfaceEvent, Op, Property, RECORDED_EVENTS, Scope};

use crate::dispatch::{Checked, Dispatch, answer, check_counter, wait};
use crate::lane::{Effect, Progress, Task, code, peer, to_code};
use crate::limits::COUNTERS;
use crate::work::Work;

/// Bytes of a hardware address.
const MAC: usize = 6;

/// Counters that listen to the interface, each with the scope it does so for.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    added: [Option<Scope>; COUNTERS],
    attached: Option<Scope>,
    /// The runner has changed the interface since it was last at its defaults.
    changed: bool,
}

/// What the interface has told the agent's own listener.
#[derive(Debug)]
pub(crate) struct Record {
    newest: heapless::Deque<InterfaceEvent, RECORDED_EVENTS>,
    total: u32,
}

impl Record {
    pub(crate) const fn new() -> Self {
        Self {
            newest: heapless::Deque::new(),
            total: 0,
        }
    }

    fn add(&mut self, event: InterfaceEvent) {
        if self.newest.is_full() {
            self.newest.pop_front();
        }
        // There is room.
        let _ = self.newest.push_back(event);
        self.total = self.total.saturating_add(1);
    }

    fn clear(&mut self) {
        self.newest.clear();
        self.total = 0;
    }
}

/// The way of the interface back to its defaults and up again.
#[derive(Clone, Debug)]
pub(crate) struct Reset {
    pub(crate) until_us: u64,
    /// It refuses to go down, or is down.
    down: bool,
    /// It has been asked to go up.
    started: bool,
}

impl Reset {
    /// Begins it.
    fn begin<I: Iut + ?Sized>(iut: &I, until_us: u64) -> Self {
        // The default; a port that has no such mode stays in the one it has.
        let _ = iut.interface_set_blocking(true);
        Self {
            until_us,
            down: false,
            started: false,
        }
    }

    pub(crate) fn poll<'s, I: Iut + ?Sized>(&mut self, iut: &I, call: &mut Call) -> Progress<'s> {
        // Whatever the answer: an interface that refuses to go down is as far down as it goes.
        self.down = self.down || iut.poll_interface_disconnect(call).is_ready();
        if !self.down {
            if iut.now_us() < self.until_us {
                return Progress::Waiting;
            }
            return Progress::Done(peer(Err(Error::TIMEOUT)), Effect::Nothing);
        }
        if !self.started {
            self.started = true;
            let interface = iut.interface();
            interface.restore_defaults();
            if let Some(error) = hopeless(interface, bring_up(interface)) {
                return Progress::Done(peer(Err(error)), Effect::Nothing);
            }
        }
        interface_up(iut, self.until_us)
    }
}

impl<I: Iut + ?Sized> Work<'_, I> {
    /// Does, or starts, an operation of the interface; `deadline` turns a timeout into a time.
    pub(crate) fn interface_op<'w, 'r>(
        &'w mut self,
        op: &Op<'r>,
        deadline: impl Fn(u32) -> u64,
    ) -> Checked<'w, 'r> {
        let interface = self.iut.interface();
        self.listeners.changed |= changes(op);
        match *op {
            Op::InterfaceUp { timeout_ms } => match hopeless(interface, bring_up(interface)) {
                Some(error) => Ok(Dispatch::Answer(peer(Err(error)))),
                None => {
                    let until_us = deadline(timeout_ms);
                    wait(None, Task::InterfaceUp { until_us })
                }
            },
            Op::InterfaceStatus => answer(status_code(interface)),
            Op::InterfaceAddress => Ok(Dispatch::Answer(peer(interface.get_ip_address()))),
            Op::InterfaceConnect { scope } => wait(Some(scope), Task::InterfaceConnect),
            Op::InterfaceDisconnect { scope } => wait(Some(scope), Task::InterfaceDisconnect),
            Op::InterfaceSetBlocking { blocking } => {
                answer(code(self.iut.interface_set_blocking(blocking)))
            }
            Op::InterfaceGet { what } => Ok(Dispatch::Answer(self.property(what))),
            Op::InterfaceSetNetwork {
                ip,
                netmask,
                gateway,
            } => answer(code(interface.set_network(
                &ip.into(),
                &netmask.into(),
                &gateway.into(),
            ))),
            Op::InterfaceSetDhcp { on } => answer(code(interface.set_dhcp(on))),
            Op::InterfaceSetMac { mac } => answer(code(self.iut.interface_set_mac_address(mac))),
            Op::InterfaceSetHostname { name } => answer(code(interface.set_hostname(name))),
            Op::InterfaceSetAsDefault => {
                interface.set_as_default();
                answer(0)
            }
            Op::InterfaceListener {
                scope,
                counter,
                add,
            } => self.listen(scope, counter, add),
            Op::InterfaceAttach { scope, counter } => self.attach(scope, counter),
            Op::InterfaceEvents { clear } => Ok(Dispatch::Answer(self.events(clear))),
            Op::AwaitStatus {
                scope,
                statuses,
                timeout_ms,
            } => {
                let until_us = deadline(timeout_ms);
                wait(Some(scope), Task::AwaitStatus { statuses, until_us })
            }
            Op::InterfaceReset { timeout_ms } => {
                self.remove_listeners(None);
                self.record.clear();
                self.listeners.changed = false;
                let reset = Reset::begin(self.iut, deadline(timeout_ms));
                wait(None, Task::InterfaceReset(reset))
            }
            // Not of the interface.
            _ => answer(Error::UNSUPPORTED.code()),
        }
    }

    /// For a new session: makes sure that the interface goes up, with its defaults. How it goes is seen by its
    /// status.
    pub(crate) fn renew_interface(&mut self) {
        let interface = self.iut.interface();
        if core::mem::take(&mut self.listeners.changed) {
            let mut reset = Reset::begin(self.iut, 0);
            // An interface that is still going down comes up with the settings it has.
            let _ = reset.poll(self.iut, &mut Call::new());
        }
        if interface.status() != Ok(Status::GlobalUp) {
            let _ = bring_up(interface);
        }
    }

    fn property(&mut self, what: Property) -> Answer<'_> {
        let interface = self.iut.interface();
        let length = match what {
            Property::Address => return peer(interface.get_ip_address()),
            Property::Netmask => return peer(interface.get_netmask()),
            Property::Gateway => return peer(interface.get_gateway()),
            Property::Ipv6Address => return peer(interface.get_ipv6_address()),
            Property::LinkLocal => return peer(interface.get_ipv6_link_local_address()),
            Property::Mac => interface.get_mac_address().map(|mac| {
                self.scratch.blank(MAC).copy_from_slice(&mac);
                MAC
            }),
            Property::Hostname => interface.get_hostname(self.scratch.blank(HOSTNAME)),
            Property::Name => interface.get_interface_name().map(|name| {
                let text = self.scratch.blank(HOSTNAME);
                for (to, from) in text.iter_mut().zip(name.bytes()) {
                    *to = from;
                }
                name.len()
            }),
        };
        match length {
            Some(length) => Answer::Bytes {
                code: i32::try_from(length).unwrap_or(i32::MAX),
                data: self.scratch.received(length.min(HOSTNAME)),
            },
            None => Answer::Bytes {
                code: -1,
                data: &[],
            },
        }
    }

    fn listen<'w, 'r>(&mut self, scope: Scope, counter: u8, add: bool) -> Checked<'w, 'r> {
        check_counter(counter)?;
        let callback = self.counters.callback(counter);
        let interface = self.iut.interface();
        let place = self.listeners.added.get_mut(usize::from(counter));
        if !add {
            if let Some(place) = place {
                *place = None;
            }
            interface.remove_event_listener(callback);
            return answer(0);
        }
        let known = place.as_ref().is_some_and(|place| place.is_some());
        if !known {
            self.counters.take(counter);
        }
        let result = interface.add_event_listener(callback);
        if result.is_ok() {
            if let Some(place) = place {
                *place = Some(scope);
            }
            self.own_counter(scope, counter);
        }
        answer(code(result))
    }

    fn attach<'w, 'r>(&mut self, scope: Scope, counter: Option<u8>) -> Checked<'w, 'r> {
        let callback = match counter {
            Some(counter) => {
                check_counter(counter)?;
                self.counters.take(counter);
                self.own_counter(scope, counter);
                Some(self.counters.callback(counter))
            }
            None => None,
        };
        let result = self.iut.interface_attach(callback);
        self.listeners.attached = counter.filter(|_| result.is_ok()).map(|_| scope);
        answer(code(result))
    }

    /// The counter is zeroed with the scope.
    fn own_counter(&mut self, scope: Scope, counter: u8) {
        if let Some(owner) = self.counter_scopes.get_mut(usize::from(counter)) {
            *owner = Some(scope);
        }
    }

    /// Removes the listeners of a scope, or all that the runner has added.
    pub(crate) fn remove_listeners(&mut self, scope: Option<Scope>) {
        let ends = |of: &mut Scope| scope.is_none_or(|scope| scope == *of);
        for (counter, place) in (0..).zip(&mut self.listeners.added) {
            if place.take_if(ends).is_some() {
                let callback = self.counters.callback(counter);
                self.iut.interface().remove_event_listener(callback);
            }
        }
        if self.listeners.attached.take_if(ends).is_some() {
            // Nothing is attached if this fails.
            let _ = self.iut.interface_attach(None);
        }
    }

    /// Writes down what the interface has told since the last time. `true`: something.
    pub(crate) fn record_events(&mut self) -> bool {
        let told = self.counters.take_told();
        let any = !told.events.is_empty();
        let at_ms = (self.iut.now_us() / 1000) as u32;
        for event in &told.events {
            let (event, value) = event.unwrap_or_else(|| {
                // Told without a value: it is what it is now.
                let status = status_code(self.iut.interface());
                (CONNECTION_STATUS_CHANGE, status)
            });
            self.record.add(InterfaceEvent {
                event,
                value,
                at_ms,
            });
        }
        self.record.total = self.record.total.saturating_add(told.missed);
        any
    }

    fn events(&mut self, clear: bool) -> Answer<'_> {
        self.record_events();
        let total = self.record.total;
        let length = self.record.newest.len() * InterfaceEvent::SIZE;
        let room = self.scratch.blank(length);
        let bytes = self.record.newest.iter().flat_map(|event| event.to_bytes());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = from;
        }
        if clear {
            self.record.clear();
        }
        Answer::Bytes {
            code: to_code(total),
            data: self.scratch.received(length),
        }
    }
}

/// Whether an operation leaves the interface other than it was at start-up.
const fn changes(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::InterfaceDisconnect { .. }
            | Op::InterfaceSetBlocking { .. }
            | Op::InterfaceSetNetwork { .. }
            | Op::InterfaceSetDhcp { .. }
            | Op::InterfaceSetMac { .. }
            | Op::InterfaceSetHostname { .. }
    )
}

/// Starts going up; an earlier attempt that has failed and stands in the way is ended first.
fn bring_up(interface: &dyn NetworkInterface) -> nsapi::Result<()> {
    let result = interface.connect();
    if result == Err(Error::BUSY) && matches!(interface.connect_result(), Some(Err(_))) {
        interface.disconnect()?;
        return interface.connect();
    }
    result
}

/// The error that keeps it from going up, if there is no point in waiting.
fn hopeless(interface: &dyn NetworkInterface, started: nsapi::Result<()>) -> Option<Error> {
    match started {
        Ok(()) | Err(Error::IS_CONNECTED | Error::BUSY) => None,
        Err(_) if interface.status() == Ok(Status::GlobalUp) => None,
        Err(error) => Some(error),
    }
}

fn status_code(interface: &dyn NetworkInterface) -> i32 {
    let status = interface.status();
    status.map_or_else(Error::code, |status| i32::from(status as u8))
}

/// Up, failed, or out of time. An interface that keeps no status is up once it has been started.
pub(crate) fn interface_up<'s, I: Iut + ?Sized>(iut: &I, until_us: u64) -> Progress<'s> {
    let interface = iut.interface();
    let result = match (interface.status(), interface.connect_result()) {
        (Ok(Status::GlobalUp) | Err(Error::UNSUPPORTED), _) => interface.get_ip_address(),
        (_, Some(Err(error))) => Err(error),
        _ if iut.now_us() < until_us => return Progress::Waiting,
        _ => Err(Error::TIMEOUT),
    };
    Progress::Done(peer(result), Effect::Nothing)
}

/// One of the statuses, or out of time.
pub(crate) fn await_status<'s, I: Iut + ?Sized>(
    iut: &I,
    statuses: u8,
    until_us: u64,
) -> Progress<'s> {
    let interface = iut.interface();
    if let Ok(status) = interface.status()
        && statuses & (1 << status as u8) == 0
        && iut.now_us() < until_us
    {
        return Progress::Waiting;
    }
    Progress::Done(Answer::Code(status_code(interface)), Effect::Nothing)
}
