//! A device that lets the port listen to what smoltcp receives and finish what it sends.
//!
//! Must not: keep back a frame.

use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::groups::Queries;
use crate::hostname::{HostName, Message};
use crate::routers::Routers;
use crate::service;
use crate::slots::Slot;

/// Who listens and who finishes.
pub(crate) struct Ears<'a> {
    pub(crate) routers: &'a mut Routers,
    pub(crate) queries: &'a mut Queries,
    pub(crate) hostname: &'a HostName,
    pub(crate) slots: &'a [Slot],
    /// How often the DHCP client has looked for a server in a row.
    pub(crate) searches: &'a mut u32,
    pub(crate) now_us: u64,
}

/// The board's device with the port around it.
pub(crate) struct Tap<'a, 'b, D> {
    pub(crate) device: &'a mut D,
    pub(crate) ears: &'a mut Ears<'b>,
}

impl<'b, D: Device> Device for Tap<'_, 'b, D> {
    type RxToken<'a>
        = Heard<'a, D::RxToken<'a>>
    where
        Self: 'a;
    type TxToken<'a>
        = Finished<'a, D::TxToken<'a>>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (frame, reply) = self.device.receive(now)?;
        let heard = Heard {
            frame,
            routers: self.ears.routers,
            queries: self.ears.queries,
            now_us: self.ears.now_us,
        };
        let finished = Finished {
            token: reply,
            hostname: self.ears.hostname,
            slots: self.ears.slots,
            searches: self.ears.searches,
        };
        Some((heard, finished))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        Some(Finished {
            token: self.device.transmit(now)?,
            hostname: self.ears.hostname,
            slots: self.ears.slots,
            searches: self.ears.searches,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A received frame that is listened to.
pub(crate) struct Heard<'a, T> {
    frame: T,
    routers: &'a mut Routers,
    queries: &'a mut Queries,
    now_us: u64,
}

impl<T: RxToken> RxToken for Heard<'_, T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        self.frame.consume(|bytes| {
            self.routers.hear(bytes, self.now_us);
            self.queries.hear(bytes, self.now_us);
            f(bytes)
        })
    }

    fn meta(&self) -> PacketMeta {
        self.frame.meta()
    }
}

/// Finishes a frame. Not inlined: there is a copy of the caller for every place in smoltcp that sends.
#[inline(never)]
fn finish(bytes: &mut [u8], slots: &[Slot], hostname: &HostName, searches: &mut u32) {
    service::mark(bytes, slots);
    match hostname.write_into(bytes) {
        Some(Message::Discover) => *searches = searches.saturating_add(1),
        Some(Message::Other) => *searches = 0,
        None => {}
    }
}

/// Leave to send a frame that is finished before it goes.
pub(crate) struct Finished<'a, T> {
    token: T,
    hostname: &'a HostName,
    slots: &'a [Slot],
    searches: &'a mut u32,
}

impl<T: TxToken> TxToken for Finished<'_, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        self.token.consume(length, |bytes| {
            let result = f(bytes);
            finish(bytes, self.slots, self.hostname, self.searches);
            result
        })
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.token.set_meta(meta);
    }
}
