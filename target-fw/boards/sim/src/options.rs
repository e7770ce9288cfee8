//! What the board is told about its network.

use std::net::Ipv4Addr;

use clap::{Arg, ArgAction};
use native_board::Arguments;
use nsapi::interface::NetworkInterface as _;
use nsapi::{IpAddress, SocketAddress};
use nsapi_smoltcp::SmoltcpStack;
use smoltcp::phy::Device;

use crate::card::Card;
use crate::{inherited, interface};

/// The board's hardware address unless it is told another one: locally administered.
const MAC: [u8; 6] = [0x02, 0x68, 0x69, 0x6c, 0x00, 0x03];

/// The cable was pulled when the board restarted.
pub(crate) const PULLED: &str = "pulled";

/// Where frames go.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Net {
    /// An inherited datagram socket.
    Descriptor(i32),
    /// Over an interface of this machine.
    Interface(String),
}

/// Addresses that need no DHCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    own: Ipv4Addr,
    prefix: u8,
    gateway: Option<Ipv4Addr>,
}

/// The options of this board.
pub(crate) fn all() -> [Arg; 4] {
    [
        Arg::new("net")
            .long("net")
            .value_name("fd:N|if:NAME")
            .help("Where frames go: an inherited datagram socket, a frame each; or an interface of this machine")
            .required(true)
            .value_parser(net),
        Arg::new("mac")
            .long("mac")
            .value_name("MAC")
            .help("Hardware address [default: 02:68:69:6c:00:03]")
            .value_parser(mac_address),
        Arg::new("ipv4")
            .long("ipv4")
            .value_name("ADDRESS/BITS[,GATEWAY]")
            .help("Fixed addresses instead of DHCP")
            .value_parser(fixed_addresses),
        Arg::new(PULLED)
            .long(PULLED)
            .help("The cable is not plugged in at first")
            .action(ArgAction::SetTrue)
            .hide(true),
    ]
}

/// The card that `--net` means.
pub(crate) fn card(arguments: &mut Arguments) -> Result<Card, String> {
    let net = arguments.take::<Net>("net");
    match net.ok_or("no --net")? {
        Net::Descriptor(number) => {
            let cable = inherited::descriptor(number)
                .map_err(|error| format!("descriptor {number}: {error}"))?;
            Card::new(cable).map_err(|error| format!("no card on descriptor {number}: {error}"))
        }
        Net::Interface(name) => interface::frames(&name)
            .and_then(Card::new)
            .map_err(|error| format!("no card on the interface {name}: {error}")),
    }
}

/// The hardware address.
pub(crate) fn mac(arguments: &mut Arguments) -> [u8; 6] {
    arguments.take("mac").unwrap_or(MAC)
}

/// The fixed addresses, if there are to be any.
pub(crate) fn fixed(arguments: &mut Arguments) -> Option<Fixed> {
    arguments.take("ipv4")
}

impl Fixed {
    /// Has the next start of the interface use them.
    pub(crate) fn apply<D: Device>(self, stack: &SmoltcpStack<D>) -> nsapi::Result<()> {
        let v4 = |ip: Ipv4Addr| SocketAddress::new(IpAddress::V4(ip.octets()), 0);
        let mask = u32::MAX
            .checked_shl(32 - u32::from(self.prefix))
            .unwrap_or(0);
        let gateway = self.gateway.unwrap_or(Ipv4Addr::UNSPECIFIED);
        stack.set_network(&v4(self.own), &v4(Ipv4Addr::from_bits(mask)), &v4(gateway))
    }
}

fn net(text: &str) -> Result<Net, String> {
    let wrong = || "a network is written fd:N or if:NAME".to_owned();
    if let Some(name) = text.strip_prefix("if:") {
        return match name {
            "" => Err(wrong()),
            name => Ok(Net::Interface(name.to_owned())),
        };
    }
    let number = text.strip_prefix("fd:").and_then(|it| it.parse().ok());
    number.map(Net::Descriptor).ok_or_else(wrong)
}

fn mac_address(text: &str) -> Result<[u8; 6], String> {
    let bytes: Vec<u8> = text
        .split(':')
        .filter_map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    match <[u8; 6]>::try_from(bytes) {
        Ok(mac) if text.len() == 17 && mac[0] & 1 == 0 => Ok(mac),
        _ => Err("a hardware address of one host is written 02:00:00:00:00:01".to_owned()),
    }
}

fn fixed_addresses(text: &str) -> Result<Fixed, String> {
    let (network, gateway) = match text.split_once(',') {
        Some((network, gateway)) => (network, Some(gateway)),
        None => (text, None),
    };
    let parse = || {
        let (own, prefix) = network.split_once('/')?;
        Some(Fixed {
            own: own.parse().ok()?,
            prefix: prefix.parse().ok().filter(|bits| *bits <= 32)?,
            gateway: match gateway {
                Some(gateway) => Some(gateway.parse().ok()?),
                None => None,
            },
        })
    };
    parse().ok_or_else(|| "addresses are written 192.0.2.15/24,192.0.2.1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_refused() {
        assert_eq!(net("fd:7"), Ok(Net::Descriptor(7)));
        assert_eq!(net("if:eth1"), Ok(Net::Interface("eth1".into())));
        assert!(net("if:").is_err() && net("7").is_err() && net("fd:x").is_err());
        assert_eq!(mac_address("02:00:00:00:00:0a"), Ok([2, 0, 0, 0, 0, 10]));
        assert!(mac_address("03:00:00:00:00:01").is_err(), "a group's");
        assert!(mac_address("02:00:00:00:01").is_err());
        let fixed = fixed_addresses("192.0.2.15/24,192.0.2.1").expect("well written");
        assert_eq!((fixed.prefix, fixed.gateway.is_some()), (24, true));
        assert!(fixed_addresses("192.0.2.15/33").is_err());
        assert!(fixed_addresses("192.0.2.15/24,").is_err());
    }
}
