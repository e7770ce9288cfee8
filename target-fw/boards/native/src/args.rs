//! The command line of a native board.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command};

/// Which own address the board's port is to have. What a port without addresses makes of it is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnAddress {
    /// Loopback's.
    Loopback,
    /// The first of an interface that is up and not loopback: for a board in a namespace of its own.
    First,
    /// This one.
    This(Ipv4Addr),
}

/// What it was asked for.
#[derive(Debug)]
pub struct Arguments {
    /// The package of the board.
    pub(crate) package: &'static str,
    /// Path of the Unix socket to listen on.
    pub(crate) link: PathBuf,
    /// Name that Hello tells.
    pub(crate) name: String,
    /// Own address.
    pub(crate) address: OwnAddress,
    /// The program has restarted itself, and its link is at standard input.
    pub(crate) restarted: bool,
    more: ArgMatches,
}

impl Arguments {
    /// Whether the program has restarted itself.
    #[must_use]
    pub const fn are_of_a_restart(&self) -> bool {
        self.restarted
    }

    /// Whether one of the board's own flags is set, the first time.
    ///
    /// # Panics
    /// As [`Self::take`].
    pub fn take_flag(&mut self, flag: &str) -> bool {
        self.take(flag).unwrap_or(false)
    }

    /// The value of one of the board's own options, the first time.
    ///
    /// # Panics
    /// The board has no such option, or its values are of another type: a bug of the board.
    pub fn take<T: Clone + Send + Sync + 'static>(&mut self, option: &str) -> Option<T> {
        self.more.remove_one(option)
    }
}

/// What a program that restarts itself adds to its arguments.
pub(crate) const RESTARTED: &str = "restarted";

/// Parses the arguments of the board `package` that has `more` options; explains and ends the process if they are
/// wrong.
pub fn arguments(package: &'static str, more: impl IntoIterator<Item = Arg>) -> Arguments {
    let mut matches = command(package).args(more).get_matches();
    Arguments {
        package,
        link: matches.remove_one("link").unwrap_or_default(),
        name: matches
            .remove_one("name")
            .unwrap_or_else(|| package.to_owned()),
        address: matches
            .remove_one("address")
            .unwrap_or(OwnAddress::Loopback),
        restarted: matches.get_flag(RESTARTED),
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
        .arg(
            Arg::new("address")
                .long("address")
                .value_name("IPv4|auto")
                .help(
                    "Own address of the port, on whichever interface has it; auto is the first that is not \
                     loopback's. Only where all that can be reached may be talked to [default: loopback]",
                )
                .value_parser(address),
        )
        .arg(
            Arg::new(RESTARTED)
                .long(RESTARTED)
                .help("The link is open at standard input")
                .action(ArgAction::SetTrue)
                .hide(true),
        )
}

fn address(text: &str) -> Result<OwnAddress, String> {
    match text.parse() {
        _ if text == "auto" => Ok(OwnAddress::First),
        Ok(ip) if ip == Ipv4Addr::LOCALHOST => Ok(OwnAddress::Loopback),
        Ok(ip) => Ok(OwnAddress::This(ip)),
        Err(_) => Err("an address is written 192.0.2.15, or auto".to_owned()),
    }
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
    fn an_address_is_one_or_auto() {
        let ip = Ipv4Addr::new(192, 0, 2, 15);
        assert_eq!(address("192.0.2.15"), Ok(OwnAddress::This(ip)));
        assert_eq!(address("127.0.0.1"), Ok(OwnAddress::Loopback));
        assert_eq!(address("auto"), Ok(OwnAddress::First));
        assert!(address("::1").is_err() && address("").is_err());
    }

    #[test]
    fn a_link_is_a_unix_socket() {
        assert_eq!(link("unix:/a/b"), Ok(PathBuf::from("/a/b")));
        assert!(link("tcp:1").is_err() && link("unix:").is_err() && link("").is_err());
    }
}
