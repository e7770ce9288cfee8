//! Link `serial`: a serial port, be it a USB adapter or the pseudo-terminal of an emulated UART.
//!
//! Opened exclusively and raw. Must not: reset the board by its control lines.

use std::io;
use std::path::Path;

use tokio_serial::{ErrorKind, SerialPortBuilderExt, SerialStream};

use super::LinkError;

/// Opens the port.
///
/// # Errors
/// There is no such port, it may not be opened by this user, or somebody else has it open.
pub fn open(port: &Path, baud: u32) -> Result<SerialStream, LinkError> {
    let name = port.to_string_lossy();
    match tokio_serial::new(name.as_ref(), baud).open_native_async() {
        Ok(stream) => Ok(stream),
        Err(error) => Err(explain(port, &error)),
    }
}

fn explain(port: &Path, error: &tokio_serial::Error) -> LinkError {
    let port = port.to_path_buf();
    if !port.exists() {
        return LinkError::NoPort { port };
    }
    match error.kind {
        ErrorKind::Io(io::ErrorKind::PermissionDenied) => LinkError::Forbidden { port },
        // serialport reports the exclusive lock of somebody else this way.
        ErrorKind::NoDevice => LinkError::Busy {
            port,
            problem: error.to_string(),
        },
        ErrorKind::Io(io::ErrorKind::ResourceBusy) => LinkError::Busy {
            port,
            problem: error.to_string(),
        },
        ErrorKind::Io(_) | ErrorKind::InvalidInput | ErrorKind::Unknown => LinkError::NotSerial {
            port,
            problem: error.to_string(),
        },
    }
}
