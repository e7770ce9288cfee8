//! Tables for boards.toml, to be pasted as they are.

use std::collections::BTreeSet;

use super::{Port, Probe};

/// Bit rate of the agents in this repository.
const BAUD: u32 = 115_200;

/// Longest name that is made up for a board.
const LONGEST: usize = 32;

/// Names for boards, no two alike.
#[derive(Debug, Default)]
pub struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// Makes a name of a board from that of a device: lower case letters, digits and dashes.
    fn make(&mut self, device: &str, otherwise: &str) -> String {
        let words: Vec<String> = device
            .to_lowercase()
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let mut plain = String::new();
        for word in words {
            if plain.len() + word.len() >= LONGEST {
                break;
            }
            if !plain.is_empty() {
                plain.push('-');
            }
            plain.push_str(&word);
        }
        if plain.is_empty() {
            plain = otherwise.into();
        }
        let name = (2..)
            .map(|number| format!("{plain}-{number}"))
            .find(|numbered| !self.taken.contains(numbered))
            .filter(|_| self.taken.contains(&plain))
            .unwrap_or(plain);
        self.taken.insert(name.clone());
        name
    }
}

/// The table of a board at this probe.
#[must_use]
pub fn of_probe(probe: &Probe, names: &mut Names) -> String {
    let name = names.make(&probe.name, "probe");
    let selector = quoted(&probe.selector);
    format!(
        "[board.{name}]\n\
         kind = \"probe\"\n\
         firmware = {{ elf = \"{name}.elf\" }}  # the image: the table's name has to be what it calls its board; or firmware = \"CRATE\"\n\
         port = \"smoltcp\"  # the implementation of the API that is in it\n\
         link.rtt = {{ probe = {selector}, chip = \"CHIP\" }}  # its name: hil boards --chips PART\n"
    )
}

/// The table of a board at this serial port.
#[must_use]
pub fn of_port(port: &Port, names: &mut Names) -> String {
    let name = names.make(port.name.as_deref().unwrap_or_default(), "serial");
    let path = quoted(&port.path.to_string_lossy());
    format!(
        "[board.{name}]\n\
         kind = \"serial\"\n\
         firmware = {{ elf = \"{name}.elf\" }}  # what it runs: the table's name has to be what that calls its board; or firmware = \"CRATE\"\n\
         port = \"smoltcp\"  # the implementation of the API that is in it\n\
         link.serial = {{ port = {path}, baud = {BAUD} }}\n"
    )
}

/// As TOML writes it: what a device says of itself may be anything.
fn quoted(text: &str) -> String {
    toml::Value::String(text.into()).to_string()
}
