//! How connections of a ghost begin: options of the opening, and listening for the board.

use core::time::Duration;

use nsapi::SocketAddress;

use super::record::Record;
use super::tcp::GhostTcp;
use super::{FIRST_PORT, Ghost};
use crate::outcome::here;
use crate::wire::{Flags, from_board};
use crate::{Stop, text};

/// How long the steps of an opening may take, on the reference.
const OPENING: Duration = Duration::from_secs(1);

/// How a ghost opens a connection.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    isn: Option<u32>,
    window: u16,
    options: Option<Vec<u8>>,
    mss: Option<u16>,
    port: Option<u16>,
}

impl Default for TcpOptions {
    /// A window of 8192, the MSS of Ethernet, some initial sequence number, a port not used before.
    fn default() -> Self {
        Self {
            isn: None,
            window: 8192,
            options: None,
            mss: None,
            port: None,
        }
    }
}

impl TcpOptions {
    /// This initial sequence number.
    #[must_use]
    pub const fn isn(mut self, isn: u32) -> Self {
        self.isn = Some(isn);
        self
    }

    /// This window, in the opening and as long as nothing else is said.
    #[must_use]
    pub const fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// This MSS, and no other option.
    #[must_use]
    pub const fn mss(mut self, mss: u16) -> Self {
        self.mss = Some(mss);
        self
    }

    /// These options on the SYN, as they are; empty for none.
    #[must_use]
    pub fn options(mut self, options: impl Into<Vec<u8>>) -> Self {
        self.options = Some(options.into());
        self
    }

    /// This port of the ghost.
    #[must_use]
    pub const fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    fn on_syn(&self, v6: bool) -> Vec<u8> {
        self.options.clone().unwrap_or_else(|| {
            let mss = self.mss.unwrap_or(if v6 { 1440 } else { 1460 });
            let [a, b] = mss.to_be_bytes();
            vec![2, 4, a, b]
        })
    }
}

impl Ghost {
    /// A connection with a port of the board of which nothing has been sent yet.
    #[must_use]
    pub fn tcp(&self, board_port: u16, options: &TcpOptions) -> GhostTcp {
        let number = self.next_number();
        let port = FIRST_PORT + (number % u32::from(u16::MAX - FIRST_PORT)) as u16;
        let seed = self.wire().state.seed as u32;
        let chosen = seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b1);
        let start = self.wire().shared.log.end();
        GhostTcp {
            ghost: self.clone(),
            port: options.port.unwrap_or(port),
            board_port,
            window: options.window,
            on_syn: options.on_syn(self.is_v6()),
            record: Record {
                isn: options.isn.unwrap_or(chosen),
                snd_nxt: -1,
                ..Record::default()
            },
            absorbed: start,
            cursor: start,
            data_until: start,
            said_ack: -1,
            left_alone: false,
        }
    }

    /// Opens a connection to a listening port of the board.
    ///
    /// # Errors
    /// A violation `…/handshake` if the board does not answer with SYN+ACK.
    #[track_caller]
    pub fn tcp_connect(
        &self,
        board_port: u16,
        options: TcpOptions,
    ) -> impl Future<Output = Result<GhostTcp, Stop>> {
        here(async move {
            let mut tcp = self.tcp(board_port, &options);
            tcp.syn();
            tcp.expect_syn_ack(OPENING).await?;
            tcp.seg().send();
            Ok(tcp)
        })
    }

    /// A port of the ghost that the board can connect to: its address is [`GhostListener::address`]. Segments to it are
    /// answered by [`GhostListener::accept`] only.
    #[must_use]
    pub fn tcp_listen(&self, options: TcpOptions) -> GhostListener {
        let number = self.next_number();
        let port = FIRST_PORT + (number % u32::from(u16::MAX - FIRST_PORT)) as u16;
        GhostListener {
            ghost: self.clone(),
            port: options.port.unwrap_or(port),
            options,
            cursor: self.wire().shared.log.end(),
        }
    }
}

/// A port of a ghost at which it waits for the board.
#[derive(Debug)]
pub struct GhostListener {
    ghost: Ghost,
    port: u16,
    options: TcpOptions,
    cursor: usize,
}

impl GhostListener {
    /// Its address, for a connect of the IUT.
    #[must_use]
    pub fn address(&self) -> SocketAddress {
        self.ghost.address(self.port)
    }

    /// Waits for the SYN of the board and takes it into a record; nothing is sent.
    ///
    /// # Errors
    /// A violation `…/handshake` if none comes.
    #[track_caller]
    pub fn syn(&mut self, within: Duration) -> impl Future<Output = Result<GhostTcp, Stop>> {
        here(async move {
            let ghost = &self.ghost;
            let wire = ghost.wire();
            let pattern = from_board().syn().dst_ip(ghost.ip()).dst_port(self.port);
            let patience = wire.stretched(within);
            let Some((at, frame)) = wire.look(self.cursor, &pattern, patience).await else {
                let call = format!("ghost waits {} for a connection", text::duration(patience));
                let observed = wire.instead(self.cursor);
                let violation =
                    wire.state
                        .in_vain(patience, "handshake", &call, pattern.words(), observed);
                return Err(violation.into());
            };
            self.cursor = at + 1;
            let board_port = frame.packet().tcp().map_or(0, |tcp| tcp.src_port);
            let mut tcp = ghost.tcp(board_port, &self.options.clone().port(self.port));
            tcp.absorbed = at;
            tcp.cursor = at + 1;
            tcp.absorb_until(at + 1);
            tcp.say("gets SYN");
            Ok(tcp)
        })
    }

    /// Waits for the board to connect: SYN, SYN+ACK, ACK.
    ///
    /// # Errors
    /// A violation `…/handshake` if the board does not do its part.
    #[track_caller]
    pub fn accept(&mut self) -> impl Future<Output = Result<GhostTcp, Stop>> {
        here(async move {
            let mut tcp = self.syn(OPENING).await?;
            tcp.syn_ack();
            tcp.expect_as("handshake", "ACK of the SYN", OPENING, |got| {
                got.acks(0) && !got.has(Flags::SYN)
            })
            .await?;
            Ok(tcp)
        })
    }
}
