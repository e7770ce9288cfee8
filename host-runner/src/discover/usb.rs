//! Which device nodes a USB device has.

use std::fs;
use std::path::{Path, PathBuf};

/// How far below a USB device the kernel puts what its interfaces are: `1-2:1.0/0003:…/hidraw/hidraw0`.
const DEPTH: usize = 4;

/// The nodes under `/dev` of the devices with these ids (and this serial number, if one is given): the USB device
/// itself, what it has as HID, and its serial ports. `sys` is where sysfs is.
#[must_use]
pub fn nodes(sys: &Path, vendor: u16, product: u16, serial: Option<&str>) -> Vec<PathBuf> {
    let devices = fs::read_dir(sys.join("bus/usb/devices"));
    let mut nodes = Vec::new();
    for device in devices.into_iter().flatten().flatten() {
        let device = device.path();
        let read = |file: &str| fs::read_to_string(device.join(file)).unwrap_or_default();
        let id = |file: &str| u16::from_str_radix(read(file).trim(), 16).ok();
        if id("idVendor") != Some(vendor)
            || id("idProduct") != Some(product)
            || serial.is_some_and(|serial| read("serial").trim() != serial)
        {
            continue;
        }
        let number = |file: &str| read(file).trim().parse::<u16>().ok();
        if let (Some(bus), Some(address)) = (number("busnum"), number("devnum")) {
            nodes.push(PathBuf::from(format!("/dev/bus/usb/{bus:03}/{address:03}")));
        }
        functions(&device, DEPTH, &mut nodes);
    }
    nodes.sort();
    nodes.dedup();
    nodes
}

/// Nodes of the interfaces: directories called `hidraw` or `tty` hold one named like each node, or are called so.
fn functions(directory: &Path, depth: usize, nodes: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        // Links lead out of the device again.
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_node = ["hidraw", "ttyUSB", "ttyACM"].iter().any(|start| {
            name.strip_prefix(start)
                .is_some_and(|rest| rest.parse::<u32>().is_ok())
        });
        if is_node {
            nodes.push(Path::new("/dev").join(&*name));
        } else if depth > 0 {
            functions(&entry.path(), depth - 1, nodes);
        }
    }
}
