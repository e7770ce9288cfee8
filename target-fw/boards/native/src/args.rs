//! The command line of a native board.

use std::path::PathBuf;

use clap::{Arg, Command};

/// What it was asked for.
#[derive(Debug)]
pub(crate) struct Args {
    /// Path of the Unix socket to listen on.
    pub(crate) link: PathBuf,
    /// Name that Hello tells.
    pub(crate) name: String,
}

/// Parses the arguments; explains and ends the process if they are wrong.
pub(crate) fn parse(package: &'static str) -> Args {
    let mut matches = command(package).get_matches();
    Args {
        link: matches.remove_one("link").unwrap_or_default(),
        name: matches
            .remove_one("name")
            .unwrap_or_else(|| package.to_owned()),
    }
}

fn command(package: &'static str) -> Command {
    Command::new(package)
        .about("A board that is a process of this machine; started by hil")
        .arg(
            Arg::new("link")
                .long("link")
                .value_name("unix:PATH")
                .help(
                    "Unix socket to listen on; one runner is taken, and its leaving ends the board",
                )
                .required(true)
                .value_parser(link),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .help("Name of the board to tell the runner [default: that of the program]"),
        )
}

fn link(text: &str) -> Result<PathBuf, String> {
    match text.strip_prefix("unix:") {
        Some(path) if !path.is_empty() => Ok(path.into()),
        _ => Err("a link is written unix:PATH".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        command("native-x").debug_assert();
    }

    #[test]
    fn a_link_is_a_unix_socket() {
        assert_eq!(link("unix:/a/b"), Ok(PathBuf::from("/a/b")));
        assert!(link("tcp:1").is_err() && link("unix:").is_err() && link("").is_err());
    }
}
