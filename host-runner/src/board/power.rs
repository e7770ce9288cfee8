//! The power hook: a command of boards.toml that switches a board off and on again.
//!
//! Must not: outlive its deadline, nor leave anything of the command behind.

use core::time::Duration;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::BoardError;
use super::firmware::{Group, tail};
use crate::inventory::Board;

/// How long the command may take: a relay, a hub or a socket on the network, with a pause between off and on.
const PATIENCE: Duration = Duration::from_secs(20);

/// What an error shows of its output.
const SHOWN: usize = 600;

/// Runs the hook, by `sh` and in the directory of boards.toml, with the name of the board in `HIL_BOARD`.
pub(super) async fn cycle(board: &Board) -> Result<(), BoardError> {
    let Some(command) = &board.power else {
        return Ok(());
    };
    let failed = |problem: String| BoardError::Power {
        board: board.name.clone(),
        command: command.clone(),
        problem,
    };
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .env("HIL_BOARD", &board.name)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(directory) = board.file.parent().filter(|path| path.is_dir()) {
        shell.current_dir(directory);
    }
    let child = shell.spawn().map_err(|error| failed(error.to_string()))?;
    let group = Group::led_by(&child);
    let output = match timeout(PATIENCE, child.wait_with_output()).await {
        Ok(output) => output.map_err(|error| failed(error.to_string()))?,
        Err(_) => {
            return Err(failed(format!(
                "it was not done after {} s",
                PATIENCE.as_secs()
            )));
        }
    };
    group.has_ended();
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(failed(format!("{}: {}", output.status, tail(&said, SHOWN))))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::inventory::Inventory;

    fn board(directory: &Path, power: &str) -> Board {
        let file = directory.join("boards.toml");
        let text = format!(
            "[board.a]\nkind = \"native\"\nfirmware = {{ elf = \"x\" }}\nport = \"p\"\npower = '{power}'\n"
        );
        std::fs::write(&file, text).expect("a file");
        let inventory = Inventory::load(&file).expect("nothing is wrong with it");
        inventory.board("a").expect("it is there").clone()
    }

    #[tokio::test]
    async fn runs_where_the_file_stands_and_knows_the_board() {
        let directory = tempfile::tempdir().expect("a directory");
        let board = board(directory.path(), "echo $HIL_BOARD > cycled");
        cycle(&board).await.expect("it works");
        let said = std::fs::read_to_string(directory.path().join("cycled")).expect("a file");
        assert_eq!(said, "a\n");
    }

    #[tokio::test]
    async fn says_what_is_wrong_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let board = board(directory.path(), "echo no such relay >&2; exit 3");
        let error = cycle(&board).await.expect_err("it failed").to_string();
        assert!(
            error.contains("no such relay") && error.contains("status: 3"),
            "{error}"
        );
    }
}
