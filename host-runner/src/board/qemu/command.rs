//! QEMU's command line.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::NETDEV;
use super::probe::Theirs;
use crate::lan::wire::inherit;

/// The emulator.
pub(super) const PROGRAM: &str = "qemu-system-arm";

/// Label of the character device behind the UART of the link.
pub(super) const LINK_UART: &str = "uart0";

/// Where one QEMU writes.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// Its own output, of all starts.
    pub(super) output: PathBuf,
    /// Frames on the lan, of this start: QEMU begins the file anew.
    pub(super) frames: PathBuf,
}

impl Files {
    /// For a start whose evidence goes to this directory; nothing of an earlier one is overwritten.
    pub(super) fn next(evidence: &Path) -> Self {
        let frames = (1..)
            .map(|start| frames(evidence, start))
            .find(|path| !path.exists());
        Self {
            output: evidence.join("qemu.log"),
            frames: frames.unwrap_or_else(|| evidence.join("lan.pcap")),
        }
    }

    /// Label and path of everything that all starts have written.
    pub(super) fn written(evidence: &Path) -> Vec<(&'static str, PathBuf)> {
        let logs = [("target log", "target.log"), ("QEMU's output", "qemu.log")];
        let mut files: Vec<_> = logs
            .map(|(label, name)| (label, evidence.join(name)))
            .into();
        let captures = (1..)
            .map(|start| frames(evidence, start))
            .take_while(|path| path.exists());
        files.extend(captures.map(|path| ("frames on the lan", path)));
        files
    }
}

fn frames(evidence: &Path, start: u32) -> PathBuf {
    evidence.join(if start == 1 {
        "lan.pcap".into()
    } else {
        format!("lan-{start}.pcap")
    })
}

/// Where the frames of the guest's network card go.
pub(in crate::board) enum BackEnd {
    /// Into QEMU's user network.
    User,
    /// Over a datagram socket, one each.
    Frames(OwnedFd),
}

/// Where the guest's program comes from.
pub(super) enum Program<'p> {
    /// QEMU loads this file, again with every reset.
    File(&'p Path),
    /// A debug probe writes it.
    Probe(Theirs),
}

/// The command; its standard input is the socket of the monitor, and what the guest logs goes to the socket `log`.
pub(super) fn line(
    machine: &str,
    program: Program<'_>,
    back_end: BackEnd,
    log: Option<OwnedFd>,
    files: &Files,
) -> Command {
    let mut command = Command::new(PROGRAM);
    match program {
        Program::File(elf) => {
            command.args(["-machine", machine]).arg("-kernel").arg(elf);
        }
        Program::Probe(theirs) => probe(&mut command, machine, theirs),
    }
    command
        // Stopped until the link is open, so that nothing the guest says is lost; and before the UART is
        // attached to its terminal, because QEMU looks at that moment whether somebody has it open, and
        // then again only after a second.
        .args([
            "-display",
            "none",
            "-nodefaults",
            "-accel",
            "tcg",
            "-S",
            "-preconfig",
        ])
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
        .args(["-chardev", &log_device(log.as_ref())])
        .args(["-serial", "chardev:log"])
        .args(["-net", &format!("nic,netdev={NETDEV},model=lan9118")]);
    if let Some(log) = log {
        inherit(&mut command, log);
    }
    match back_end {
        BackEnd::User => {
            command
                .args(["-netdev", &format!("user,id={NETDEV},ipv4=on,ipv6=off")])
                .args([
                    "-object",
                    &format!(
                        "filter-dump,id=dump,netdev={NETDEV},file={}",
                        option(&files.frames)
                    ),
                ]);
        }
        BackEnd::Frames(end) => {
            command.args([
                "-netdev",
                &format!(
                    "dgram,id={NETDEV},local.type=fd,local.str={}",
                    end.as_raw_fd()
                ),
            ]);
            inherit(&mut command, end);
        }
    }
    command
}

/// Without a socket nobody listens to the UART, and nothing waits for it.
fn log_device(log: Option<&OwnedFd>) -> String {
    match log {
        Some(log) => format!("socket,id=log,fd={}", log.as_raw_fd()),
        None => "null,id=log".into(),
    }
}

/// What a debug probe needs: the guest's memory, the stub for debuggers, the side door, a monitor of its own.
fn probe(command: &mut Command, machine: &str, theirs: Theirs) {
    let socket = |id: &str, end: &OwnedFd| format!("socket,id={id},fd={}", end.as_raw_fd());
    command
        .args(["-machine", &format!("{machine},memory-backend=ram")])
        .args([
            "-object",
            &format!(
                "memory-backend-file,id=ram,size={},mem-path=/proc/self/fd/{},share=on",
                theirs.ram_size,
                theirs.ram.as_raw_fd()
            ),
        ])
        .args(["-chardev", &socket("gdb", &theirs.gdb)])
        .args(["-gdb", "chardev:gdb"])
        .args(["-chardev", &socket("door", &theirs.door)])
        .args(["-object", "qtest,id=qtest,chardev=door,log=none"])
        .args(["-chardev", &socket("events", &theirs.events)])
        .args(["-mon", "chardev=events,mode=control"]);
    for end in [theirs.ram, theirs.gdb, theirs.door, theirs.events] {
        inherit(command, end);
    }
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
        let files = Files {
            output: "/x,y/qemu.log".into(),
            frames: "/x,y/lan.pcap".into(),
        };
        let command = line(
            "mps2-an385",
            Program::File(Path::new("a.elf")),
            BackEnd::User,
            None,
            &files,
        );
        let arguments: Vec<_> = command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect();
        assert!(
            arguments
                .iter()
                .any(|argument| argument.ends_with("file=/x,,y/lan.pcap")),
            "{arguments:?}"
        );
    }

    #[test]
    fn keeps_the_captures_of_earlier_starts() {
        let evidence = tempfile::tempdir().expect("a directory");
        let first = Files::next(evidence.path()).frames;
        std::fs::write(&first, "").expect("a file");
        let second = Files::next(evidence.path()).frames;
        std::fs::write(&second, "").expect("a file");
        assert_ne!(first, second);
        let written: Vec<_> = Files::written(evidence.path())
            .into_iter()
            .map(|(_, path)| path)
            .collect();
        assert!(
            written.contains(&first) && written.contains(&second),
            "{written:?}"
        );
    }
}
