//! What tests of boards share: boards made of one ELF file, and deadlines.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hil::board::StartOptions;
use hil::inventory::{Board, Inventory};
use tempfile::TempDir;

/// Far beyond what anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

/// A directory with a boards.toml of one board.
pub(crate) struct Bench {
    directory: TempDir,
    pub(crate) board: Board,
}

impl Bench {
    /// A native board whose agent is `program`, started under the name of the board.
    pub(crate) fn native(name: &str, program: impl AsRef<Path>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::os::unix::fs::symlink(program, directory.path().join(name)).expect("a link");
        Self::with(
            directory,
            name,
            "kind = \"native\"\nlan = \"loopback\"",
            name,
        )
    }

    /// A native board whose agent misbehaves as told.
    pub(crate) fn bad(mode: &str) -> Self {
        Self::native(mode, env!("CARGO_BIN_EXE_bad-agent"))
    }

    /// A board of QEMU that runs these bytes as its image.
    pub(crate) fn emulated(name: &str, elf: &[u8]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("image"), elf).expect("a file");
        Self::with(
            directory,
            name,
            "kind = \"qemu\"\nmachine = \"mps2-an385\"\nlan = \"user\"",
            "image",
        )
    }

    fn with(directory: TempDir, name: &str, kind: &str, image: &str) -> Self {
        let file = directory.path().join("boards.toml");
        let text = format!(
            "[board.{name}]\n{kind}\nfirmware = {{ elf = \"{image}\" }}\nport = \"none\"\n"
        );
        std::fs::write(&file, text).expect("a file");
        let inventory = Inventory::load(&file).expect("a good boards.toml");
        let board = inventory.board(name).expect("the board").clone();
        Self { directory, board }
    }

    pub(crate) fn evidence(&self) -> PathBuf {
        self.directory.path().join("evidence")
    }

    pub(crate) fn options(&self) -> StartOptions {
        StartOptions {
            evidence: self.evidence(),
            ..StartOptions::default()
        }
    }
}

/// Runs a test that must end by itself.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        tokio::time::timeout(DEADLINE, test)
            .await
            .expect("ends within its deadline")
    })
}

/// Whether a process of this number exists, zombies not counted.
pub(crate) fn lives(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The state follows the name, which stands in parentheses.
    status
        .rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}
