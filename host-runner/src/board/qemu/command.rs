//! QEMU's command line.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::NETDEV;

/// The emulator.
pub(super) const PROGRAM: &str = "qemu-system-arm";

/// Label of the character device behind the UART of the link.
pub(super) const LINK_UART: &str = "uart0";

/// Where one QEMU writes.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// Its own output, of all starts.
    pub(super) output: PathBuf,
    /// The target's log, of all starts.
    pub(super) target_log: PathBuf,
    /// Frames on the lan, of this start: QEMU begins the file anew.
    pub(super) frames: PathBuf,
}

impl Files {
    pub(super) fn of(evidence: &Path, attempt: u32) -> Self {
        let frames = if attempt <= 1 {
            "lan.pcap".into()
        } else {
            format!("lan-{attempt}.pcap")
        };
        Self {
            output: evidence.join("qemu.log"),
            target_log: evidence.join("target.log"),
            frames: evidence.join(frames),
        }
    }
}

/// The command; its standard input is the socket of the monitor.
pub(super) fn line(machine: &str, elf: &Path, files: &Files) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        // Stopped until the link is open, so that nothing the guest says is lost.
        .args([
            "-machine",
            machine,
            "-display",
            "none",
            "-nodefaults",
            "-accel",
            "tcg",
            "-S",
        ])
        .arg("-kernel")
        .arg(elf)
        .args([
            "-chardev",
            "socket,id=monitor,fd=0",
            "-mon",
            "chardev=monitor,mode=control",
        ])
        .args([
            "-chardev",
            &format!("pty,id={LINK_UART}"),
            "-serial",
            &format!("chardev:{LINK_UART}"),
        ])
        .args([
            "-chardev",
            &format!("file,id=log,append=on,path={}", option(&files.target_log)),
        ])
        .args(["-serial", "chardev:log"])
        .args(["-netdev", &format!("user,id={NETDEV},ipv4=on,ipv6=off")])
        .args(["-net", &format!("nic,netdev={NETDEV},model=lan9118")])
        .args([
            "-object",
            &format!(
                "filter-dump,id=dump,netdev={NETDEV},file={}",
                option(&files.frames)
            ),
        ]);
    command
}

/// A path inside a list of options, where a comma must be doubled.
fn option(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_commas_of_paths_out_of_the_options() {
        let command = line(
            "mps2-an385",
            Path::new("a.elf"),
            &Files::of(Path::new("/x,y"), 2),
        );
        let arguments: Vec<_> = command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect();
        assert!(
            arguments
                .iter()
                .any(|argument| argument.ends_with("path=/x,,y/target.log")),
            "{arguments:?}"
        );
        assert!(
            arguments
                .iter()
                .any(|argument| argument.ends_with("file=/x,,y/lan-2.pcap")),
            "{arguments:?}"
        );
    }
}
