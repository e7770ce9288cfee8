//! The debug probes that boards are reached through, and the chips behind them.
//!
//! What is wrong is said in the words of a run: [`ProbeError`]. Must not: write to a chip; and the core stops for no
//! longer than attaching takes.

use core::time::Duration;
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::Check;
use crate::discover::{self, ListError, Probe, holders, network_address};
use crate::inventory::{Board, BoardKind, Firmware, Link};
use crate::link::rtt::{Attachment, Examined, ProbeError, Rtt};

/// Listing takes milliseconds; a USB device that does not answer would take for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// A probe in the network answers at once or not at all.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// A row per board behind a probe, and one for the probes of this machine if there is such a board.
pub(super) fn checks(boards: &[Board]) -> Vec<Check> {
    let attached: Vec<(&Board, &Attachment)> = boards
        .iter()
        .filter(|board| board.kind == BoardKind::Probe)
        .flat_map(|board| board.links.iter().map(move |link| (board, link)))
        .filter_map(|(board, link)| match link {
            Link::Rtt { attachment } => Some((board, attachment)),
            Link::Unix | Link::Serial { .. } | Link::Port(_) => None,
        })
        .collect();
    let mut checks = Vec::new();
    let on_usb = |attachment: &Attachment| {
        let probe = attachment.probe.as_deref();
        probe.and_then(network_address).is_none()
    };
    let listed = if attached.iter().any(|(_, attachment)| on_usb(attachment)) {
        let listed = discover::probes(PATIENCE);
        checks.push(of_machine(&listed));
        listed.unwrap_or_default()
    } else {
        Vec::new()
    };
    checks.extend(
        attached
            .into_iter()
            .map(|(board, attachment)| of_board(board, attachment, &listed)),
    );
    checks
}

fn of_machine(listed: &Result<Vec<Probe>, ListError>) -> Check {
    let name = "debug probes";
    match listed {
        Err(error) => Check::missing(
            name,
            error.to_string(),
            "then look with: hil boards --discover",
        ),
        Ok(probes) if probes.is_empty() => {
            Check::missing(name, "none on this machine", advice(&ProbeError::NoProbe))
        }
        Ok(probes) => {
            let list: Vec<String> = probes
                .iter()
                .map(|probe| format!("{} ({})", probe.selector, probe.speaks))
                .collect();
            match probes.iter().find(|probe| !probe.accessible) {
                None => Check::ok(name, list.join(", ")),
                Some(probe) => {
                    let error = ProbeError::Forbidden {
                        probe: probe.selector.clone(),
                    };
                    Check::warn(name, error.to_string(), advice(&error))
                }
            }
        }
    }
}

fn of_board(board: &Board, attachment: &Attachment, listed: &[Probe]) -> Check {
    let name = format!("probe of {}", board.name);
    let elf = match &board.firmware {
        Firmware::Elf(path) => Some(path.as_path()).filter(|path| path.is_file()),
        // Whether it is built, and as what, is known when it has been built.
        Firmware::Crate(_) => None,
    };
    match find(attachment, listed).and_then(|probe| Ok((probe, look(attachment, elf)?))) {
        Ok((probe, seen)) => Check::ok(name, format!("{probe}; {}", in_words(&seen))),
        Err(error) => Check::missing(name, error.to_string(), advice(&error)),
    }
}

/// Opens it and attaches to the chip, in a process that can be ended.
fn look(attachment: &Attachment, elf: Option<&Path>) -> Result<Examined, ProbeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| ProbeError::Child {
            problem: error.to_string(),
        })?;
    runtime.block_on(Rtt::examine(attachment, elf))
}

fn in_words(seen: &Examined) -> String {
    let image = match seen.runs_image {
        None => "",
        Some(true) => ", the image is on it",
        Some(false) => ", another image is on it or none: a run writes the right one",
    };
    format!("{} is {}{image}", seen.chip, seen.core)
}

/// The probe that is meant, or the first thing that is wrong with it.
fn find(attachment: &Attachment, listed: &[Probe]) -> Result<String, ProbeError> {
    let probe = match attachment.probe.as_deref() {
        Some(selector) if network_address(selector).is_some() => in_network(selector)?,
        Some(selector) => {
            let mut meant = listed.iter().filter(|probe| probe.is_meant_by(selector));
            let found = || listed.iter().map(|probe| probe.selector.clone()).collect();
            let probe = meant.next().ok_or_else(|| ProbeError::NotFound {
                selector: selector.into(),
                found: found(),
            })?;
            on_usb(probe)?
        }
        None => match listed {
            [] => return Err(ProbeError::NoProbe),
            [probe] => on_usb(probe)?,
            several => {
                return Err(ProbeError::Several {
                    found: several.iter().map(|probe| probe.selector.clone()).collect(),
                });
            }
        },
    };
    Ok(probe)
}

fn in_network(selector: &str) -> Result<String, ProbeError> {
    let nobody = |problem: String| ProbeError::NobodyListens {
        address: selector.trim_start_matches("1d50:6018:").into(),
        problem,
    };
    let address = network_address(selector).ok_or_else(|| nobody("it is no address".into()))?;
    // Hanging up at once does a server no harm.
    TcpStream::connect_timeout(&address, CONNECT_PATIENCE)
        .map_err(|error| nobody(error.to_string()))?;
    Ok(format!("{selector} listens"))
}

fn on_usb(probe: &Probe) -> Result<String, ProbeError> {
    if !probe.accessible {
        return Err(ProbeError::Forbidden {
            probe: probe.selector.clone(),
        });
    }
    let nodes = discover::nodes(
        Path::new("/sys"),
        probe.vendor,
        probe.product,
        probe.serial.as_deref(),
    );
    in_use(&probe.selector, &nodes)?;
    Ok(format!("{} ({}) is free", probe.selector, probe.speaks))
}

/// A probe has one user at a time. A terminal at its serial port is none.
fn in_use(probe: &str, nodes: &[PathBuf]) -> Result<(), ProbeError> {
    let is_tty = |node: &&PathBuf| node.to_string_lossy().starts_with("/dev/tty");
    let nodes: Vec<PathBuf> = nodes.iter().filter(|node| !is_tty(node)).cloned().collect();
    let users = holders(Path::new("/proc"), &nodes);
    if users.is_empty() {
        return Ok(());
    }
    let users: Vec<String> = users.iter().map(ToString::to_string).collect();
    Err(ProbeError::Busy {
        probe: probe.into(),
        problem: format!("it is open in {}", users.join(", ")),
    })
}

/// What to do, step by step.
fn advice(error: &ProbeError) -> String {
    match error {
        ProbeError::NoProbe => "plug it in with a cable that carries data; in a container or virtual machine pass the device through\nhil boards --discover lists what is seen; the emulated board needs no probe".into(),
        ProbeError::Forbidden { .. } => "sudo cp ci/udev/69-hil-probes.rules /etc/udev/rules.d/\nsudo udevadm control --reload && sudo udevadm trigger, then plug the probe in again".into(),
        ProbeError::Busy { .. } => "end that program, or wait for it: a probe has one user at a time".into(),
        ProbeError::NotFound { .. } | ProbeError::Several { .. } | ProbeError::BadSelector { .. } => "correct link.rtt.probe in boards.toml; hil boards --discover shows what to write".into(),
        ProbeError::NobodyListens { .. } => "start the server of that probe; for an emulated one: hil probe serve --board qemu-mps2-an385".into(),
        ProbeError::UnknownChip { .. } | ProbeError::UnnamedChip { .. } => "hil boards --chips PART lists the names; write it to link.rtt.chip".into(),
        ProbeError::Description { .. } => "correct the file that link.rtt.chip_description names".into(),
        ProbeError::Attach { .. } => "check power and wires (SWDIO, SWCLK, GND, and NRST for connecting under reset) and that link.rtt.chip is what is on the board\nthen try a lower link.rtt.speed_khz, or link.rtt.connect_under_reset = true".into(),
        ProbeError::NoRtt { .. } | ProbeError::NoChannel { .. } => "build the image with RTT and a channel pair \"hil\" (docs/src/probes.md), or use another link".into(),
        ProbeError::DeadRtt { .. } => "let the runner write the image: hil run does so when it is not on the board".into(),
        ProbeError::Stalled { .. } | ProbeError::Failed { .. } | ProbeError::Open { .. } => "plug the probe in again; if that does not help, look at its firmware's version".into(),
        _ => "docs/src/probes.md says what a board behind a probe needs".into(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn probe(selector: &str, accessible: bool) -> Probe {
        Probe {
            selector: selector.into(),
            name: "probe".into(),
            speaks: "CMSIS-DAP".into(),
            vendor: 0x2e8a,
            product: 0x000c,
            serial: selector.splitn(3, ':').nth(2).map(str::to_owned),
            accessible,
        }
    }

    fn named(probe: Option<&str>) -> Attachment {
        Attachment {
            probe: probe.map(str::to_owned),
            chip: Some("nRF52840_xxAA".into()),
            ..Attachment::default()
        }
    }

    #[test]
    fn the_only_probe_needs_no_name_and_several_do() {
        let one = [probe("2e8a:000c:A", true)];
        assert!(find(&named(None), &one).is_ok());
        let two = [probe("2e8a:000c:A", true), probe("2e8a:000c:B", true)];
        let error = find(&named(None), &two).expect_err("which one?");
        assert!(matches!(error, ProbeError::Several { .. }), "{error}");
        assert!(find(&named(Some("2e8a:000c:B")), &two).is_ok());
        assert_eq!(find(&named(None), &[]), Err(ProbeError::NoProbe));
    }

    #[test]
    fn a_probe_that_is_not_there_or_not_permitted() {
        let listed = [probe("2e8a:000c:A", false)];
        let error = find(&named(Some("0483:374b")), &listed).expect_err("not there");
        assert!(error.to_string().contains("2e8a:000c:A"), "{error}");
        let error = find(&named(Some("2e8a:000c")), &listed).expect_err("not permitted");
        assert!(matches!(error, ProbeError::Forbidden { .. }), "{error}");
        assert!(advice(&error).contains("ci/udev/69-hil-probes.rules"));
    }

    #[test]
    fn a_probe_in_the_network_listens_or_does_not() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let selector = format!("1d50:6018:{}", server.local_addr().expect("an address"));
        assert!(find(&named(Some(&selector)), &[]).is_ok());
        drop(server);
        let error = find(&named(Some(&selector)), &[]).expect_err("it is gone");
        assert!(matches!(error, ProbeError::NobodyListens { .. }), "{error}");
    }

    #[test]
    fn who_has_a_probe_open_is_named() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let error = in_use("2e8a:000c", &[file.path().to_path_buf()]).expect_err("we have it");
        assert!(
            error.to_string().contains(&std::process::id().to_string()),
            "{error}"
        );
        assert_eq!(in_use("2e8a:000c", &[]), Ok(()));
    }

    #[test]
    fn the_rules_it_points_at_are_there() {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ci/udev/69-hil-probes.rules");
        let rules = std::fs::read_to_string(rules).expect("the rules");
        let granted = rules.find("LABEL=\"hil_probes_grant\"").expect("a label");
        let given = rules.find("TAG+=\"uaccess\"").expect("a tag");
        assert!(granted < given);
        // Whatever jumps there or to the end jumps to a label.
        for line in rules.lines().filter(|line| !line.starts_with('#')) {
            if let Some((_, label)) = line.split_once("GOTO=") {
                assert!(rules.contains(&format!("LABEL={label}")), "{line}");
            }
        }
        for vendor in ["0483", "1366", "0403", "1d50", "2e8a"] {
            assert!(
                rules.contains(&format!("ATTRS{{idVendor}}==\"{vendor}\"")),
                "{vendor}"
            );
        }
    }
}
