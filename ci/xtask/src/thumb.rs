//! Checks that the crates of the target side compile for the target.

use anyhow::Result;

use crate::cargo;
use crate::toolchain::Toolchain;

/// What must compile for which target. The contract is to run on the smallest cores too.
const CHECKS: [(&str, &[&str]); 2] = [
    (
        "thumbv7m-none-eabi",
        &[
            "nsapi",
            "nsapi-protocol",
            "nsapi-agent",
            "nsapi-smoltcp",
            "nsapi-null",
        ],
    ),
    ("thumbv6m-none-eabi", &["nsapi"]),
];

/// Runs all of them.
pub(crate) fn check() -> Result<()> {
    for (target, packages) in CHECKS {
        let mut command = Toolchain::choose(target)?.cargo(target);
        command.args(["check", "--target", target]);
        for package in packages {
            command.args(["--package", package]);
        }
        cargo::run(&mut command, &format!("checking for {target}"))?;
        println!("{target}: {}", packages.join(", "));
    }
    Ok(())
}
