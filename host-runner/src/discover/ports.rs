//! The serial ports of this machine.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use serde::Serialize;
use tokio_serial::SerialPortType;

/// Where udev keeps names that stay the same when devices are plugged in another order.
const STABLE: &str = "/dev/serial/by-id";

/// A serial port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The name that stays the same, if there is one; else as `device`.
    pub path: PathBuf,
    /// The device node.
    pub device: PathBuf,
    /// What it calls itself, if it is on USB and does.
    pub name: Option<String>,
    /// USB vendor and product id, if it is on USB.
    pub usb: Option<(u16, u16)>,
    /// USB serial number.
    pub serial: Option<String>,
    /// Whether this user may open it.
    pub accessible: bool,
}

/// Lists them, those on USB first. Pseudo-terminals are not among them: they belong to programs.
///
/// # Errors
/// The system does not tell; in words.
pub fn ports() -> Result<Vec<Port>, String> {
    if !Path::new("/sys/class/tty").is_dir() {
        return Err("the serial ports cannot be listed on this machine: is /sys mounted?".into());
    }
    let found = tokio_serial::available_ports().map_err(|error| error.to_string())?;
    let mut ports: Vec<Port> = found
        .into_iter()
        .map(|info| (PathBuf::from(info.port_name), info.port_type))
        .filter(|(device, _)| has_hardware(Path::new("/sys/class/tty"), device))
        .map(|(device, kind)| {
            let path = stable_name(Path::new(STABLE), &device).unwrap_or_else(|| device.clone());
            let accessible = may_use(&device);
            let (name, usb, serial) = match kind {
                SerialPortType::UsbPort(usb) => (
                    usb.product.or(usb.manufacturer),
                    Some((usb.vid, usb.pid)),
                    usb.serial_number,
                ),
                SerialPortType::PciPort
                | SerialPortType::BluetoothPort
                | SerialPortType::Unknown => (None, None, None),
            };
            Port {
                path,
                device,
                name,
                usb,
                serial,
                accessible,
            }
        })
        .collect();
    ports.sort_by(|a, b| (a.usb.is_none(), &a.device).cmp(&(b.usb.is_none(), &b.device)));
    Ok(ports)
}

/// Whether this user may read and write a device.
#[must_use]
pub fn may_use(device: &Path) -> bool {
    accessat(
        CWD,
        device,
        Access::READ_OK | Access::WRITE_OK,
        AtFlags::EACCESS,
    )
    .is_ok()
}

/// A PC has nodes for many more UARTs than it has UARTs: those without say that theirs is of type 0.
pub(super) fn has_hardware(class: &Path, device: &Path) -> bool {
    let Some(name) = device.file_name() else {
        return false;
    };
    match fs::read_to_string(class.join(name).join("type")) {
        Ok(kind) => kind.trim() != "0",
        // Only UARTs of the 8250 family have the file.
        Err(_) => true,
    }
}

/// The link in `directory` that points at `device`.
pub(super) fn stable_name(directory: &Path, device: &Path) -> Option<PathBuf> {
    let device = fs::canonicalize(device).ok()?;
    let mut names: Vec<PathBuf> = fs::read_dir(directory)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| fs::canonicalize(path).is_ok_and(|target| target == device))
        .collect();
    names.sort();
    names.into_iter().next()
}
