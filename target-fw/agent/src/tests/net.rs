//! An interface that goes up and down when a test says so.

use core::cell::{Cell, RefCell};
use std::string::String;
use std::vec::Vec;

use nsapi::interface::{CONNECTION_STATUS_CHANGE, NetworkInterface, Status};
use nsapi::{Callback, Error, IpAddress, Result, SocketAddress};

pub(super) struct Net {
    status: Cell<Status>,
    result: Cell<Option<Result<()>>>,
    listeners: RefCell<Vec<Callback>>,
    pub(super) hostname: RefCell<String>,
    pub(super) dhcp: Cell<bool>,
    /// Disconnect only begins to.
    pub(super) lingers: Cell<bool>,
}

impl Default for Net {
    fn default() -> Self {
        Self {
            status: Cell::new(Status::GlobalUp),
            result: Cell::new(Some(Ok(()))),
            listeners: RefCell::default(),
            hostname: RefCell::default(),
            dhcp: Cell::new(true),
            lingers: Cell::new(false),
        }
    }
}

impl Net {
    /// Changes the status and tells everybody.
    pub(super) fn becomes(&self, status: Status) {
        self.status.set(status);
        if status == Status::GlobalUp {
            self.result.set(Some(Ok(())));
        }
        for listener in &*self.listeners.borrow() {
            listener.tell(CONNECTION_STATUS_CHANGE, status as i32);
        }
    }

    /// The attempt to connect has failed; the status stays.
    pub(super) fn fails(&self, error: Error) {
        self.result.set(Some(Err(error)));
    }

    pub(super) fn listeners(&self) -> usize {
        self.listeners.borrow().len()
    }
}

impl NetworkInterface for Net {
    fn connect(&self) -> Result<()> {
        match self.status.get() {
            Status::GlobalUp => Err(Error::IS_CONNECTED),
            Status::Connecting | Status::LocalUp => Err(Error::BUSY),
            Status::Disconnected => {
                self.result.set(None);
                self.becomes(Status::Connecting);
                Ok(())
            }
        }
    }

    fn connect_result(&self) -> Option<Result<()>> {
        self.result.get()
    }

    fn disconnect(&self) -> Result<()> {
        if self.status.get() == Status::Disconnected {
            return Err(Error::NO_CONNECTION);
        }
        if !self.lingers.get() {
            self.becomes(Status::Disconnected);
        }
        Ok(())
    }

    fn restore_defaults(&self) {
        assert_eq!(self.status.get(), Status::Disconnected);
        self.dhcp.set(true);
        self.hostname.borrow_mut().clear();
    }

    fn status(&self) -> Result<Status> {
        Ok(self.status.get())
    }

    fn add_event_listener(&self, listener: Callback) -> Result<()> {
        let mut listeners = self.listeners.borrow_mut();
        if !listeners.contains(&listener) {
            listeners.push(listener);
        }
        Ok(())
    }

    fn remove_event_listener(&self, listener: Callback) {
        self.listeners.borrow_mut().retain(|it| *it != listener);
    }

    fn get_ip_address(&self) -> Result<SocketAddress> {
        match self.status.get() {
            Status::GlobalUp => Ok(SocketAddress::new(IpAddress::V4([192, 0, 2, 7]), 0)),
            _ => Err(Error::NO_CONNECTION),
        }
    }

    fn get_mac_address(&self) -> Option<[u8; 6]> {
        Some([2, 0, 0, 0, 0, 7])
    }

    fn set_mac_address(&self, _: [u8; 6]) -> Result<()> {
        Err(Error::BUSY)
    }

    fn get_hostname(&self, text: &mut [u8]) -> Option<usize> {
        let name = self.hostname.borrow();
        if name.is_empty() {
            return None;
        }
        text.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        Some(name.len())
    }

    fn set_hostname(&self, name: &str) -> Result<()> {
        *self.hostname.borrow_mut() = name.into();
        Ok(())
    }

    fn get_interface_name(&self) -> Option<&str> {
        Some("en0")
    }

    fn set_dhcp(&self, dhcp: bool) -> Result<()> {
        self.dhcp.set(dhcp);
        Ok(())
    }
}
