//! Hands the linker its scripts and options, so that the image does not depend on anybody's flags.

use std::path::PathBuf;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os != "none") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for script in ["memory.x", "build-id.x"] {
        fs::copy(format!("link/{script}"), out.join(script))
            .expect("a linker script can be copied");
    }
    // cortex-m-rt asks for it; the vectors of this board are all defined in the crate.
    fs::write(out.join("device.x"), "").expect("OUT_DIR is writable");
    println!("cargo::rustc-link-search={}", out.display());
    // `--nmagic`: segments are not padded to pages. The build id is what the agent proves its image with.
    for argument in [
        "-Tlink.x",
        "-Tdefmt.x",
        "-Tbuild-id.x",
        "--nmagic",
        "--build-id=sha1",
    ] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
}
