//! What the boards of this machine need of it: compilers, the emulator, addresses, room.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::fs::statvfs;
use rustix::pty::{OpenptFlags, openpt};

use super::Check;
use crate::board;
use crate::inventory::Inventory;
use crate::lan::{Lan, LanKind, Wire};

/// The oldest QEMU that the boards are known to work with.
const OLDEST_QEMU: (u32, u32) = (7, 2);

/// A build and a run want this much at least, in MiB.
const FREE_MIB: u64 = 2048;

/// Target of the emulated board's image.
const THUMB: &str = "thumbv7m-none-eabi";

/// First line of a program's output, if it runs.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .next()
        .map(String::from)
}

pub(super) fn cargo() -> Check {
    match first_line("cargo", &["--version"]) {
        Some(version) => Check::ok("cargo", version),
        None => Check::missing("cargo", "cannot be run", "install Rust: https://rustup.rs"),
    }
}

pub(super) fn thumb_target() -> Check {
    let name = "Cortex-M target";
    let libraries = first_line("rustc", &["--print", "target-libdir", "--target", THUMB]);
    // The directory is named whether it exists or not; only what is in it proves anything.
    let has_core = |directory: &String| {
        std::fs::read_dir(directory)
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    };
    match libraries.filter(has_core) {
        Some(_) => Check::ok(name, format!("{THUMB} is installed")),
        None => Check::warn(
            name,
            format!("{THUMB} is not installed for this rustc"),
            format!(
                "ci/setup, or: rustup target add {THUMB}; else cargo xtask firmware uses Debian's sources of std"
            ),
        ),
    }
}

pub(super) fn qemu() -> Check {
    let Some(line) = first_line("qemu-system-arm", &["--version"]) else {
        return Check::missing(
            "QEMU",
            "qemu-system-arm cannot be run",
            "ci/setup, or: apt-get install qemu-system-arm",
        );
    };
    match version(&line) {
        Some(version) if version >= OLDEST_QEMU => Check::ok("QEMU", line),
        _ => Check::warn(
            "QEMU",
            line,
            format!("tried with {}.{} and later", OLDEST_QEMU.0, OLDEST_QEMU.1),
        ),
    }
}

/// `QEMU emulator version 7.2.22 (…)`
fn version(line: &str) -> Option<(u32, u32)> {
    let word = line
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut numbers = word.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

pub(super) fn pseudo_terminal() -> Check {
    match openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY) {
        Ok(_) => Check::ok("pseudo-terminals", "can be opened"),
        Err(error) => Check::missing(
            "pseudo-terminals",
            format!("cannot be opened: {error}"),
            "mount devpts at /dev/pts; the link of an emulated board is one",
        ),
    }
}

pub(super) fn loopback(name: &'static str, address: Ipv4Addr) -> Check {
    match TcpListener::bind((address, 0)) {
        Ok(_) => Check::ok(name, format!("{address} can be bound")),
        Err(error) => Check::missing(
            name,
            format!("{address} cannot be bound: {error}"),
            "bring up the loopback interface: ip link set lo up",
        ),
    }
}

/// Boards that can use nothing else cannot run without a wire; others lack some cases.
pub(super) fn wire(inventory: &Inventory) -> Check {
    let name = "wire";
    let began = Instant::now();
    let refusal = match Wire::probe() {
        Ok(ipv6) => {
            let families = if ipv6 { "IPv4 and IPv6" } else { "IPv4 only" };
            let took = began.elapsed().as_millis();
            return Check::ok(
                name,
                format!("a cable in a namespace of its own, made in {took} ms, {families}"),
            );
        }
        Err(refusal) => refusal,
    };
    let lost: Vec<&str> = inventory
        .boards
        .iter()
        .filter(|board| {
            let alternatives = [LanKind::Loopback, LanKind::User];
            let other = alternatives
                .iter()
                .any(|lan| board.kind.lans().contains(lan));
            board.lan == Lan::Wire || board.lan == Lan::Auto && !other
        })
        .map(|board| board.name.as_str())
        .collect();
    let advice = refusal.advice().join("\n");
    if lost.is_empty() {
        let detail = format!("{refusal}; cases that need it are skipped");
        Check::warn(name, detail, advice)
    } else {
        let detail = format!("{refusal}; cannot run: {}", lost.join(", "));
        Check::missing(name, detail, advice)
    }
}

pub(super) fn free_disk(target: &Path) -> Check {
    let name = "free disk space";
    // The nearest directory that exists: target is made by the first build.
    let existing = target
        .ancestors()
        .find(|path| path.is_dir())
        .unwrap_or_else(|| Path::new("/"));
    match statvfs(existing) {
        Ok(found) => {
            let mib = found.f_bavail.saturating_mul(found.f_frsize) / (1 << 20);
            let detail = format!("{mib} MiB at {}", existing.display());
            if mib >= FREE_MIB {
                Check::ok(name, detail)
            } else {
                Check::warn(
                    name,
                    detail,
                    format!("builds and evidence want {FREE_MIB} MiB; try cargo clean"),
                )
            }
        }
        Err(error) => Check::warn(
            name,
            format!("unknown at {}: {error}", existing.display()),
            "look yourself",
        ),
    }
}

pub(super) fn leftovers() -> Check {
    let name = "leftovers of killed runs";
    match board::leftovers() {
        Ok(found) if found.is_empty() => Check::ok(name, "none"),
        Ok(found) => {
            let list: Vec<String> = found
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            Check::warn(
                name,
                list.join(", "),
                "none needed: the next run removes them",
            )
        }
        Err(error) => Check::missing(
            name,
            error.to_string(),
            "sockets need a directory of this user alone",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_qemus_version() {
        assert_eq!(
            version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)"),
            Some((7, 2))
        );
        assert_eq!(version("QEMU emulator version 10.0.0"), Some((10, 0)));
        assert_eq!(version("QEMU"), None);
    }
}
