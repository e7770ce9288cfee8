//! `hil boards --discover` and `--chips`: what is attached, as tables for boards.toml.

use core::time::Duration;
use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::{Failure, print};
use crate::discover::{self, ListError, Names, Port, Probe};
use crate::event::Exit;
use crate::report::Paint;

/// Listing takes milliseconds; a USB device that does not answer would take for ever.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the rules are that let ordinary users open probes.
pub(super) const UDEV_RULES: &str = "ci/udev/69-hil-probes.rules";

/// One of them with its table, as `--json` shows it.
#[derive(Debug, Serialize)]
#[serde(tag = "found", rename_all = "lowercase")]
enum Line<'a> {
    Probe {
        #[serde(flatten)]
        probe: &'a Probe,
        stanza: String,
    },
    Port {
        #[serde(flatten)]
        port: &'a Port,
        stanza: String,
    },
}

/// What was found, or why not.
struct Found {
    probes: Result<Vec<Probe>, ListError>,
    ports: Result<Vec<Port>, String>,
    has_usb: bool,
}

/// Lists what is attached.
pub(super) fn attached(json: bool, paint: Paint) -> Result<Exit, Failure> {
    let found = Found {
        probes: discover::probes(PATIENCE),
        ports: discover::ports(),
        has_usb: Path::new("/sys/bus/usb/devices").is_dir(),
    };
    print(&if json {
        lines(&found)?
    } else {
        text(&found, paint)
    })?;
    // What could be listed was; what could not has been said, too.
    Ok(if found.probes.is_ok() && found.ports.is_ok() {
        Exit::Conforms
    } else {
        Exit::RigTrouble
    })
}

/// Lists the chips whose name contains `part`.
pub(super) fn chips(part: &str) -> Result<Exit, Failure> {
    let names = discover::chips::search(part);
    if names.is_empty() {
        return Err(Failure::error(
            Exit::NothingSelected,
            format!(
                "probe-rs knows no chip whose name contains \"{part}\"; try a shorter part, for example a family such as \"nrf52\" or \"stm32f4\", or describe the chip yourself: link.rtt = {{ chip_description = \"chip.yaml\", … }}"
            ),
        ));
    }
    print(&names.iter().fold(String::new(), |mut out, name| {
        let _ = writeln!(out, "{name}");
        out
    }))?;
    Ok(Exit::Conforms)
}

fn lines(found: &Found) -> Result<String, Failure> {
    let mut names = Names::default();
    let mut out = String::new();
    let probes = found.probes.iter().flatten().map(|probe| Line::Probe {
        probe,
        stanza: discover::of_probe(probe, &mut names),
    });
    let mut lines: Vec<Line<'_>> = probes.collect();
    lines.extend(found.ports.iter().flatten().map(|port| Line::Port {
        port,
        stanza: discover::of_port(port, &mut names),
    }));
    for line in lines {
        let line = serde_json::to_string(&line)
            .map_err(|error| Failure::error(Exit::RigTrouble, error))?;
        out.push_str(&line);
        out.push('\n');
    }
    for trouble in troubles(found) {
        super::say(&format!("error: {trouble}\n"));
    }
    Ok(out)
}

fn troubles(found: &Found) -> Vec<String> {
    let probes = found.probes.as_ref().err().map(ToString::to_string);
    probes
        .into_iter()
        .chain(found.ports.as_ref().err().cloned())
        .collect()
}

fn text(found: &Found, paint: Paint) -> String {
    let mut names = Names::default();
    let mut out = String::new();
    match &found.probes {
        Ok(probes) if probes.is_empty() => {
            let _ = writeln!(out, "# {}", paint.bold("no debug probe found"));
            let _ = writeln!(out, "#   {}", absence(found.has_usb));
        }
        Ok(probes) => {
            for probe in probes {
                one_probe(&mut out, probe, &mut names, paint);
            }
        }
        Err(error) => {
            let _ = writeln!(out, "# {}", paint.bad(&error.to_string()));
        }
    }
    out.push('\n');
    match &found.ports {
        Ok(ports) if ports.is_empty() => {
            let _ = writeln!(out, "# {}", paint.bold("no serial port found"));
            let _ = writeln!(
                out,
                "#   an adapter appears as /dev/ttyUSB0 or /dev/ttyACM0 when it is plugged in (dmesg shows it)"
            );
        }
        Ok(ports) => {
            let probes = found.probes.as_deref().unwrap_or_default();
            for (index, port) in ports.iter().enumerate() {
                if index > 0 {
                    out.push('\n');
                }
                one_port(&mut out, port, probes, &mut names, paint);
            }
        }
        Err(error) => {
            let _ = writeln!(out, "# {}", paint.bad(error));
        }
    }
    let probes = found.probes.iter().flatten().count();
    let ports = found.ports.iter().flatten();
    if probes + ports.clone().count() > 0 {
        let _ = writeln!(
            out,
            "\n# Paste what you want to use into boards.toml; `hil doctor --board NAME` then checks it."
        );
    }
    // A UART that a PC brings along is seldom where a board is.
    if probes + ports.filter(|port| port.usb.is_some()).count() == 0 {
        let _ = writeln!(
            out,
            "\n# The emulated board needs neither: hil run --board qemu-mps2-an385"
        );
    }
    out
}

fn absence(has_usb: bool) -> &'static str {
    if has_usb {
        "is it plugged in, with a cable that carries data? `lsusb` shows it even where permission is missing"
    } else {
        "this machine shows no USB at all (a container or virtual machine needs the device passed through)"
    }
}

fn one_probe(out: &mut String, probe: &Probe, names: &mut Names, paint: Paint) {
    if !out.is_empty() {
        out.push('\n');
    }
    let title = format!("{}, speaks {}", plain(&probe.name), probe.speaks);
    let _ = writeln!(out, "# {}", paint.bold(&title));
    if !probe.accessible {
        let problem = "you may not open it:";
        let _ = writeln!(
            out,
            "# {} copy {UDEV_RULES} to /etc/udev/rules.d, then: sudo udevadm control --reload && sudo udevadm trigger",
            paint.bad(problem)
        );
    }
    out.push_str(&discover::of_probe(probe, names));
}

fn one_port(out: &mut String, port: &Port, probes: &[Probe], names: &mut Names, paint: Paint) {
    let name = port.name.as_deref().unwrap_or("serial port");
    let usb = port
        .usb
        .map(|(vendor, product)| format!(", USB {vendor:04x}:{product:04x}"))
        .unwrap_or_default();
    let title = format!("{} at {}{usb}", plain(name), port.device.display());
    let _ = writeln!(out, "# {}", paint.bold(&title));
    let of_a_probe = probes.iter().find(|probe| {
        port.usb == Some((probe.vendor, probe.product)) && port.serial == probe.serial
    });
    if let Some(probe) = of_a_probe {
        let _ = writeln!(
            out,
            "# it belongs to the debug probe {}, and leads to a UART of its board if that is wired",
            probe.selector
        );
    }
    if !port.accessible {
        let _ = writeln!(
            out,
            "# {} sudo usermod -aG dialout $USER, then log in again",
            paint.bad("you may not open it:")
        );
    }
    out.push_str(&discover::of_port(port, names));
}

/// What a device says of itself, on one line.
fn plain(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_control() { '?' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(probes: Vec<Probe>, ports: Vec<Port>) -> Found {
        Found {
            probes: Ok(probes),
            ports: Ok(ports),
            has_usb: true,
        }
    }

    fn pico() -> (Probe, Port) {
        let probe = Probe {
            selector: "2e8a:000c:E661".into(),
            name: "Debugprobe on Pico (CMSIS-DAP)".into(),
            speaks: "CMSIS-DAP".into(),
            vendor: 0x2e8a,
            product: 0x000c,
            serial: Some("E661".into()),
            accessible: false,
        };
        let port = Port {
            path: "/dev/serial/by-id/usb-Raspberry_Pi_Debugprobe_E661-if01".into(),
            device: "/dev/ttyACM0".into(),
            name: Some("Debugprobe on Pico\n(CMSIS-DAP)".into()),
            usb: Some((0x2e8a, 0x000c)),
            serial: Some("E661".into()),
            accessible: false,
        };
        (probe, port)
    }

    #[test]
    fn a_probe_with_a_serial_port_of_its_own() {
        let (probe, port) = pico();
        insta::assert_snapshot!(text(&found(vec![probe], vec![port]), Paint::new(false)));
    }

    #[test]
    fn nothing_attached_says_what_to_look_at() {
        insta::assert_snapshot!(text(&found(Vec::new(), Vec::new()), Paint::new(false)));
    }

    #[test]
    fn trouble_is_told_and_hides_nothing() {
        let (_, port) = pico();
        let found = Found {
            probes: Err(ListError::Late { waited: PATIENCE }),
            ports: Ok(vec![port]),
            has_usb: true,
        };
        let text = text(&found, Paint::new(false));
        assert!(text.contains("has not ended within 5 s"), "{text}");
        assert!(text.contains("/dev/ttyACM0"), "{text}");
    }

    #[test]
    fn everything_that_is_printed_can_be_pasted() {
        let (probe, port) = pico();
        let text = text(&found(vec![probe], vec![port]), Paint::new(false));
        let tables: toml::Table = text.parse().expect("TOML");
        assert_eq!(tables["board"].as_table().map(toml::Table::len), Some(2));
    }

    #[test]
    fn an_object_per_line() {
        let (probe, port) = pico();
        let text = lines(&found(vec![probe], vec![port])).expect("it is written");
        let objects: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(objects[0]["found"], "probe");
        assert_eq!(objects[0]["selector"], "2e8a:000c:E661");
        assert_eq!(objects[1]["found"], "port");
        assert!(
            objects[1]["stanza"]
                .as_str()
                .is_some_and(|text| text.starts_with("[board."))
        );
    }
}
