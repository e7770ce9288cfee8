//! A device that lets the stack listen to what smoltcp receives.
//!
//! Must not: change or keep back a frame.

use smoltcp::phy::{Device, DeviceCapabilities, RxToken};
use smoltcp::time::Instant;

use crate::routers::Routers;

/// The board's device, and who listens to it.
pub(crate) struct Tap<'a, D> {
    pub(crate) device: &'a mut D,
    pub(crate) routers: &'a mut Routers,
    pub(crate) now_us: u64,
}

impl<D: Device> Device for Tap<'_, D> {
    type RxToken<'a>
        = Heard<'a, D::RxToken<'a>>
    where
        Self: 'a;
    type TxToken<'a>
        = D::TxToken<'a>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (frame, reply) = self.device.receive(now)?;
        let heard = Heard {
            frame,
            routers: self.routers,
            now_us: self.now_us,
        };
        Some((heard, reply))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.device.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

/// A received frame that is listened to.
pub(crate) struct Heard<'a, T> {
    frame: T,
    routers: &'a mut Routers,
    now_us: u64,
}

impl<T: RxToken> RxToken for Heard<'_, T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        self.frame.consume(|bytes| {
            self.routers.hear(bytes, self.now_us);
            f(bytes)
        })
    }

    fn meta(&self) -> smoltcp::phy::PacketMeta {
        self.frame.meta()
    }
}
