//! The serial ports that boards hang on.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::Check;
use crate::discover::{self, holders};
use crate::inventory::{Board, Link, SerialPort};
use crate::link::LinkError;

/// A row per port that one of the boards hangs on.
pub(super) fn checks(boards: &[Board]) -> Vec<Check> {
    let mut checks = Vec::new();
    for board in boards {
        for link in &board.links {
            if let Link::Port(port) = link {
                checks.extend(of_board(board, port));
            }
        }
    }
    checks
}

fn of_board(board: &Board, port: &SerialPort) -> Vec<Check> {
    let name = |what| format!("{what} of {}", board.name);
    let mut checks = vec![of_port(name("serial port"), &port.port)];
    if let Some(log) = &port.log {
        checks.push(of_port(name("log"), log));
    }
    checks
}

fn of_port(name: String, port: &Path) -> Check {
    let trouble =
        |error: LinkError, fix: String| Check::missing(name.clone(), error.to_string(), fix);
    let Ok(found) = fs::metadata(port) else {
        return trouble(LinkError::NoPort { port: port.into() }, elsewhere());
    };
    if !found.file_type().is_char_device() {
        let problem = "it is no device".into();
        let port = port.into();
        return trouble(LinkError::NotSerial { port, problem }, elsewhere());
    }
    if !discover::may_use(port) {
        let fix = join_group(found.gid(), Path::new("/etc/group"));
        return trouble(LinkError::Forbidden { port: port.into() }, fix);
    }
    let users = holders(Path::new("/proc"), &[PathBuf::from(port)]);
    if !users.is_empty() {
        let users: Vec<String> = users.iter().map(ToString::to_string).collect();
        return Check::warn(
            name,
            format!("{} is open in {}", port.display(), users.join(", ")),
            "wait for it, or end it, before a run: a port has one user at a time",
        );
    }
    Check::ok(name, format!("{} is there", port.display()))
}

/// What else could be meant.
fn elsewhere() -> String {
    let ports = discover::ports().unwrap_or_default();
    let ports: Vec<String> = ports
        .iter()
        .map(|port| port.path.display().to_string())
        .collect();
    if ports.is_empty() {
        "plug in the board or its adapter; this machine has no serial port at all now".into()
    } else {
        format!(
            "plug in the board, or correct link.serial in boards.toml; there is {}",
            ports.join(", ")
        )
    }
}

/// How to become a member of the group that a port belongs to.
fn join_group(gid: u32, groups: &Path) -> String {
    let file = fs::read_to_string(groups).unwrap_or_default();
    let group = file.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(gid)).then(|| name.to_owned())
    });
    match group.as_deref() {
        // Nobody becomes a member of that one.
        Some("root") | None => {
            "it belongs to root alone: copy ci/udev/69-hil-probes.rules to /etc/udev/rules.d, or ask who runs this machine".into()
        }
        Some(group) => format!("sudo usermod -aG {group} $USER, then log out and in again"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::super::Health;
    use super::*;

    #[test]
    fn a_port_that_is_not_there_or_is_none() {
        let missing = of_port("a".into(), Path::new("/dev/ttyNOSUCH"));
        assert_eq!(missing.health, Health::Missing);
        assert!(
            missing.detail.contains("is the board plugged in"),
            "{missing:?}"
        );
        let file = tempfile::NamedTempFile::new().expect("a file");
        let plain = of_port("a".into(), file.path());
        assert_eq!(plain.health, Health::Missing);
        assert!(plain.detail.contains("no device"), "{plain:?}");
    }

    #[test]
    fn a_port_that_is_free_and_then_in_use() {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(master.as_fd()).expect("ours");
        unlockpt(master.as_fd()).expect("ours");
        let port = ptsname(master.as_fd(), Vec::new()).expect("a name");
        let port = PathBuf::from(port.into_string().expect("plain"));
        assert_eq!(of_port("a".into(), &port).health, Health::Ok);
        let opened = fs::File::options()
            .read(true)
            .write(true)
            .open(&port)
            .expect("ours");
        let busy = of_port("a".into(), &port);
        assert_eq!(busy.health, Health::Warn);
        assert!(
            busy.detail.contains(&std::process::id().to_string()),
            "{busy:?}"
        );
        drop(opened);
    }

    #[test]
    fn names_the_group_to_join() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "root:x:0:\ndialout:x:20:somebody\nodd\n").expect("a file");
        assert!(join_group(20, file.path()).contains("-aG dialout"));
        assert!(join_group(0, file.path()).contains("ci/udev"));
        assert!(join_group(7, file.path()).contains("ci/udev"));
    }
}
