//! A standard library for a bare-metal target, built once from the sources beside the compiler.
//!
//! It lies under the build's folder, named after all that went into it: compiler, target, flags.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{fs, process};

use anyhow::{Context as _, Result, ensure};

use crate::{cargo, toolchain};

/// Without bitcode in the library an image with link-time optimisation does not link.
const FLAGS: &str = "-Cembed-bitcode=yes";
const WANTED: [&str; 3] = ["libcore-", "liballoc-", "libcompiler_builtins-"];

/// The sysroot for `target`, built if it is not there yet (half a minute).
pub(crate) fn prepare(
    rustc: &Path,
    cargo_path: &Path,
    source: &Path,
    target: &str,
) -> Result<PathBuf> {
    let version = cargo::output(toolchain::foreign(rustc, rustc).arg("-vV"), "rustc -vV")?;
    let mut hash = DefaultHasher::new();
    (version, source, target, FLAGS).hash(&mut hash);
    let folder = cargo::target_folder().join("sysroot");
    let finished = folder.join(format!("{target}-{:016x}", hash.finish()));
    if finished.is_dir() {
        return Ok(finished);
    }
    eprintln!(
        "building the standard library for {target} from {} (once)",
        source.display()
    );

    // Everything happens in a folder of our own, and the last step makes it visible: nobody ever sees half
    // a library, and two builds at once do not meet.
    let own = folder.join(format!("{target}-building-{}", process::id()));
    let library = own.join("sysroot/lib/rustlib").join(target).join("lib");
    fs::create_dir_all(own.join("src"))
        .with_context(|| format!("cannot write to {}", own.display()))?;
    fs::create_dir_all(&library)?;
    fs::write(own.join("src/lib.rs"), "#![no_std]\n")?;
    fs::write(own.join("Cargo.toml"), MANIFEST)?;
    cargo::run(
        toolchain::foreign(cargo_path, rustc)
            .current_dir(&own)
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", FLAGS)
            .env("CARGO_TARGET_DIR", own.join("target"))
            .args([
                "build",
                "--release",
                "-Zbuild-std=core,alloc",
                "--target",
                target,
            ]),
        "building the standard library",
    )?;
    let mut copied = 0;
    for entry in fs::read_dir(own.join("target").join(target).join("release/deps"))? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.ends_with(".rlib") && WANTED.iter().any(|wanted| text.starts_with(wanted)) {
            fs::copy(entry.path(), library.join(&name))?;
            copied += 1;
        }
    }
    ensure!(
        copied == WANTED.len(),
        "the build of the standard library left {copied} libraries, not 3"
    );
    if let Err(error) = fs::rename(own.join("sysroot"), &finished) {
        // Somebody else was faster: theirs is as good.
        ensure!(
            finished.is_dir(),
            "cannot create {}: {error}",
            finished.display()
        );
    }
    fs::remove_dir_all(&own)?;
    Ok(finished)
}

const MANIFEST: &str = r#"[package]
name = "library-only"
version = "0.0.0"
edition = "2021"

[workspace]

[profile.release]
opt-level = "s"
"#;
