//! The application side of an interface: what every port shares.
//!
//! Must not: add an answer of its own; codes are the driver's.

use core::cell::Cell;
use core::task::Poll;

use super::{NetworkInterface, Status};
use crate::{Call, Callback, Result};

/// An interface with a blocking mode and one attached callback.
///
/// Calls that wait end when the driver says so; they are polled again after its events. [`Call::waker`] is
/// not used: who waits without a loop of its own registers a listener.
pub struct Control {
    driver: &'static dyn NetworkInterface,
    blocking: Cell<bool>,
    attached: Cell<Option<Callback>>,
}

impl Control {
    /// Over `driver`; blocking, nothing attached.
    #[must_use]
    pub const fn new(driver: &'static dyn NetworkInterface) -> Self {
        Self {
            driver,
            blocking: Cell::new(true),
            attached: Cell::new(None),
        }
    }

    /// The driver side.
    #[must_use]
    pub const fn driver(&self) -> &'static dyn NetworkInterface {
        self.driver
    }

    /// Whether connect and disconnect wait until they are done.
    pub fn set_blocking(&self, blocking: bool) {
        self.blocking.set(blocking);
    }

    /// Goes up (contract §10): at once `OK` in non-blocking mode, else what becomes of it.
    pub fn poll_connect(&self, call: &mut Call) -> Poll<Result<()>> {
        if !call.begun {
            let started = self.driver.connect();
            if started.is_err() || !self.blocking.get() {
                return Poll::Ready(started);
            }
            call.begun = true;
        }
        match self.driver.connect_result() {
            Some(result) => Poll::Ready(result),
            None => Poll::Pending,
        }
    }

    /// Goes down: at once `OK` in non-blocking mode, else once it is down.
    pub fn poll_disconnect(&self, call: &mut Call) -> Poll<Result<()>> {
        if !call.begun {
            let started = self.driver.disconnect();
            if started.is_err() || !self.blocking.get() {
                return Poll::Ready(started);
            }
            call.begun = true;
        }
        match self.driver.status() {
            Ok(Status::Disconnected) | Err(_) => Poll::Ready(Ok(())),
            Ok(_) => Poll::Pending,
        }
    }

    /// One callback that hears of every event; `None` removes it. It is a listener like others, so mixing the
    /// two works here (the contract leaves that undefined), but one callback registered both ways is one.
    pub fn attach(&self, callback: Option<Callback>) -> Result<()> {
        if let Some(old) = self.attached.take() {
            self.driver.remove_event_listener(old);
        }
        if let Some(new) = callback {
            self.driver.add_event_listener(new)?;
            self.attached.set(Some(new));
        }
        Ok(())
    }
}

impl core::fmt::Debug for Control {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Control")
            .field("blocking", &self.blocking)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::boxed::Box;
    use std::vec::Vec;

    use core::cell::RefCell;

    use super::*;
    use crate::{Error, EventSink};

    /// A driver that does what the test says.
    struct Driver {
        status: Cell<Status>,
        result: Cell<Option<Result<()>>>,
        listeners: RefCell<Vec<Callback>>,
    }

    impl NetworkInterface for Driver {
        fn connect(&self) -> Result<()> {
            match self.status.get() {
                Status::GlobalUp => Err(Error::IS_CONNECTED),
                Status::Connecting | Status::LocalUp => Err(Error::BUSY),
                Status::Disconnected => {
                    self.status.set(Status::Connecting);
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
            Ok(())
        }

        fn status(&self) -> Result<Status> {
            Ok(self.status.get())
        }

        fn add_event_listener(&self, listener: Callback) -> Result<()> {
            self.listeners.borrow_mut().push(listener);
            Ok(())
        }

        fn remove_event_listener(&self, listener: Callback) {
            self.listeners.borrow_mut().retain(|it| *it != listener);
        }
    }

    fn bench() -> (&'static Driver, Control) {
        let driver: &'static Driver = Box::leak(Box::new(Driver {
            status: Cell::new(Status::Disconnected),
            result: Cell::new(None),
            listeners: RefCell::default(),
        }));
        (driver, Control::new(driver))
    }

    #[test]
    fn a_blocking_connect_ends_as_the_driver_says() {
        let (driver, control) = bench();
        for result in [Ok(()), Err(Error::DHCP_FAILURE)] {
            driver.status.set(Status::Disconnected);
            driver.result.set(None);
            let mut call = Call::new();
            assert!(control.poll_connect(&mut call).is_pending());
            assert_eq!(
                control.poll_connect(&mut Call::new()),
                Poll::Ready(Err(Error::BUSY))
            );
            driver.result.set(Some(result));
            assert_eq!(control.poll_connect(&mut call), Poll::Ready(result));
        }
    }

    #[test]
    fn a_non_blocking_one_is_only_started() {
        let (driver, control) = bench();
        control.set_blocking(false);
        assert_eq!(control.poll_connect(&mut Call::new()), Poll::Ready(Ok(())));
        driver.status.set(Status::GlobalUp);
        assert_eq!(
            control.poll_connect(&mut Call::new()),
            Poll::Ready(Err(Error::IS_CONNECTED))
        );
        assert_eq!(
            control.poll_disconnect(&mut Call::new()),
            Poll::Ready(Ok(()))
        );
    }

    #[test]
    fn a_blocking_disconnect_waits_until_it_is_down() {
        let (driver, control) = bench();
        assert_eq!(
            control.poll_disconnect(&mut Call::new()),
            Poll::Ready(Err(Error::NO_CONNECTION))
        );
        driver.status.set(Status::GlobalUp);
        let mut call = Call::new();
        assert!(control.poll_disconnect(&mut call).is_pending());
        driver.status.set(Status::Disconnected);
        assert_eq!(control.poll_disconnect(&mut call), Poll::Ready(Ok(())));
    }

    #[test]
    fn one_callback_is_attached_at_most() {
        struct Nobody;
        impl EventSink for Nobody {
            fn event(&self, _: usize) {}
        }
        let (driver, control) = bench();
        let callback = |token| Some(Callback::new(&Nobody, token));
        control.attach(callback(1)).unwrap();
        control.attach(callback(2)).unwrap();
        assert_eq!(driver.listeners.borrow().len(), 1);
        assert_eq!(driver.listeners.borrow().first().copied(), callback(2));
        control.attach(None).unwrap();
        assert!(driver.listeners.borrow().is_empty());
    }
}
