//! Addresses and routes that IPv6 routers announce (RFC 4861 §6.3, RFC 4862 §5.5).
//!
//! smoltcp has this too, but asks to be polled for ever, or never, when no router answers, takes one prefix
//! of an advertisement only, and does not ask again after the cable was pulled.
//!
//! Must not: keep anything of an advertisement that is not valid.

use heapless::Vec;
use smoltcp::iface::{Interface, Route};
use smoltcp::phy::Device;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr, Ipv6Address, Ipv6Cidr};

use crate::discovery::{advertisement, each_option, solicit};
use crate::pipes::earliest;

/// How often routers are asked for, and how long to wait in between (RFC 4861 §10).
const QUESTIONS: u8 = 3;
const QUESTION_INTERVAL_US: u64 = 4_000_000;
/// What is left to an address that an advertisement wants to end earlier (RFC 4862 §5.5.3 e).
const TWO_HOURS_US: u64 = 7_200_000_000;
/// How many prefixes and routers are remembered.
const PREFIXES: usize = 2;
const ROUTERS: usize = 3;

/// Where the options of an advertisement begin.
const OPTIONS: usize = 16;
/// Number and length (in units of 8 bytes) of the prefix option.
const PREFIX_OPTION: (u8, u8) = (3, 4);
/// Flags of the prefix option: the prefix is on the link; addresses may be made of it.
const ON_LINK: u8 = 0x80;
const AUTONOMOUS: u8 = 0x40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Prefix {
    prefix: Ipv6Address,
    on_link: bool,
    until_us: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Router {
    address: Ipv6Address,
    until_us: u64,
}

/// What routers have announced.
#[derive(Debug)]
pub(crate) struct Routers {
    /// Own link-local address; without one nothing is asked or heard.
    own: Option<Ipv6Cidr>,
    questions_left: u8,
    ask_at_us: u64,
    prefixes: Vec<Prefix, PREFIXES>,
    routers: Vec<Router, ROUTERS>,
    /// The interface does not have the present state yet.
    changed: bool,
}

impl Routers {
    /// Deaf and silent.
    pub(crate) const fn new() -> Self {
        Self {
            own: None,
            questions_left: 0,
            ask_at_us: 0,
            prefixes: Vec::new(),
            routers: Vec::new(),
            changed: false,
        }
    }

    /// Forgets everything, and begins to ask if there is a link-local address.
    pub(crate) fn restart(&mut self, own: Option<Ipv6Cidr>, now_us: u64) {
        *self = Self::new();
        self.own = own;
        self.ask_again(now_us);
    }

    /// Asks once more, because the cable may lead somewhere else; the interface has lost everything.
    pub(crate) fn ask_again(&mut self, now_us: u64) {
        self.questions_left = QUESTIONS;
        self.ask_at_us = now_us;
        self.changed = true;
    }

    /// The link-local address.
    pub(crate) const fn link_local(&self) -> Option<Ipv6Cidr> {
        self.own
    }

    /// Sends a question if one is due.
    pub(crate) fn ask<D: Device>(
        &mut self,
        device: &mut D,
        now: Instant,
        now_us: u64,
        mac: EthernetAddress,
    ) {
        let Some(own) = self.own else { return };
        if self.questions_left == 0 || now_us < self.ask_at_us {
            return;
        }
        if solicit(device, now, mac, own.address()) {
            self.questions_left -= 1;
            self.ask_at_us = now_us + QUESTION_INTERVAL_US;
        }
    }

    /// When to look again.
    pub(crate) fn deadline_us(&self) -> Option<u64> {
        let lifetimes = self.prefixes.iter().map(|prefix| prefix.until_us);
        let lifetimes = lifetimes.chain(self.routers.iter().map(|router| router.until_us));
        let question = (self.own.is_some() && self.questions_left > 0).then_some(self.ask_at_us);
        earliest(lifetimes.min().filter(|at| *at != u64::MAX), question)
    }

    /// Takes note of a received frame, whatever it is.
    pub(crate) fn hear(&mut self, frame: &[u8], now_us: u64) {
        let Some(own) = self.own else { return };
        let Some((router, message)) = advertisement(frame, own.address()) else {
            return;
        };
        let Some((fixed, options)) = message.split_at_checked(OPTIONS) else {
            return;
        };
        // The whole message is void if its options do not add up (RFC 4861 §6.1.2).
        if !each_option(options, |_, _| {}) {
            return;
        }
        self.questions_left = 0;
        let lifetime_s = u16::from_be_bytes([fixed[6], fixed[7]]);
        self.hear_router(router, now_us, u64::from(lifetime_s) * 1_000_000);
        each_option(options, |kind, option| {
            if kind == PREFIX_OPTION.0 {
                self.hear_prefix(option, now_us);
            }
        });
    }

    fn hear_router(&mut self, address: Ipv6Address, now_us: u64, lifetime_us: u64) {
        let until_us = now_us + lifetime_us;
        let known = self
            .routers
            .iter()
            .position(|known| known.address == address);
        match known {
            Some(index) if lifetime_us == 0 => {
                self.routers.remove(index);
                self.changed = true;
            }
            Some(index) => self.routers[index].until_us = until_us,
            None if lifetime_us == 0 => {}
            None => {
                // One too many is not needed.
                let added = self.routers.push(Router { address, until_us });
                self.changed |= added.is_ok();
            }
        }
    }

    fn hear_prefix(&mut self, option: &[u8], now_us: u64) {
        let Ok::<&[u8; 32], _>(option) = option.try_into() else {
            return;
        };
        let word = |at: usize| {
            u32::from_be_bytes([option[at], option[at + 1], option[at + 2], option[at + 3]])
        };
        let (length, flags, valid_s, preferred_s) = (option[2], option[3], word(4), word(8));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&option[16..24]);
        let prefix = Ipv6Address::from(bytes);
        if flags & AUTONOMOUS == 0
            || length != 64
            || preferred_s > valid_s
            || prefix.is_unicast_link_local()
            || prefix.is_multicast()
            || prefix.is_unspecified()
        {
            return;
        }
        let wanted_us = match valid_s {
            u32::MAX => u64::MAX,
            seconds => now_us + u64::from(seconds) * 1_000_000,
        };
        let on_link = flags & ON_LINK != 0;
        match self
            .prefixes
            .iter_mut()
            .find(|known| known.prefix == prefix)
        {
            Some(known) => {
                self.changed |= known.on_link != on_link;
                known.on_link = on_link;
                let floor_us = known.until_us.min(now_us + TWO_HOURS_US);
                known.until_us = wanted_us.max(floor_us);
            }
            None if valid_s > 0 => {
                let added = self.prefixes.push(Prefix {
                    prefix,
                    on_link,
                    until_us: wanted_us,
                });
                self.changed |= added.is_ok();
            }
            None => {}
        }
    }

    /// Gives the interface what is announced and takes from it what has lapsed. Whether that made smoltcp
    /// forget its neighbours.
    pub(crate) fn apply(
        &mut self,
        iface: &mut Interface,
        mac: EthernetAddress,
        now_us: u64,
    ) -> bool {
        let before = (self.prefixes.len(), self.routers.len());
        self.prefixes.retain(|prefix| prefix.until_us > now_us);
        self.routers.retain(|router| router.until_us > now_us);
        self.changed |= before != (self.prefixes.len(), self.routers.len());
        let Some(own) = self.own.filter(|_| self.changed) else {
            return false;
        };
        self.changed = false;
        let mut wanted: Vec<IpCidr, { PREFIXES + 1 }> = Vec::new();
        let _ = wanted.push(own.into());
        for prefix in &self.prefixes {
            let hardware = HardwareAddress::Ethernet(mac);
            let made = Ipv6Cidr::from_link_prefix(&Ipv6Cidr::new(prefix.prefix, 64), hardware);
            if let Some(made) = made {
                let length = if prefix.on_link { 64 } else { 128 };
                let _ = wanted.push(Ipv6Cidr::new(made.address(), length).into());
            }
        }
        iface.routes_mut().update(|routes| {
            routes.retain(|route| !route.is_ipv6_gateway());
            for router in &self.routers {
                // The table has room for one more than these.
                let _ = routes.push(Route::new_ipv6_gateway(router.address));
            }
        });
        let present = iface.ip_addrs().iter().filter(|own| is_v6(own));
        if present.eq(wanted.iter()) {
            return false;
        }
        iface.update_ip_addrs(|list| {
            list.retain(|own| !is_v6(own));
            for address in wanted {
                let _ = list.push(address);
            }
        });
        true
    }
}

const fn is_v6(cidr: &IpCidr) -> bool {
    matches!(cidr, IpCidr::Ipv6(_))
}
