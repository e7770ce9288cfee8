//! The debug probes that probe-rs finds.

use core::time::Duration;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, channel};

use probe_rs::probe::DebugProbeSelector;
use probe_rs::probe::list::{Accessibility, Lister};
use serde::Serialize;

/// A debug probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What `link.rtt.probe` calls it: `VID:PID:SERIAL`, with `-INTERFACE` after the PID where it has several.
    pub selector: String,
    /// What it calls itself.
    pub name: String,
    /// What it speaks: `CMSIS-DAP`, `ST-LINK`, `J-Link` and the like.
    pub speaks: String,
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// Its serial number.
    pub serial: Option<String>,
    /// Whether this user may open it.
    pub accessible: bool,
}

/// Why the probes cannot be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// A device does not answer.
    #[error("listing the debug probes has not ended within {} s: a USB device does not answer; unplug the probes and plug them in again", waited.as_secs())]
    Late {
        /// How long that was waited for.
        waited: Duration,
    },
    /// The library gave up on this machine.
    #[error("the debug probes cannot be listed on this machine: is /sys mounted?")]
    Failed,
}

/// Lists them; a device that hangs costs `patience` and no more.
///
/// # Errors
/// One of them hangs, or the system does not tell.
pub fn probes(patience: Duration) -> Result<Vec<Probe>, ListError> {
    // The panic of a library that misses /sys would be printed, and means no more than this.
    if !std::path::Path::new("/sys/class/tty").is_dir() {
        return Err(ListError::Failed);
    }
    let (found, listed) = channel();
    // A thread that hangs in the kernel ends with the process.
    std::thread::spawn(move || {
        let _ = found.send(list());
    });
    match listed.recv_timeout(patience) {
        Ok(probes) => Ok(probes),
        Err(RecvTimeoutError::Timeout) => Err(ListError::Late { waited: patience }),
        Err(RecvTimeoutError::Disconnected) => Err(ListError::Failed),
    }
}

fn list() -> Vec<Probe> {
    let mut probes: Vec<Probe> = Lister::new()
        .list_all_with_access()
        .into_iter()
        .map(|item| Probe {
            selector: DebugProbeSelector::from(&item.info).to_string(),
            name: item.info.identifier.clone(),
            speaks: item.info.probe_type(),
            vendor: item.info.vendor_id,
            product: item.info.product_id,
            serial: item.info.serial_number.clone(),
            accessible: item.accessibility == Accessibility::Accessible,
        })
        .collect();
    probes.sort_by(|a, b| a.selector.cmp(&b.selector));
    probes.dedup();
    probes
}

impl Probe {
    /// Whether `link.rtt.probe` means this one.
    #[must_use]
    pub fn is_meant_by(&self, selector: &str) -> bool {
        let Ok(wanted) = selector.parse::<DebugProbeSelector>() else {
            return false;
        };
        let own = self.selector.parse::<DebugProbeSelector>();
        let interface = own.ok().and_then(|own| own.interface);
        (wanted.vendor_id, wanted.product_id) == (self.vendor, self.product)
            && (wanted.interface.is_none() || wanted.interface == interface)
            && wanted
                .serial_number
                .is_none_or(|serial| serial == self.serial.as_deref().unwrap_or_default())
    }
}

/// Where a probe listens that is reached over TCP: `1d50:6018:HOST:PORT`. Nobody lists those.
#[must_use]
pub fn network_address(selector: &str) -> Option<SocketAddr> {
    let place = selector.strip_prefix("1d50:6018:")?;
    let (_, tcp_port) = place.rsplit_once(':')?;
    tcp_port.parse::<u16>().ok()?;
    place.to_socket_addrs().ok()?.next()
}
