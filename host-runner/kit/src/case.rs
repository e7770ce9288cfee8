//! What a case is: data about it, and the function that runs it. `#[case(…)]` fills this in and registers it.

use core::future::Future;
use core::pin::Pin;

use linkme::distributed_slice;
use nsapi::Capability;

use crate::Ctx;
use crate::outcome::Outcome;

/// Every case that is linked in.
#[distributed_slice]
pub static CASES: [Case];

/// One case.
#[derive(Debug)]
pub struct Case {
    /// Path of the module it stands in (`hil_suites::tcp::recv`).
    pub module: &'static str,
    /// Name of its function (`after_orderly_close`).
    pub function: &'static str,
    /// The requirement it checks, as one sentence: the first paragraph of its doc comment.
    pub title: &'static str,
    /// The rest of its doc comment: steps, and reasons of allowed alternatives.
    pub text: &'static str,
    /// Level of the requirement.
    pub level: Level,
    /// Ids of requirements (`tcp.recv.orderly-close`) and catalogue entries (`STR-01`, `TCPSOCKET_OPEN_TWICE`).
    pub cites: &'static [&'static str],
    /// What it needs of port and lan.
    pub needs: &'static [Need],
    /// How long it usually takes on the reference.
    pub profile: Profile,
    /// Free labels for `--tag`.
    pub tags: &'static [&'static str],
    /// Time for the whole case on the reference, in milliseconds.
    pub deadline_ms: u64,
    /// Source file, relative to the workspace.
    pub file: &'static str,
    /// Line of the function.
    pub line: u32,
    /// Runs it.
    pub run: for<'a> fn(&'a mut Ctx) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>,
}

impl Case {
    /// The stable path id, `tcp/recv/after-orderly-close`.
    #[must_use]
    pub fn id(&self) -> String {
        let path = self.module.split_once("::").map_or("", |(_, rest)| rest);
        format!("{path}::{}", self.function)
            .replace("::", "/")
            .replace('_', "-")
    }

    /// The suite: the folder it lives in.
    #[must_use]
    pub fn suite(&self) -> &'static str {
        self.module.split("::").nth(1).unwrap_or("")
    }
}

/// Level of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Violating it does not conform.
    Must,
    /// Violating it is lenient, once a positive control in the same case has passed.
    Should,
    /// Likewise.
    May,
}

impl Level {
    /// The word used everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
        }
    }
}

/// What a case needs before it makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The port claims this.
    Capability(Capability),
    /// The port claims this socket option (number).
    Option(i32),
    /// Fixtures can use a second address of the host.
    SecondHostAddress,
    /// What one side does to a TCP connection (reset, half-close, silence) arrives at the other as it is.
    HonestTcp,
    /// A connection attempt that nobody answers can be provoked.
    BlackHole,
    /// The host sees the IUT's own port numbers on connections that the IUT makes.
    SourcePorts,
    /// Fixtures can use IPv6 addresses of the host.
    HostIpv6,
    /// The runner owns the cable: frames are recorded, bent, crafted, and the DHCP and router services are its own.
    Cable,
}

impl Need {
    /// The word used in lists.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Capability(capability) => capability.name().into(),
            Self::Option(number) => match nsapi::option::name(number) {
                Some(name) => format!("option:{name}"),
                None => format!("option:{number}"),
            },
            Self::SecondHostAddress => "lan:second-host-address".into(),
            Self::HonestTcp => "lan:honest-tcp".into(),
            Self::BlackHole => "lan:black-hole".into(),
            Self::SourcePorts => "lan:source-ports".into(),
            Self::HostIpv6 => "lan:host-ipv6".into(),
            Self::Cable => "lan:cable".into(),
        }
    }
}

/// Usual duration of a case on the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// At most 2 s.
    Quick,
    /// At most 5 s.
    Full,
    /// Longer.
    Soak,
}

impl Profile {
    /// The word used on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Soak => "soak",
        }
    }
}
