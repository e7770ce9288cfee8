//! The device that smoltcp sees: it receives what the guard lets in, and sends through the guard.

use smoltcp::phy::{Checksum, Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;

use super::dhcp::{PADDED_FRAME, SHORT_FRAMES};
use super::frame::SHORTEST;
use super::outgoing::Notes;
use super::{Guard, Held};

/// A device with a guard before it.
pub(crate) struct Guarded<'a, D> {
    pub(super) guard: &'a mut Guard,
    pub(super) device: &'a mut D,
}

impl<D: Device> Device for Guarded<'_, D> {
    type RxToken<'a>
        = Admitted<'a>
    where
        Self: 'a;
    type TxToken<'a>
        = Leaving<'a, D::TxToken<'a>>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        if matches!(self.guard.held, Held::Nothing | Held::Again(..)) {
            return None;
        }
        let inner = self.device.transmit(now)?;
        let (admitted, held) = match (self.guard.held, self.guard.again.take()) {
            (Held::Introduction(length), again) => {
                self.guard.again = again;
                (&self.guard.introduction[..], Held::Frame(length))
            }
            (Held::Frame(length), again) => {
                let held = again.map_or(Held::Nothing, |again| Held::Again(length, again));
                (self.guard.frame.get(..length).unwrap_or(&[]), held)
            }
            (held, _) => (&[][..], held),
        };
        self.guard.held = held;
        let admitted = Admitted(admitted);
        let leaving = Leaving {
            inner,
            notes: &mut self.guard.notes,
        };
        Some((admitted, leaving))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        Some(Leaving {
            inner: self.device.transmit(now)?,
            notes: &mut self.guard.notes,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.device.capabilities();
        // The guard verifies those of segments.
        capabilities.checksum.tcp = match capabilities.checksum.tcp {
            Checksum::Both | Checksum::Tx => Checksum::Tx,
            Checksum::Rx | Checksum::None => Checksum::None,
        };
        capabilities
    }
}

/// A frame that smoltcp may see.
pub(crate) struct Admitted<'a>(&'a [u8]);

impl RxToken for Admitted<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Leave to send a frame through the guard.
pub(crate) struct Leaving<'a, T> {
    inner: T,
    notes: &'a mut Notes,
}

impl<T: TxToken> TxToken for Leaving<'_, T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        if SHORT_FRAMES.contains(&length) {
            // May have to grow, which is known only when it has been written.
            let mut frame = [0; PADDED_FRAME];
            let result = f(&mut frame[..length]);
            let length = self.notes.leaves(&mut frame, length);
            self.inner
                .consume(length, |out| out.copy_from_slice(&frame[..length]));
            return result;
        }
        // IEEE 802.3 §3.2.8: short frames are padded; with zeros, not with what was there before.
        self.inner.consume(length.max(SHORTEST), |frame| {
            let (written, padding) = frame.split_at_mut(length);
            padding.fill(0);
            let result = f(written);
            self.notes.leaves(frame, length);
            result
        })
    }
}
