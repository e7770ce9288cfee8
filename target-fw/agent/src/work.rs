//! What operations work on: the IUT, the table of objects, the lanes, the buffer.

use nsapi::Iut;
use nsapi_protocol::Kind;
use nsapi_protocol::message::Scope;

use crate::Counters;
use crate::handles::{Entry, Handles};
use crate::interface::{Listeners, Record};
use crate::lane::{Effect, Lane};
use crate::limits::COUNTERS;
use crate::scratch::Scratch;

/// See the module.
#[derive(Debug)]
pub(crate) struct Work<'m, I: Iut + ?Sized + 'static> {
    pub(crate) iut: &'static I,
    pub(crate) counters: &'static Counters,
    pub(crate) handles: &'m mut Handles,
    pub(crate) lanes: &'m mut [Option<Lane>],
    pub(crate) scratch: &'m mut Scratch,
    /// Scope that each counter belongs to.
    pub(crate) counter_scopes: [Option<Scope>; COUNTERS],
    /// Counters that listen to the interface.
    pub(crate) listeners: Listeners,
    /// What the interface has told the agent.
    pub(crate) record: &'m mut Record,
}

impl<I: Iut + ?Sized> Work<'_, I> {
    /// Enters what a finished lane has changed; `scope` is the lane's.
    pub(crate) fn apply(&mut self, effect: Effect, scope: Option<Scope>) {
        match effect {
            Effect::Nothing => {}
            Effect::Open(id, open) => self.handles.set_open(id, open),
            Effect::Accepted(handle, id) => {
                let (kind, scope) = (Kind::Tcp, scope.unwrap_or_default());
                let entry = Entry {
                    handle,
                    scope,
                    kind,
                    id,
                    counter: None,
                    open: true,
                };
                // Its place was kept when the accept began.
                if self.handles.insert(entry).is_err() {
                    self.iut.socket_delete(id);
                }
            }
        }
    }

    /// Ends a scope, or all of them: gives up its calls, deletes its objects, zeroes its counters. Returns
    /// how many objects were open and how many calls in flight.
    pub(crate) fn end_scope(&mut self, scope: Option<Scope>) -> (u16, u16) {
        let ends = |of: Option<Scope>| scope.is_none() || of == scope;
        let mut calls = 0;
        for place in self.lanes.iter_mut() {
            if let Some(lane) = place.take_if(|lane| ends(lane.scope)).as_mut() {
                lane.cancel(self.iut);
                calls += 1;
            }
        }
        let mut open = 0;
        while let Some(entry) = self.handles.remove_any_of(scope) {
            open += u16::from(entry.open);
            self.iut.sigio(entry.id, None);
            self.iut.socket_delete(entry.id);
        }
        self.remove_listeners(scope);
        for (counter, of) in (0..).zip(&mut self.counter_scopes) {
            if of.is_some() && ends(*of) {
                *of = None;
                self.counters.take(counter);
            }
        }
        (open, calls)
    }
}
