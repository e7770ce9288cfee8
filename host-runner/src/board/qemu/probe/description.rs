//! The target description: what clients must know about the chip, in the format of probe-rs (YAML).

use core::fmt::Write as _;

use super::algorithm as code;
use super::base64;
use super::chip::{Chip, Kind};

/// Name of the flash algorithm.
const ALGORITHM: &str = "emulated-flash";

/// The description of one chip.
pub(super) fn of(chip: &Chip) -> String {
    let mut text = format!(
        "# A board emulated by QEMU, as probe-rs wants chips described.\n\
         name: {name}\n\
         variants:\n\
         - name: {name}\n\
         \x20 cores:\n\
         \x20 - name: main\n\
         \x20   type: armv7m\n\
         \x20   core_access_options: !Arm\n\
         \x20     ap: !v1 0\n\
         \x20 memory_map:\n",
        name = chip.name
    );
    for region in chip.regions {
        let kind = match region.kind {
            Kind::Flash => "!Nvm",
            Kind::Ram | Kind::Shared => "!Ram",
            Kind::Registers => continue,
        };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\x20 - {kind}\n\
             \x20   name: {}\n\
             \x20   range:\n\
             \x20     start: {:#x}\n\
             \x20     end: {:#x}\n\
             \x20   cores:\n\
             \x20   - main\n",
            region.name,
            region.start,
            region.start + region.size
        );
    }
    let flash = chip.region(Kind::Flash);
    let _ = write!(
        text,
        "\x20 flash_algorithms:\n\
         \x20 - {ALGORITHM}\n\
         flash_algorithms:\n\
         - name: {ALGORITHM}\n\
         \x20 description: memory that is emulated as flash\n\
         \x20 default: true\n\
         \x20 instructions: {}\n\
         \x20 load_address: {:#x}\n\
         \x20 pc_init: {:#x}\n\
         \x20 pc_uninit: {:#x}\n\
         \x20 pc_program_page: {:#x}\n\
         \x20 pc_erase_sector: {:#x}\n\
         \x20 pc_erase_all: {:#x}\n\
         \x20 data_section_offset: {:#x}\n\
         \x20 flash_properties:\n\
         \x20   address_range:\n\
         \x20     start: {:#x}\n\
         \x20     end: {:#x}\n\
         \x20   page_size: {:#x}\n\
         \x20   erased_byte_value: 0xff\n\
         \x20   program_page_timeout: 5000\n\
         \x20   erase_sector_timeout: 5000\n\
         \x20   sectors:\n\
         \x20   - size: {:#x}\n\
         \x20     address: 0x0\n",
        base64::encode(&code::bytes()),
        code::LOAD_ADDRESS,
        code::INIT,
        code::UNINIT,
        code::PROGRAM_PAGE,
        code::ERASE_SECTOR,
        code::ERASE_ALL,
        code::CODE.len() * 2,
        flash.start,
        flash.start + flash.size,
        code::PAGE,
        code::SECTOR,
    );
    text
}

#[cfg(test)]
mod tests {
    use probe_rs::config::Registry;

    use super::*;

    #[test]
    fn probe_rs_understands_it() {
        for machine in ["mps2-an385", "mps2-an386"] {
            let chip = Chip::of_machine(machine).expect("there is one");
            let mut registry = Registry::new();
            registry
                .add_target_family_from_yaml(&of(&chip))
                .expect("a description");
            let target = registry.get_target_by_name(machine).expect("a chip");
            assert_eq!(target.memory_map.len(), 4);
            let algorithm = &target.flash_algorithms[0];
            assert_eq!(algorithm.instructions, code::bytes());
        }
    }
}
