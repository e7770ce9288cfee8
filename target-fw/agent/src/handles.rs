//! The socket objects, by the names the runner gave them.

use nsapi::SocketId;
use nsapi_protocol::Kind;
use nsapi_protocol::message::{Handle, Scope};

use crate::limits::HANDLES;

/// One socket object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) handle: Handle,
    pub(crate) scope: Scope,
    pub(crate) kind: Kind,
    pub(crate) id: SocketId,
    /// Its event counter, while one is registered.
    pub(crate) counter: Option<u8>,
    /// It was opened, and not closed since.
    pub(crate) open: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Handles {
    entries: heapless::Vec<Entry, HANDLES>,
}

impl Handles {
    pub(crate) const fn new() -> Self {
        Self {
            entries: heapless::Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn get(&self, handle: Handle) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.handle == handle)
    }

    pub(crate) fn get_mut(&mut self, handle: Handle) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.handle == handle)
    }

    /// Adds one; the entry comes back when there is no room.
    pub(crate) fn insert(&mut self, entry: Entry) -> Result<(), Entry> {
        self.entries.push(entry)
    }

    pub(crate) fn remove(&mut self, handle: Handle) -> Option<Entry> {
        let at = self
            .entries
            .iter()
            .position(|entry| entry.handle == handle)?;
        Some(self.entries.swap_remove(at))
    }

    /// Notes whether the object `id` is open, if it still has a handle.
    pub(crate) fn set_open(&mut self, id: SocketId, open: bool) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.open = open;
        }
    }

    /// Removes one that belongs to `scope`, or any for `None`.
    pub(crate) fn remove_any_of(&mut self, scope: Option<Scope>) -> Option<Entry> {
        let of_scope = |entry: &Entry| scope.is_none_or(|scope| scope == entry.scope);
        let at = self.entries.iter().position(of_scope)?;
        Some(self.entries.swap_remove(at))
    }
}
