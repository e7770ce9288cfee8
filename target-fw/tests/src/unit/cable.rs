//! A cable in memory with a network card at each end.

use core::cell::RefCell;

use critical_section::Mutex;
use heapless::{Deque, Vec};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// An Ethernet frame without its checksum.
const MAX_FRAME: usize = 1514;
type Frame = Vec<u8, MAX_FRAME>;

/// Frames on their way to one end. What finds no room is lost, as on a real one.
type Inbox = Mutex<RefCell<Deque<Frame, 4>>>;

static INBOXES: [Inbox; 2] = [const { Mutex::new(RefCell::new(Deque::new())) }; 2];

/// The card at one end, 0 or 1.
pub(crate) struct Card(pub(crate) usize);

impl Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending)> {
        let inbox = INBOXES.get(self.0)?;
        let frame = critical_section::with(|cs| inbox.borrow_ref_mut(cs).pop_front())?;
        Some((Received(frame), Sending(1 - self.0)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending> {
        Some(Sending(1 - self.0))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

/// A frame that has arrived.
pub(crate) struct Received(Frame);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// Leave to send a frame to this end.
pub(crate) struct Sending(usize);

impl phy::TxToken for Sending {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = Frame::new();
        frame.resize(length, 0).expect("frames have an upper limit");
        let result = f(&mut frame);
        if let Some(inbox) = INBOXES.get(self.0) {
            // Lost where there is no room.
            let _ = critical_section::with(|cs| inbox.borrow_ref_mut(cs).push_back(frame));
        }
        result
    }
}
