//! Opens the probe and attaches to the chip; says of what does not work why, and what to do.

use core::time::Duration;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};

use probe_rs::config::{Registry, RegistryError, TargetSelector};
use probe_rs::probe::list::{Accessibility, Lister};
use probe_rs::probe::{
    DebugProbeError, DebugProbeSelector, Probe, ProbeCreationError, WireProtocol,
};
use probe_rs::{Error, Permissions, Session};

use super::in_words;
use crate::link::rtt::{Attachment, DebugProtocol, ProbeError};

/// Vendor and product of probes that may also be reached over the network: Black Magic.
const NETWORKED: (u16, u16) = (0x1d50, 0x6018);
/// A server on this desk answers at once or not at all.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);

/// Most names that a mistaken chip is compared with.
const MOST_SIMILAR: usize = 5;

/// Opens the probe that is meant.
pub(super) fn probe(attachment: &Attachment) -> Result<Probe, ProbeError> {
    let lister = Lister::new();
    let selector = match &attachment.probe {
        Some(text) => text.parse().map_err(|problem| ProbeError::BadSelector {
            selector: text.clone(),
            problem: format!("{problem}"),
        })?,
        None => the_only(&lister)?,
    };
    somebody_listens(&selector)?;
    let mut probe = lister
        .open(selector.clone())
        .map_err(|error| why_closed(&lister, &selector, &error))?;
    let refused = |error: DebugProbeError| ProbeError::Open {
        probe: selector.to_string(),
        problem: in_words(&error),
    };
    let protocol = match attachment.protocol.unwrap_or(DebugProtocol::Swd) {
        DebugProtocol::Swd => WireProtocol::Swd,
        DebugProtocol::Jtag => WireProtocol::Jtag,
    };
    probe.select_protocol(protocol).map_err(refused)?;
    if let Some(speed) = attachment.speed_khz {
        probe.set_speed(speed).map_err(refused)?;
    }
    Ok(probe)
}

/// Attaches to the chip.
pub(super) fn attach(probe: Probe, attachment: &Attachment) -> Result<Session, ProbeError> {
    let (registry, chip) = target(attachment)?;
    let name = match &chip {
        TargetSelector::Unspecified(name) => name.clone(),
        _ => "that it found".into(),
    };
    let permissions = Permissions::default();
    let attached = if attachment.connect_under_reset {
        probe.attach_under_reset_with_registry(chip, permissions, &registry)
    } else {
        probe.attach_with_registry(chip, permissions, &registry)
    };
    attached.map_err(|error| match error {
        Error::ChipNotFound(error) => unknown(&registry, error),
        error => ProbeError::Attach {
            chip: name,
            problem: in_words(&error),
        },
    })
}

/// The probe to take when none is named.
fn the_only(lister: &Lister) -> Result<DebugProbeSelector, ProbeError> {
    let mut found = lister.list_all_with_access();
    match found.len() {
        0 => Err(ProbeError::NoProbe),
        1 => {
            let only = found.remove(0);
            let selector = DebugProbeSelector::from(&only.info);
            if only.accessibility == Accessibility::PermissionDenied {
                return Err(ProbeError::Forbidden {
                    probe: selector.to_string(),
                });
            }
            Ok(selector)
        }
        _ => Err(ProbeError::Several {
            found: names(lister),
        }),
    }
}

fn names(lister: &Lister) -> Vec<String> {
    let name = |info: &_| DebugProbeSelector::from(info).to_string();
    lister.list_all().iter().map(name).collect()
}

/// Whether the selector names a server, not something on USB.
fn is_networked(selector: &DebugProbeSelector) -> bool {
    let is_address = |serial: &String| serial.contains(':');
    (selector.vendor_id, selector.product_id) == NETWORKED
        && selector.serial_number.as_ref().is_some_and(is_address)
}

/// probe-rs takes a connection that is refused for a probe that is plugged into nothing.
fn somebody_listens(selector: &DebugProbeSelector) -> Result<(), ProbeError> {
    let Some(address) = selector
        .serial_number
        .as_ref()
        .filter(|_| is_networked(selector))
    else {
        return Ok(());
    };
    let nobody = |error: &io::Error| ProbeError::NobodyListens {
        address: address.clone(),
        problem: error.to_string(),
    };
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for candidate in address.to_socket_addrs().map_err(|error| nobody(&error))? {
        match TcpStream::connect_timeout(&candidate, CONNECT_PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(nobody(&last))
}

/// Why a probe does not open.
fn why_closed(
    lister: &Lister,
    selector: &DebugProbeSelector,
    error: &DebugProbeError,
) -> ProbeError {
    let probe = selector.to_string();
    let listed = lister.list_with_access(Some(selector));
    if listed
        .iter()
        .any(|item| item.accessibility == Accessibility::PermissionDenied)
    {
        return ProbeError::Forbidden { probe };
    }
    if is_networked(selector) {
        // It listens. What is wrong then the driver hides behind whatever the other drivers say, of USB for one.
        let problem = "it listens, but hangs up on us".into();
        return ProbeError::Busy { probe, problem };
    }
    let problem = in_words(error);
    match system_error(error) {
        Some(io::ErrorKind::PermissionDenied) => return ProbeError::Forbidden { probe },
        Some(io::ErrorKind::ResourceBusy) => return ProbeError::Busy { probe, problem },
        _ => {}
    }
    match error {
        DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::NotFound)
            if listed.is_empty() =>
        {
            ProbeError::NotFound {
                selector: probe,
                found: names(lister),
            }
        }
        DebugProbeError::ProbeCouldNotBeCreated(ProbeCreationError::CouldNotOpen)
            if !listed.is_empty() =>
        {
            ProbeError::Busy { probe, problem }
        }
        _ => ProbeError::Open { probe, problem },
    }
}

/// What the system said, however deep.
fn system_error(error: &DebugProbeError) -> Option<io::ErrorKind> {
    let mut next: Option<&(dyn core::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(system) = error.downcast_ref::<io::Error>() {
            return Some(system.kind());
        }
        next = error.source();
    }
    None
}

/// The chips that are known, and the one that is meant.
fn target(attachment: &Attachment) -> Result<(Registry, TargetSelector), ProbeError> {
    let Some(path) = &attachment.chip_description else {
        let chip = match &attachment.chip {
            Some(name) => TargetSelector::Unspecified(name.clone()),
            None => TargetSelector::Auto,
        };
        return Ok((Registry::from_builtin_families(), chip));
    };
    let bad = |problem: String| ProbeError::Description {
        path: path.clone(),
        problem,
    };
    let text = std::fs::read_to_string(path).map_err(|error| bad(error.to_string()))?;
    let mut registry = Registry::new();
    let family = registry
        .add_target_family_from_yaml(&text)
        .map_err(|error| bad(in_words(&error)))?;
    let known = registry
        .get_targets_by_family_name(&family)
        .map_err(|error| bad(in_words(&error)))?;
    let chip = match (&attachment.chip, known.as_slice()) {
        (Some(name), _) => name.clone(),
        (None, [only]) => only.clone(),
        (None, several) => {
            let several = several.join(", ");
            return Err(bad(format!(
                "it describes several chips, and link.rtt.chip does not say which: {several}"
            )));
        }
    };
    Ok((registry, TargetSelector::Unspecified(chip)))
}

fn unknown(registry: &Registry, error: RegistryError) -> ProbeError {
    match error {
        RegistryError::ChipNotFound(chip) | RegistryError::ChipNotUnique(chip, _) => {
            let mut similar = similar(registry, &chip);
            similar.truncate(MOST_SIMILAR);
            ProbeError::UnknownChip { chip, similar }
        }
        error => ProbeError::UnnamedChip {
            problem: in_words(&error),
        },
    }
}

/// Names that have the longest beginning in common with this one, if it is long enough to mean something.
fn similar(registry: &Registry, chip: &str) -> Vec<String> {
    let ends = chip.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.skip(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .map(|end| registry.search_chips(&chip[..end]))
        .find(|names| !names.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn named(probe: &str) -> Attachment {
        Attachment {
            probe: Some(probe.into()),
            ..Attachment::default()
        }
    }

    #[test]
    fn a_selector_that_is_none_is_refused() {
        let error = probe(&named("the one on the left")).expect_err("no selector");
        assert!(matches!(error, ProbeError::BadSelector { .. }), "{error}");
    }

    #[test]
    fn a_server_that_is_not_there_is_no_usb_trouble() {
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = closed.local_addr().expect("it has one").to_string();
        drop(closed);
        let error = probe(&named(&format!("1d50:6018:{address}"))).expect_err("nobody there");
        let ProbeError::NobodyListens { address: said, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*said, address);
    }

    #[test]
    fn a_server_that_hangs_up_serves_somebody_else() {
        let server = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = server.local_addr().expect("it has one");
        let hanging_up = std::thread::spawn(move || {
            // One to see whether anybody listens, one to speak with.
            for _ in 0..2 {
                drop(server.accept());
            }
        });
        let error = probe(&named(&format!("1d50:6018:{address}"))).expect_err("hung up");
        assert!(matches!(error, ProbeError::Busy { .. }), "{error}");
        hanging_up.join().expect("it ends");
    }

    #[test]
    fn a_probe_that_is_not_plugged_in_is_not_there() {
        let error = probe(&named("0483:0001:NOBODY")).expect_err("not there");
        // Without any USB at all the driver says something else.
        assert!(
            matches!(error, ProbeError::NotFound { .. } | ProbeError::Open { .. }),
            "{error}"
        );
    }

    #[test]
    fn descriptions_are_read_and_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("chip.yaml");
        let described = |chip: Option<&str>| Attachment {
            chip: chip.map(Into::into),
            chip_description: Some(path.clone()),
            ..Attachment::default()
        };
        let missing = target(&described(None)).map(drop).expect_err("no file");
        assert!(
            matches!(missing, ProbeError::Description { .. }),
            "{missing}"
        );
        std::fs::write(&path, "name: [").expect("written");
        let broken = target(&described(None))
            .map(drop)
            .expect_err("no description");
        assert!(matches!(broken, ProbeError::Description { .. }), "{broken}");
    }

    #[test]
    fn chips_nobody_knows_come_with_similar_ones() {
        let registry = Registry::from_builtin_families();
        let error = unknown(&registry, RegistryError::ChipNotFound("STM32F407".into()));
        let ProbeError::UnknownChip { similar, .. } = error else {
            panic!("{error}");
        };
        assert!(
            similar.iter().any(|name| name.starts_with("STM32F407")),
            "{similar:?}"
        );
    }
}
