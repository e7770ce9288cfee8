//! Images of tests, and the tests they hold: read from the ELF file, where both frameworks list them.
//!
//! embedded-test puts a symbol per test into a section of its own; the symbol's name is JSON, its data the address
//! to be called and the path of the module. defmt-test lists nothing, but announces each test with a message, and
//! the messages are in the image. Must not: run anything; panic, whatever the file holds.

use core::time::Duration;
use std::path::{Path, PathBuf};

use object::{Object as _, ObjectSection as _, ObjectSymbol as _};
use serde::Deserialize;

/// Where embedded-test lists its tests.
const SECTION: &str = ".embedded_test";
/// Says that an image is one of embedded-test, and in which version of the format.
const VERSION: &str = "EMBEDDED_TEST_VERSION";
/// Says that an image is one of defmt-test.
const COUNT: &str = "DEFMT_TEST_COUNT";
/// Longest path of a module.
const LONGEST_PATH: usize = 1024;

/// An image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its name: that of its binary.
    pub name: String,
    /// The ELF file.
    pub elf: PathBuf,
    /// Its GNU build id, in hexadecimal; empty if it has none.
    pub build_id: String,
    /// How its tests are run.
    pub framework: Framework,
    /// Its tests, in the order of their ids where they are run alone, else in the order they stand in.
    pub tests: Vec<Test>,
}

/// Who runs the tests of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// embedded-test: each by itself, after a reset, selected by its address.
    EachAlone,
    /// defmt-test: all in one go.
    AllAtOnce,
}

/// A test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// `module::name`, beginning with the name of the image.
    pub id: String,
    /// Where it begins; 0 for those that are run in one go.
    pub address: u32,
    /// It is not to be run.
    pub ignored: bool,
    /// It passes if it panics.
    pub should_panic: bool,
    /// How long it may take, if it says so.
    pub timeout: Option<Duration>,
    /// Where it stands, `file:line`; empty if the image does not say.
    pub source: String,
}

/// Why an image cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("image {}: {problem}", elf.display())]
pub struct BadImage {
    /// The file.
    pub elf: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

impl Image {
    /// Reads the file. `workspace` is what source files are named relative to.
    ///
    /// # Errors
    /// It cannot be read, or holds no tests of a kind that is known.
    pub fn read(name: &str, elf: &Path, workspace: &Path) -> Result<Self, BadImage> {
        let bad = |problem: String| BadImage {
            elf: elf.into(),
            problem,
        };
        let bytes = std::fs::read(elf).map_err(|error| bad(error.to_string()))?;
        let file = object::File::parse(&*bytes)
            .map_err(|error| bad(format!("not an ELF file: {error}")))?;
        let build_id = file
            .build_id()
            .map_err(|error| bad(format!("its notes cannot be read: {error}")))?
            .unwrap_or_default()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let has = |wanted: &str| file.symbols().any(|symbol| symbol.name() == Ok(wanted));
        let (framework, mut tests) = if has(VERSION) {
            (Framework::EachAlone, alone(&file).map_err(bad)?)
        } else if has(COUNT) {
            (Framework::AllAtOnce, announced(&file, name))
        } else {
            return Err(bad(
                "holds no tests of embedded-test or defmt-test (or was linked without embedded-test.x)"
                    .into(),
            ));
        };
        // Without debug information the tests are the same.
        if let Ok(lines) = addr2line::Loader::new(elf) {
            for test in &mut tests {
                test.source = source(&lines, test.address, workspace).unwrap_or_default();
            }
        }
        Ok(Self {
            name: name.into(),
            elf: elf.into(),
            build_id,
            framework,
            tests,
        })
    }
}

/// What the name of a symbol in [`SECTION`] says.
#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    ignored: bool,
    #[serde(default)]
    should_panic: bool,
    /// Seconds.
    timeout: Option<u64>,
}

fn alone(file: &object::File<'_>) -> Result<Vec<Test>, String> {
    let section = file
        .section_by_name(SECTION)
        .ok_or_else(|| format!("has no section {SECTION}: link it with -Tembedded-test.x"))?;
    let data = section.data().map_err(|error| error.to_string())?;
    let version = file
        .symbols()
        .find(|symbol| symbol.name() == Ok(VERSION))
        .and_then(|symbol| words(data, symbol.address().wrapping_sub(section.address())))
        .map(|[version, ..]: [u32; 1]| version);
    if version != Some(1) {
        return Err(format!(
            "lists its tests in version {} of the format; version 1 is known",
            version.map_or_else(|| "?".into(), |version| version.to_string())
        ));
    }
    let mut tests = Vec::new();
    for symbol in file.symbols() {
        let name = symbol.name().unwrap_or_default();
        if symbol.section_index() != Some(section.index()) || !name.starts_with('{') {
            continue;
        }
        let listed: Listed = serde_json::from_str(name)
            .map_err(|error| format!("lists a test that cannot be understood ({error}): {name}"))?;
        let offset = symbol.address().wrapping_sub(section.address());
        let [address, path, length] = words(data, offset)
            .ok_or_else(|| format!("says nothing about where the test {} is", listed.name))?;
        let module = text_at(file, path, length)
            .ok_or_else(|| format!("does not name the module of the test {}", listed.name))?;
        tests.push(Test {
            id: format!("{module}::{}", listed.name),
            address,
            ignored: listed.ignored,
            should_panic: listed.should_panic,
            timeout: listed.timeout.map(Duration::from_secs),
            source: String::new(),
        });
    }
    tests.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(tests)
}

/// Little-endian words at an offset.
fn words<const N: usize>(data: &[u8], offset: u64) -> Option<[u32; N]> {
    let start = usize::try_from(offset).ok()?;
    let bytes = data.get(start..start.checked_add(4 * N)?)?;
    let mut words = [0; N];
    for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    Some(words)
}

/// Text in the memory of the target.
fn text_at(file: &object::File<'_>, address: u32, length: u32) -> Option<String> {
    let size = usize::try_from(length)
        .ok()
        .filter(|size| *size <= LONGEST_PATH)?;
    file.sections().find_map(|section| {
        // What is not loaded has addresses of its own.
        let object::SectionFlags::Elf { sh_flags } = section.flags() else {
            return None;
        };
        if sh_flags & u64::from(object::elf::SHF_ALLOC) == 0 {
            return None;
        }
        let bytes = section
            .data_range(u64::from(address), size as u64)
            .ok()
            .flatten()?;
        String::from_utf8(bytes.to_vec()).ok()
    })
}

/// What the name of a symbol of defmt's says.
#[derive(Deserialize)]
struct Message {
    tag: String,
    data: String,
}

/// The tests whose beginning the image can announce, in the order of its symbols.
fn announced(file: &object::File<'_>, image: &str) -> Vec<Test> {
    file.symbols()
        .filter_map(|symbol| {
            let message: Message = serde_json::from_str(symbol.name().ok()?).ok()?;
            if message.tag != "defmt_println" {
                return None;
            }
            let (what, name) =
                super::steps::announcement(message.data.strip_prefix("({=usize}/{=usize}) ")?)?;
            Some(Test {
                id: format!("{image}::{name}"),
                address: 0,
                ignored: what == super::steps::What::Ignoring,
                should_panic: false,
                timeout: None,
                source: String::new(),
            })
        })
        .collect()
}

fn source(lines: &addr2line::Loader, address: u32, workspace: &Path) -> Option<String> {
    // Bit 0 only says that it is Thumb code.
    let found = lines.find_location(u64::from(address & !1)).ok()??;
    let file = Path::new(found.file?);
    let file = file.strip_prefix(workspace).unwrap_or(file).display();
    Some(match found.line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(elf: &Path) -> String {
        Image::read("x", elf, Path::new("/"))
            .expect_err("it holds no tests")
            .problem
    }

    #[test]
    fn what_is_no_image_of_tests_is_refused_with_the_reason() {
        let directory = tempfile::tempdir().expect("a directory");
        let text = directory.path().join("text.elf");
        std::fs::write(&text, "no image").expect("written");
        assert!(problem(&text).starts_with("not an ELF file"));
        assert!(problem(&directory.path().join("missing")).contains("No such file"));
        // A program of this machine, with symbols, but not those.
        let own = std::env::current_exe().expect("this program");
        assert!(problem(&own).starts_with("holds no tests"));
    }

    #[test]
    fn words_outside_of_the_data_are_none() {
        let data = [1, 0, 0, 0, 2, 0, 0, 0];
        assert_eq!(words(&data, 0), Some([1, 2]));
        assert_eq!(words(&data, 4), Some([2]));
        assert_eq!(words::<2>(&data, 4), None);
        assert_eq!(words::<1>(&data, u64::MAX), None);
    }

    #[test]
    fn names_of_tests_are_understood() {
        let name =
            r#"{"disambiguator":7,"name":"t","ignored":false,"should_panic":true,"timeout":7}"#;
        let listed: Listed = serde_json::from_str(name).expect("as the framework writes it");
        assert_eq!((listed.name.as_str(), listed.timeout), ("t", Some(7)));
        assert!(listed.should_panic && !listed.ignored);
    }
}
