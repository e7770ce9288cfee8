//! Cellular non-IP data delivery (contract §13). The driver-side trait only; the socket class over it is
//! not part of this crate yet, so no port claims [`crate::Capability::Nidd`].

use crate::{Callback, Result};

/// A control-plane link that carries whole datagrams without IP.
pub trait ControlPlane {
    /// Sends one datagram uplink, whole or not at all. A port with a size limit answers `PARAMETER` beyond it.
    fn send(&self, data: &[u8]) -> Result<usize>;

    /// Takes one downlink datagram; the excess is discarded. `WOULD_BLOCK` when there is none.
    fn recv(&self, buffer: &mut [u8]) -> Result<usize>;

    /// Whom to tell about downlink data and room for uplink data.
    fn attach(&self, callback: Option<Callback>);
}
