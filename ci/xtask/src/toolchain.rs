//! Which compiler builds for a bare-metal target.
//!
//! First choice is the compiler in use, if the target is installed for it (rustup). Otherwise one that has
//! the sources of the standard library beside it (Debian's packages), with a library built once from
//! those. Otherwise nothing is built, and the person is told what to install.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{cargo, sysroot};

/// Set to `debian` to pass over the first choice, so that the second can be tried where both are there.
const CHOICE: &str = "HIL_TOOLCHAIN";

/// How to call cargo for one target.
pub(crate) enum Toolchain {
    /// The compiler in use has the target.
    Installed,
    /// This compiler, with this prebuilt library and this linker.
    Prebuilt {
        rustc: PathBuf,
        cargo: PathBuf,
        sysroot: PathBuf,
        linker: PathBuf,
    },
}

impl Toolchain {
    /// Decides for `target`; builds the library if that is what is needed.
    pub(crate) fn choose(target: &str) -> Result<Self> {
        let choice = env::var(CHOICE).unwrap_or_default();
        match choice.as_str() {
            "" if installed(target) => return Ok(Self::Installed),
            "" | "debian" => {}
            other => bail!("{CHOICE}={other}: the only value it may have is `debian`"),
        }
        let in_use = rustc_in_use();
        let debian = PathBuf::from("/usr/bin/rustc");
        let candidates = if choice.is_empty() {
            vec![in_use, debian]
        } else {
            vec![debian]
        };
        let Some((rustc, source)) = with_sources(candidates) else {
            bail!(
                "nothing here can build for {target}. Either of these helps:\n    \
                 rustup target add {target}\n    \
                 sudo apt-get install rustc-web cargo-web rust-web-src lld-19\n\
                 (`ci/setup` does it for you)"
            );
        };
        let cargo = beside(&rustc, "cargo");
        let linker = linker().context(
            "there is a compiler with the sources of the standard library, but no linker for the target: \
             sudo apt-get install lld-19",
        )?;
        let sysroot = sysroot::prepare(&rustc, &cargo, &source, target)?;
        Ok(Self::Prebuilt {
            rustc,
            cargo,
            sysroot,
            linker,
        })
    }

    /// A cargo command that builds for `target`.
    pub(crate) fn cargo(&self, target: &str) -> Command {
        match self {
            // `CARGO` is the cargo that started us: it saves asking rustup again.
            Self::Installed => {
                let mut command =
                    cargo::command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
                // Whoever has flags of his own knows what he does.
                if env::var_os("RUSTFLAGS").is_none()
                    && env::var_os("CARGO_ENCODED_RUSTFLAGS").is_none()
                {
                    command.env("CARGO_ENCODED_RUSTFLAGS", short_paths().join(SEPARATOR));
                }
                command
            }
            Self::Prebuilt {
                rustc,
                cargo,
                sysroot,
                linker,
            } => {
                let mut command = foreign(cargo, rustc);
                let name = target.replace('-', "_").to_uppercase();
                let mut flags = short_paths();
                flags.push(format!("--sysroot={}", sysroot.display()));
                command
                    .env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR))
                    .env(format!("CARGO_TARGET_{name}_LINKER"), linker);
                command
            }
        }
    }
}

/// Between the flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";

/// Flags that leave this machine's folders out of the file names in an image: they would take kilobytes, and
/// every machine's image would be another one.
fn short_paths() -> Vec<String> {
    let home = env::var_os("CARGO_HOME").map_or_else(
        || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cargo"),
        PathBuf::from,
    );
    let registries = std::fs::read_dir(home.join("registry/src"));
    let mut flags: Vec<String> = registries
        .into_iter()
        .flatten()
        .flatten()
        .map(|registry| format!("--remap-path-prefix={}=", registry.path().display()))
        .collect();
    // The same flags in the same order, or everything is built again.
    flags.sort();
    flags
}

/// A command of a toolchain that is not the one that started us.
pub(crate) fn foreign(cargo: &Path, rustc: &Path) -> Command {
    let mut command = cargo::command(cargo);
    command.env("RUSTC", rustc);
    for name in [
        "RUSTUP_TOOLCHAIN",
        "CARGO",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
    command
}

/// Whether the compiler in use has `target`: its folder is named whether it is there or not.
fn installed(target: &str) -> bool {
    let folder = cargo::command(rustc_in_use())
        .args(["--print", "target-libdir", "--target", target])
        .output();
    let Ok(folder) = folder else { return false };
    let Ok(entries) = std::fs::read_dir(String::from_utf8_lossy(&folder.stdout).trim()) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}

fn rustc_in_use() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

/// The first compiler with the sources of the standard library beside it, and where those are.
fn with_sources(candidates: Vec<PathBuf>) -> Option<(PathBuf, PathBuf)> {
    candidates.into_iter().find_map(|rustc| {
        let output = foreign(&rustc, &rustc)
            .args(["--print", "sysroot"])
            .output();
        let sysroot = String::from_utf8(output.ok()?.stdout).ok()?;
        let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library");
        source.join("core").is_dir().then_some((rustc, source))
    })
}

/// A tool of the toolchain `rustc` belongs to.
fn beside(rustc: &Path, tool: &str) -> PathBuf {
    match rustc.parent() {
        Some(folder) if folder.is_absolute() => folder.join(tool),
        _ => tool.into(),
    }
}

/// A linker that knows the target, best first. Debian's compiler comes without.
fn linker() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    ["ld.lld-19", "ld.lld", "rust-lld", "arm-none-eabi-ld"]
        .into_iter()
        .find_map(|name| {
            env::split_paths(&path)
                .map(|folder| folder.join(name))
                .find(|candidate| candidate.is_file())
        })
}
