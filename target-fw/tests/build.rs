//! Hands the linker its scripts and options, so that the images do not depend on anybody's flags.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// The linker scripts of the board whose drivers are tested.
const BOARD: &str = "../boards/qemu-mps2-an385/link";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link");
    println!("cargo::rerun-if-changed={BOARD}");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for (folder, script) in [("link", "memory.x"), (BOARD, "build-id.x")] {
        fs::copy(Path::new(folder).join(script), out.join(script))
            .expect("a linker script can be copied");
    }
    // cortex-m-rt asks for it; the vectors are all defined in the images.
    fs::write(out.join("device.x"), "").expect("OUT_DIR is writable");
    println!("cargo::rustc-link-search={}", out.display());
    for argument in [
        "-Tlink.x",
        "-Tbuild-id.x",
        "-Tdefmt.x",
        "--nmagic",
        "--build-id=sha1",
    ] {
        println!("cargo::rustc-link-arg-bins={argument}");
        println!("cargo::rustc-link-arg-tests={argument}");
    }
    // Where its tests are listed; an image of the other framework has nothing to put there.
    for image in ["unit", "harness"] {
        println!("cargo::rustc-link-arg-bin={image}=-Tembedded-test.x");
    }
    // The macro asks for it.
    println!("cargo::rustc-check-cfg=cfg(rust_analyzer)");
}
