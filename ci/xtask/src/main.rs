//! The project's own chores: `cargo xtask <chore>`.
//!
//! Must not: know what a case or a verdict is; that is `hil`.

mod boards;
mod cargo;
mod firmware;
mod graph;
mod size;
mod sysroot;
mod target_tests;
mod thumb;
mod toolchain;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Build images and print their paths, one per line, as the last lines of standard output
    Firmware {
        /// Boards: folders of target-fw/boards
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Cargo features of the boards, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "FEATURES")]
        features: Vec<String>,
        /// Say nothing but the paths
        #[arg(long, short)]
        quiet: bool,
    },
    /// Build images of tests and print name and path of each, one per line, as the last lines of standard output
    TargetTests {
        /// Images: those of target-fw/tests [default: all but the one that fails on purpose]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Say nothing but the paths
        #[arg(long, short)]
        quiet: bool,
    },
    /// Compare the memory an image takes with its limits
    Size {
        /// Board: a folder of target-fw/boards
        #[arg(default_value = "qemu-mps2-an385", value_name = "NAME")]
        name: String,
        /// Cargo features of the board, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "FEATURES")]
        features: Vec<String>,
    },
    /// Check that no crate depends on one it must not see
    Graph,
    /// Check that what runs on the target compiles for the target
    Thumb,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Firmware {
            names,
            features,
            quiet,
        } => {
            for elf in firmware::build(&names, &features, quiet)? {
                println!("{}", elf.display());
            }
            Ok(())
        }
        Chore::TargetTests { names, quiet } => {
            for (name, elf) in target_tests::build(&names, quiet)? {
                println!("{name} {}", elf.display());
            }
            Ok(())
        }
        Chore::Size { name, features } => size::check(&name, &features),
        Chore::Graph => graph::check(),
        Chore::Thumb => thumb::check(),
    }
}
