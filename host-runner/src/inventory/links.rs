//! The links of one board: `link.*` and `default_link`.
//!
//! Must not: look whether a port or probe is there.

use core::str::FromStr;
use std::path::{Path, PathBuf};

use probe_rs::probe::DebugProbeSelector;

use super::diagnostic::similar;
use super::load::choice;
use super::reader::Table;
use super::{BoardKind, Link, SerialPort};
use crate::link::LinkKind;
use crate::link::rtt::{Attachment, DebugProtocol};

/// Bits per second of a serial port that names none.
const USUAL_BAUD: u32 = 115_200;

/// The links that a board of this kind has, and the one it uses.
pub(super) fn links(
    table: &mut Table<'_, '_>,
    kind: Option<&BoardKind>,
    directory: &Path,
) -> (Vec<Link>, Option<LinkKind>) {
    let mut links = Vec::new();
    let mut named = false;
    // Asked only of a kind that is known: the links of an unknown one cannot be judged.
    if let Some(mut inner) = table.inner_table("link") {
        named = !inner.keys().is_empty();
        if let Some(kind) = kind {
            read_links(&mut inner, kind, directory, &mut links);
            // The kind's own order decides which one is used unless the board says so.
            let fits = kind.links();
            links.sort_by_key(|link| fits.iter().position(|fit| *fit == link.kind()));
        }
    } else {
        // Says so if the key is there and no table.
        let _ = table.table("link");
    }
    if links.is_empty() {
        match kind {
            Some(BoardKind::Probe) if !named => {
                table.missing("link.rtt", "{ chip = \"the name of the chip\" }");
            }
            Some(BoardKind::Serial) if !named => {
                table.missing("link.serial", "{ port = \"/dev/ttyACM0\", baud = 115200 }");
            }
            // What is wrong with the ones that are named has been said.
            Some(BoardKind::Probe | BoardKind::Serial) => {}
            Some(BoardKind::Qemu { .. }) => links.push(Link::Serial { uart: 0 }),
            Some(BoardKind::Native { .. }) | None => links.push(Link::Unix),
        }
    }
    let default = default_link(table, kind, &links);
    (links, default)
}

fn default_link(
    table: &mut Table<'_, '_>,
    kind: Option<&BoardKind>,
    links: &[Link],
) -> Option<LinkKind> {
    let Some(word) = table.text("default_link") else {
        return links.first().map(Link::kind);
    };
    let wanted = LinkKind::from_str(&word.value).ok();
    let default = links
        .iter()
        .map(Link::kind)
        .find(|link| Some(*link) == wanted);
    if default.is_none() && kind.is_some() && !links.is_empty() {
        let (message, label) = match wanted {
            Some(link) => (
                format!("the default link \"{link}\" is none of this board's links"),
                "not listed under link",
            ),
            None => (format!("unknown link \"{}\"", word.value), "unknown link"),
        };
        let have: Vec<String> = links
            .iter()
            .map(|link| link.kind().name().to_owned())
            .collect();
        let meant = similar(&word.value, have.iter().map(String::as_str));
        table.problem(&word, message, label, choice(meant, &have));
    }
    default
}

fn read_links(
    table: &mut Table<'_, '_>,
    kind: &BoardKind,
    directory: &Path,
    links: &mut Vec<Link>,
) {
    let fits = kind.links();
    for key in table.keys() {
        let Ok(link) = LinkKind::from_str(&key.value) else {
            let known: Vec<String> = fits.iter().map(|link| link.name().to_owned()).collect();
            let meant = similar(&key.value, known.iter().map(String::as_str));
            table.problem(
                &key,
                format!("unknown link \"{}\"", key.value),
                "unknown link",
                choice(meant, &known),
            );
            continue;
        };
        if !fits.contains(&link) {
            let right: Vec<String> = fits.iter().map(|link| format!("link.{link}")).collect();
            table.problem(
                &key,
                format!("a board of this kind has no link \"{link}\""),
                "does not fit the kind",
                format!("use {}", right.join(" or ")),
            );
            continue;
        }
        let Some(inner) = table.inner_table(link.name()) else {
            let _ = table.table(link.name());
            continue;
        };
        links.extend(read_link(inner, link, kind, directory));
    }
}

fn read_link(
    mut table: Table<'_, '_>,
    link: LinkKind,
    kind: &BoardKind,
    directory: &Path,
) -> Option<Link> {
    match (link, kind) {
        (LinkKind::Unix, _) => {
            table.finish(&[]);
            Some(Link::Unix)
        }
        (LinkKind::Serial, BoardKind::Serial) => {
            let port = table.required_text("port", "the device, for example \"/dev/ttyACM0\"");
            let baud = table.number("baud", 50.0..=12_000_000.0);
            let log = table.text("log");
            table.finish(&["port", "baud", "log"]);
            Some(Link::Port(SerialPort {
                port: directory.join(port?.value),
                baud: baud.map_or(USUAL_BAUD, |baud| baud as u32),
                log: log.map(|log| directory.join(log.value)),
            }))
        }
        (LinkKind::Serial, _) => {
            let uart = table.number("uart", 0.0..=0.0);
            table.finish(&["uart"]);
            Some(Link::Serial {
                uart: uart.map_or(0, |uart| uart as u8),
            })
        }
        // The probe in front of an emulated board is the runner's own and needs no description.
        (LinkKind::Rtt, BoardKind::Qemu { .. }) => {
            table.finish(&[]);
            Some(Link::Rtt {
                attachment: Attachment::default(),
            })
        }
        (LinkKind::Rtt, _) => {
            let attachment = attachment(&mut table, directory);
            table.finish(&[
                "probe",
                "chip",
                "chip_description",
                "speed_khz",
                "protocol",
                "connect_under_reset",
            ]);
            Some(Link::Rtt {
                attachment: attachment?,
            })
        }
    }
}

fn attachment(table: &mut Table<'_, '_>, directory: &Path) -> Option<Attachment> {
    if !table.has("chip") && !table.has("chip_description") {
        table.missing(
            "chip",
            "its name as probe-rs lists it, for example \"nRF52840_xxAA\"; \
             or chip_description: the path of a target description (YAML)",
        );
        return None;
    }
    let chip = table.text("chip").map(|chip| chip.value);
    let chip_description = description(table, directory);
    let protocol = protocol(table);
    let speed_khz = table.number("speed_khz", 1.0..=100_000.0);
    Some(Attachment {
        probe: probe(table),
        chip,
        chip_description,
        speed_khz: speed_khz.map(|khz| khz as u32),
        protocol,
        connect_under_reset: table.flag("connect_under_reset").unwrap_or(false),
    })
}

fn description(table: &mut Table<'_, '_>, directory: &Path) -> Option<PathBuf> {
    let name = table.text("chip_description")?;
    let path = directory.join(&name.value);
    if !path.is_file() {
        table.problem(
            &name,
            format!("the chip description \"{}\" does not exist", name.value),
            "no such file",
            "give its path relative to this boards.toml; \
             leave the key out for a chip that probe-rs knows by name"
                .into(),
        );
    }
    Some(path)
}

/// `VID:PID` or `VID:PID:SERIAL`.
fn probe(table: &mut Table<'_, '_>) -> Option<String> {
    let selector = table.text("probe")?;
    // As the driver reads it, `VID:PID-INTERFACE` of a probe with several included.
    if selector.value.parse::<DebugProbeSelector>().is_ok() {
        return Some(selector.value);
    }
    table.problem(
        &selector,
        format!("\"{}\" names no debug probe", selector.value),
        "not VID:PID",
        "write VID:PID or VID:PID:SERIAL, the numbers in hexadecimal, for example \"1366:1015\"; \
         leave the key out if only one probe is attached"
            .into(),
    );
    None
}

fn protocol(table: &mut Table<'_, '_>) -> Option<DebugProtocol> {
    let word = table.text("protocol")?;
    let found = DebugProtocol::ALL
        .into_iter()
        .find(|protocol| protocol.name() == word.value);
    if found.is_none() {
        let known = DebugProtocol::ALL.map(|protocol| protocol.name().to_owned());
        let meant = similar(&word.value, DebugProtocol::ALL.map(DebugProtocol::name));
        table.problem(
            &word,
            format!("unknown debug protocol \"{}\"", word.value),
            "unknown protocol",
            choice(meant, &known),
        );
    }
    found
}
