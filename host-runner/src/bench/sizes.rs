//! How much memory an image for a microcontroller takes, from its ELF file.

use std::path::Path;

use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionKind, elf};

/// Bytes an image takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Code, constants and the initial values of variables.
    pub text: u64,
    /// Variables, and the stack as far as the linker script of `cortex-m-rt` tells its place.
    pub ram: u64,
}

/// Of the image at `path`; a problem in words if that cannot be said.
pub(super) fn of(path: Option<&Path>) -> Result<Sizes, String> {
    let path = path.ok_or("the image is not there")?;
    let image = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    measure(&image).map_err(|problem| format!("{}: {problem}", path.display()))
}

fn measure(image: &[u8]) -> Result<Sizes, String> {
    let file = object::File::parse(image).map_err(|error| error.to_string())?;
    let mut sizes = Sizes::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else {
            return Err("not an ELF file".into());
        };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        let variables = sh_flags & u64::from(elf::SHF_WRITE) != 0;
        if section.kind() == SectionKind::UninitializedData {
            sizes.ram += section.size();
        } else {
            // Initial values take room in both memories.
            sizes.text += section.size();
            sizes.ram += if variables { section.size() } else { 0 };
        }
    }
    let address = |wanted: &str| {
        file.symbols()
            .find(|symbol| symbol.name() == Ok(wanted))
            .map(|symbol| symbol.address())
    };
    if let (Some(stack), Some(variables)) = (address("_stack_end"), address("__sdata")) {
        // Below the variables when the linker is told to put it there, for a guard.
        sizes.ram += variables.saturating_sub(stack);
    }
    Ok(sizes)
}
