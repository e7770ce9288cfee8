//! The command line of a native board.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

/// What it was asked for.
#[derive(Debug)]
pub struct Arguments {
    /// Path of the Unix socket to listen on.
    pub(crate) link: PathBuf,
    /// Name that Hello tells.
    pub(crate) name: String,
    /// The package of the board.
    pub(crate) package: &'static str,
    more: ArgMatches,
}

impl Arguments {
    /// The value of one of the board's own options, the first time.
    ///
    /// # Panics
    /// The board has no such option, or its values are of another type: a bug of the board.
    pub fn take<T: Clone + Send + Sync + 'static>(&mut self, option: &str) -> Option<T> {
        self.more.remove_one(option)
    }
}

/// Parses the arguments of the board `package` that has `more` options; explains and ends the process if they are
/// wrong.
pub fn arguments(package: &'static str, more: impl IntoIterator<Item = Arg>) -> Arguments {
    let mut matches = command(package).args(more).get_matches();
    Arguments {
        link: matches.remove_one("link").unwrap_or_default(),
        name: matches
            .remove_one("name")
            .unwrap_or_else(|| package.to_owned()),
        package,
        more: matches,
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
