//! The board as the cable sees it: which addresses it answers for.
//!
//! Its own word is heard first; where it says nothing, IPv6 addresses are what it was seen to use and what is usually
//! made of its hardware address. Each is asked for on the cable before it is believed.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::collections::BTreeSet;

use nsapi::{Capability, Error};
use nsapi_protocol::Op;
use nsapi_protocol::message::Property;

use crate::outcome::here;
use crate::wire::{Mac, Node, Wire};
use crate::{Stop, Trouble};

/// Addresses of the board that it answers for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// Hardware address.
    pub mac: Mac,
    /// IPv4 address.
    pub ipv4: Option<Ipv4Addr>,
    /// Global (unique local) IPv6 address.
    pub ipv6: Option<Ipv6Addr>,
    /// Link-local IPv6 address.
    pub link_local: Option<Ipv6Addr>,
}

impl Board {
    /// The board under its address of one family (the global one of IPv6), if it has one.
    #[must_use]
    pub fn node(&self, v6: bool) -> Option<Node> {
        let ip = if v6 {
            self.ipv6.map(IpAddr::from)
        } else {
            self.ipv4.map(IpAddr::from)
        };
        ip.map(|ip| Node::new(self.mac, ip))
    }

    /// The board under its link-local address.
    #[must_use]
    pub fn link_local_node(&self) -> Option<Node> {
        self.link_local.map(|ip| Node::new(self.mac, ip))
    }
}

impl Wire {
    /// The board: its hardware address and those addresses that it answers for. Asked for at the first call in a case;
    /// later calls remember.
    ///
    /// # Errors
    /// A violation `…/neighbour` if it does not tell the hardware address of the address that its API says;
    /// [`Trouble::Lan`] if it has none.
    #[track_caller]
    pub fn board(&self) -> impl Future<Output = Result<Board, Stop>> {
        here(async move {
            let mut known = self.shared.board.lock().await;
            if let Some(board) = *known {
                return Ok(board);
            }
            let board = self.ask_board().await?;
            self.say(format_args!("knows the board: {board:?}"));
            *known = Some(board);
            Ok(board)
        })
    }

    /// Forgets what [`Self::board`] found out: the next call asks again. For cases that change its addresses.
    pub async fn forget_board(&self) {
        *self.shared.board.lock().await = None;
    }

    async fn ask_board(&self) -> Result<Board, Stop> {
        let answer = self.state.call(Op::InterfaceAddress).await?;
        let own = answer.address().and_then(crate::ctx::host_address);
        let Some(own) = own.map(|address| address.ip()) else {
            let observed = crate::text::returned(&answer.returned);
            return Err(Trouble::Lan(format!("the IUT has no address: {observed}")).into());
        };
        let witness = self.witness_ghost();
        let Some(mac) = witness.resolve(own).await else {
            let call = format!("who has {own}?");
            let waited = self.stretched(super::neighbour::PATIENCE);
            let violation =
                self.state
                    .in_vain(waited, "neighbour", &call, "the board answers", "silence");
            return Err(violation.into());
        };
        let mut board = Board {
            mac,
            ipv4: None,
            ipv6: None,
            link_local: None,
        };
        match own {
            IpAddr::V4(ip) => board.ipv4 = Some(ip),
            IpAddr::V6(ip) => board.ipv6 = Some(ip),
        }
        if self.state.identity.claims.has(Capability::Ipv6) {
            self.ask_ipv6(&mut board).await;
        }
        Ok(board)
    }

    async fn ask_ipv6(&self, board: &mut Board) {
        let link_local = self.candidates(Property::LinkLocal, board.mac).await;
        let global = self.candidates(Property::Ipv6Address, board.mac).await;
        board.link_local = self.first_that_answers(link_local, board.mac).await;
        board.ipv6 = self.first_that_answers(global, board.mac).await;
    }

    /// Addresses of one kind that the board may have: the one that it says, none if it says so; else what it was seen to
    /// use, and what is usually made of its hardware address.
    async fn candidates(&self, what: Property, mac: Mac) -> BTreeSet<Ipv6Addr> {
        if let Ok(answer) = self.state.call(Op::InterfaceGet { what }).await {
            let said = answer.address().and_then(crate::ctx::host_address);
            match said.map(|address| address.ip()) {
                Some(IpAddr::V6(ip)) if answer.code() == 0 => return BTreeSet::from([ip]),
                _ if answer.failed_with(Error::NO_ADDRESS) => return BTreeSet::new(),
                _ => {}
            }
        }
        let services = self.state.lan.services();
        let mut seen = services.map_or_else(BTreeSet::new, |it| it.learnt.learnt().ipv6);
        seen.extend([mac.link_local(), mac.address_in(self.plan().ipv6_prefix)]);
        let wants_link_local = what == Property::LinkLocal;
        seen.retain(|ip| ip.is_unicast_link_local() == wants_link_local);
        seen
    }

    /// Asks for all of them at once: those that nobody has are the slow ones.
    async fn first_that_answers(
        &self,
        candidates: BTreeSet<Ipv6Addr>,
        own: Mac,
    ) -> Option<Ipv6Addr> {
        let mut questions = tokio::task::JoinSet::new();
        for ip in candidates {
            let witness = self.witness_ghost();
            questions.spawn(async move { (ip, witness.resolve(ip.into()).await) });
        }
        while let Some(asked) = questions.join_next().await {
            if let Ok((ip, Some(mac))) = asked
                && mac == own
            {
                return Some(ip);
            }
        }
        None
    }
}
