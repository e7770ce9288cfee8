//! Whether a case makes sense on a board: its needs against the port's claims and the lan (design §7).

use hil_kit::rig::LanProperties;
use hil_kit::{Case, Need};
use nsapi::{Capabilities, Capability};

/// What a port claims: its conformance statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Class *ip*: sockets over IP.
    pub ip: bool,
    /// Capabilities and options.
    pub capabilities: Capabilities,
}

impl Claims {
    /// Class *nidd*.
    #[must_use]
    pub const fn nidd(self) -> bool {
        self.capabilities.has(Capability::Nidd)
    }

    /// The claimed classes, by name.
    #[must_use]
    pub fn classes(self) -> Vec<&'static str> {
        [(self.ip, "ip"), (self.nidd(), "nidd")]
            .into_iter()
            .filter_map(|(claimed, name)| claimed.then_some(name))
            .collect()
    }
}

/// The lan that the board is on.
#[derive(Clone, Debug)]
pub struct LanFacts {
    /// Its name.
    pub name: String,
    /// Why it is no better one, where the runner chose.
    pub reason: Option<String>,
    /// What it can do.
    pub properties: LanProperties,
}

/// What becomes of a case before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applies {
    /// It runs.
    Yes,
    /// It needs something optional that the port does not claim.
    Unsupported(String),
    /// The board or its lan cannot show it.
    Skipped(String),
    /// It needs something that a port of this class must offer.
    Fail {
        /// Key of the violation.
        key: &'static str,
        /// In words.
        reason: String,
    },
}

/// Whether `case` applies to a port with these claims on this lan.
#[must_use]
pub fn applies(case: &Case, claims: Claims, lan: &LanFacts) -> Applies {
    if !claims.ip && !claims.nidd() {
        return Applies::Fail {
            key: "claims.no-class",
            reason: "the port claims neither class ip nor class nidd".into(),
        };
    }
    // What a mandatory capability lacks outweighs what an optional one does.
    let mut outcome = Applies::Yes;
    let of_nidd = case.needs.contains(&Need::Capability(Capability::Nidd));
    for need in case.needs {
        let this = match need {
            Need::Capability(capability) => capability_applies(*capability, claims, of_nidd),
            Need::Option(number) if claims.capabilities.has_option(*number) => Applies::Yes,
            Need::Option(_) => Applies::Unsupported(format!("{} is not claimed", need.name())),
            Need::SecondHostAddress => on_lan(
                lan,
                lan.properties.second_host_address,
                "offers no second host address",
            ),
            Need::HonestTcp => on_lan(
                lan,
                lan.properties.honest_tcp,
                "does not hand TCP through as it is",
            ),
            Need::BlackHole => on_lan(
                lan,
                lan.properties.black_hole,
                "has no address that nobody answers",
            ),
            Need::SourcePorts => on_lan(
                lan,
                lan.properties.source_ports,
                "replaces the source ports of the IUT's connections by its own",
            ),
            Need::HostIpv6 => on_lan(lan, lan.properties.host_ipv6, "has no IPv6"),
            Need::Cable => match lan.properties.why_no_cable {
                "" => on_lan(
                    lan,
                    lan.properties.cable,
                    "has no cable that the runner owns (lan wire has)",
                ),
                why => Applies::Skipped(why.to_owned()),
            },
        };
        if weight(&this) > weight(&outcome) {
            outcome = this;
        }
    }
    outcome
}

fn capability_applies(capability: Capability, claims: Claims, of_nidd: bool) -> Applies {
    let name = capability.name();
    if !claims.ip && class_ip(capability) {
        return Applies::Unsupported(format!("needs {name}; class ip is not claimed"));
    }
    if claims.capabilities.has(capability) {
        return Applies::Yes;
    }
    if claims.ip && !of_nidd && mandatory_for_ip(capability, claims) {
        let reason = format!("{name} is not claimed, and is mandatory for class ip");
        return Applies::Fail {
            key: "claims.mandatory",
            reason,
        };
    }
    Applies::Unsupported(format!("{name} is not claimed"))
}

/// Capabilities that make no sense without IP.
const fn class_ip(capability: Capability) -> bool {
    match capability {
        Capability::Ipv4
        | Capability::Ipv6
        | Capability::Tcp
        | Capability::Udp
        | Capability::Server
        | Capability::ConnectAsync
        | Capability::Multicast
        | Capability::Dns
        | Capability::DnsControl
        | Capability::Legacy => true,
        Capability::Lanes
        | Capability::Timeouts
        | Capability::Sigio
        | Capability::Interface
        | Capability::Nidd
        | Capability::Destructive
        | Capability::CrashCommands => false,
    }
}

/// One IP family, udp, tcp, timeouts and sigio.
const fn mandatory_for_ip(capability: Capability, claims: Claims) -> bool {
    match capability {
        Capability::Udp | Capability::Tcp | Capability::Timeouts | Capability::Sigio => true,
        Capability::Ipv4 | Capability::Ipv6 => {
            !claims.capabilities.has(Capability::Ipv4) && !claims.capabilities.has(Capability::Ipv6)
        }
        Capability::Server
        | Capability::ConnectAsync
        | Capability::Lanes
        | Capability::Multicast
        | Capability::Interface
        | Capability::Dns
        | Capability::DnsControl
        | Capability::Nidd
        | Capability::Legacy
        | Capability::Destructive
        | Capability::CrashCommands => false,
    }
}

fn on_lan(lan: &LanFacts, offered: bool, lacks: &str) -> Applies {
    if offered {
        Applies::Yes
    } else {
        Applies::Skipped(format!("lan {} {lacks}", lan.name))
    }
}

const fn weight(applies: &Applies) -> u8 {
    match applies {
        Applies::Yes => 0,
        Applies::Skipped(_) => 1,
        Applies::Unsupported(_) => 2,
        Applies::Fail { .. } => 3,
    }
}
