//! Link `serial`: a serial port, be it a USB adapter or the pseudo-terminal of an emulated UART.
//!
//! Opened exclusively and raw. Must not: reset the board by its control lines.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios;
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

/// Opens a port that is only listened to, by whoever waits for descriptors.
///
/// # Errors
/// As for [`open`].
pub fn open_for_reading(port: &Path, baud: u32) -> Result<OwnedFd, LinkError> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let device = rustix::fs::open(port, flags, Mode::empty()).map_err(|errno| {
        let port = port.to_path_buf();
        match errno {
            Errno::NOENT | Errno::NXIO | Errno::NODEV => LinkError::NoPort { port },
            Errno::ACCESS | Errno::PERM => LinkError::Forbidden { port },
            errno => LinkError::Busy {
                port,
                problem: errno.to_string(),
            },
        }
    })?;
    let raw = || {
        let mut settings = termios::tcgetattr(&device)?;
        settings.make_raw();
        settings.set_speed(baud)?;
        termios::tcsetattr(&device, termios::OptionalActions::Flush, &settings)
    };
    raw().map_err(|errno| LinkError::NotSerial {
        port: port.to_path_buf(),
        problem: errno.to_string(),
    })?;
    Ok(device)
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

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::path::PathBuf;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use tokio::io::AsyncReadExt;

    use super::*;

    fn pseudo_terminal() -> (OwnedFd, PathBuf) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("ours");
        let name = ptsname(&master, Vec::new()).expect("a name");
        (master, PathBuf::from(name.into_string().expect("plain")))
    }

    #[tokio::test]
    async fn passes_every_byte_as_it_is() {
        let (master, port) = pseudo_terminal();
        let mut stream = open(&port, 115_200).expect("it opens");
        // What a terminal would swallow, translate or answer.
        let bytes = [0x00, 0x03, 0x04, 0x0a, 0x0d, 0x11, 0x13, 0x1a, 0x7f, 0xff];
        let mut board = File::from(master);
        board.write_all(&bytes).expect("it takes them");
        let mut received = [0; 10];
        stream.read_exact(&mut received).await.expect("bytes");
        assert_eq!(received, bytes);
        drop(board);
    }

    #[test]
    fn listens_without_touching_a_byte() {
        let (master, port) = pseudo_terminal();
        let device = open_for_reading(&port, 115_200).expect("it opens");
        let mut board = File::from(master);
        board.write_all(b"\r\n\x03\x7f").expect("it takes them");
        let mut received = [0; 8];
        let count = rustix::io::read(&device, &mut received).expect("bytes");
        assert_eq!(&received[..count], b"\r\n\x03\x7f");
        let missing = open_for_reading(Path::new("/dev/ttyNOSUCH"), 115_200);
        assert!(matches!(missing, Err(LinkError::NoPort { .. })));
        let file = tempfile::NamedTempFile::new().expect("a file");
        let plain = open_for_reading(file.path(), 115_200);
        assert!(matches!(plain, Err(LinkError::NotSerial { .. })));
    }

    #[tokio::test]
    async fn one_user_at_a_time() {
        let (_master, port) = pseudo_terminal();
        let first = open(&port, 115_200).expect("it opens");
        // The superuser may open what is locked.
        if !rustix::process::geteuid().is_root() {
            let error = open(&port, 115_200).expect_err("it is in use");
            assert!(matches!(error, LinkError::Busy { .. }), "{error}");
        }
        drop(first);
    }

    #[tokio::test]
    async fn says_what_is_wrong_with_a_port() {
        let missing = open(Path::new("/dev/ttyNOSUCH"), 115_200).expect_err("it is not there");
        assert_eq!(
            missing,
            LinkError::NoPort {
                port: "/dev/ttyNOSUCH".into()
            }
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        let plain = open(file.path(), 115_200).expect_err("it is no port");
        assert!(matches!(plain, LinkError::NotSerial { .. }), "{plain}");
    }
}
