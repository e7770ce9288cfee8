//! Compares the memory an image takes with its limits.

use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionKind};

use crate::firmware;

/// Code, constants and the initial values of variables.
const TEXT_LIMIT: u64 = 160 * 1024;
/// Variables, heap and stack.
const RAM_LIMIT: u64 = 112 * 1024;

/// Bytes an image takes.
#[derive(Debug, Default)]
struct Size {
    /// Code and constants.
    text: u64,
    /// Variables with an initial value; they take room in both memories.
    data: u64,
    /// Other variables.
    bss: u64,
    /// The stack, and what survives a reset beside it.
    stack: u64,
}

/// Builds the image of `name` with `features`, prints a table, fails when a limit is exceeded.
pub(crate) fn check(name: &str, features: &[String]) -> Result<()> {
    let elf = firmware::build(&[name.to_owned()], features, true)?.remove(0);
    let image = fs::read(&elf).with_context(|| format!("cannot read {}", elf.display()))?;
    let size = measure(&image).with_context(|| format!("cannot measure {}", elf.display()))?;
    let text = size.text + size.data;
    let ram = size.data + size.bss + size.stack;
    println!("{name}");
    println!("{:<12}{:>9}{:>9}{:>9}", "", "bytes", "limit", "free");
    for (what, used, limit) in [("text", text, TEXT_LIMIT), ("static RAM", ram, RAM_LIMIT)] {
        println!(
            "{what:<12}{used:>9}{limit:>9}{:>9}",
            limit as i64 - used as i64
        );
    }
    println!(
        "static RAM is .data {}, .bss {}, stack and kept memory {}",
        size.data, size.bss, size.stack
    );
    if text > TEXT_LIMIT || ram > RAM_LIMIT {
        bail!("{name} is too large");
    }
    Ok(())
}

fn measure(image: &[u8]) -> Result<Size> {
    let file = object::File::parse(image)?;
    let mut size = Size::default();
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else {
            bail!("this is not an ELF file")
        };
        if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 {
            continue;
        }
        let writable = sh_flags & u64::from(object::elf::SHF_WRITE) != 0;
        *match (writable, section.kind()) {
            (_, SectionKind::UninitializedData) => &mut size.bss,
            (true, _) => &mut size.data,
            (false, _) => &mut size.text,
        } += section.size();
    }
    let address = |wanted: &str| {
        file.symbols()
            .find(|symbol| symbol.name() == Ok(wanted))
            .map(|symbol| symbol.address())
            .with_context(|| format!("there is no symbol {wanted}"))
    };
    // From the bottom of the stack up to the first variable: nothing else may use it.
    let (stack, variables) = (address("_stack_end")?, address("__sdata")?);
    ensure!(
        stack < variables,
        "the stack is expected below the variables"
    );
    size.stack = variables - stack;
    Ok(size)
}
