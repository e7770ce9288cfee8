//! The record of one TCP connection as a ghost sees it: numbers relative to the first data byte of each side, and the
//! board's data put together. Must not: send.

use std::collections::BTreeMap;

use super::got::Got;
use crate::wire::{Flags, Packet};

/// Bytes that wait for a gap to be filled; more than that is not kept.
const MOST_AHEAD: usize = 1 << 20;

/// What is known of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    /// The ghost's initial sequence number.
    pub(super) isn: u32,
    /// The board's, once seen.
    pub(super) board_isn: Option<u32>,
    /// Where the ghost's next data go; −1 before its SYN.
    pub(super) snd_nxt: i64,
    /// Furthest that the board has acknowledged, if it has.
    pub(super) acked: Option<i64>,
    /// The board's latest window, unscaled.
    pub(super) window: u16,
    /// The board's window scale, if it offered one.
    pub(super) scale: Option<u8>,
    /// The board's MSS, if it said one.
    pub(super) mss: Option<u16>,
    /// The board's data from its first byte on, without a gap.
    pub(super) received: Vec<u8>,
    /// Place of the board's FIN.
    pub(super) fin_at: Option<i64>,
    /// A reset was seen or sent.
    pub(super) over: bool,
    /// Data behind a gap, by their place.
    pub(super) ahead: BTreeMap<i64, Vec<u8>>,
}

impl Record {
    /// A sequence number of the ghost on the wire.
    pub(super) const fn seq(&self, relative: i64) -> u32 {
        // Relative numbers count modulo 2^32 on the wire.
        self.isn.wrapping_add(1).wrapping_add(relative as u32)
    }

    /// An acknowledgement number of the ghost on the wire; 0 as long as the board has sent no SYN.
    pub(super) const fn ack(&self, relative: i64) -> u32 {
        match self.board_isn {
            Some(isn) => isn.wrapping_add(1).wrapping_add(relative as u32),
            None => 0,
        }
    }

    /// What the ghost acknowledges if it is honest: data without gap, and the FIN behind them.
    pub(super) fn rcv_nxt(&self) -> i64 {
        let data = self.received.len() as i64;
        data + i64::from(self.fin_at == Some(data))
    }

    /// How a segment of the board reads.
    pub(super) fn read(&self, packet: &Packet<'_>) -> Option<Got> {
        let tcp = packet.tcp()?;
        let isn = match self.board_isn {
            Some(isn) => isn,
            None if tcp.flags.contains(Flags::SYN) => tcp.seq,
            // A reset of a closed port has its own rules; as it is on the wire.
            None => u32::MAX,
        };
        Some(Got::new(
            relative(tcp.seq, isn),
            relative(tcp.ack, self.isn),
            &tcp,
        ))
    }

    /// Takes a segment of the board into the record.
    pub(super) fn take(&mut self, got: &Got) {
        if got.flags.contains(Flags::RST) {
            self.over = true;
            return;
        }
        if got.flags.contains(Flags::SYN) && self.board_isn.is_none() {
            self.board_isn = Some(got.raw_seq);
            self.mss = got.mss;
            self.scale = got.window_scale;
        }
        if self.board_isn.is_none() {
            return;
        }
        if got.flags.contains(Flags::ACK) {
            self.acked = Some(self.acked.map_or(got.ack, |acked| acked.max(got.ack)));
            self.window = got.window;
        }
        // The data of a SYN begin one behind its number.
        let at = got.seq + i64::from(got.flags.contains(Flags::SYN));
        let waiting: usize = self.ahead.values().map(Vec::len).sum();
        if !got.data.is_empty() && waiting + got.data.len() <= MOST_AHEAD {
            let known = self.ahead.entry(at).or_default();
            if known.len() < got.data.len() {
                known.clone_from(&got.data);
            }
        }
        if got.flags.contains(Flags::FIN) {
            self.fin_at = Some(at + got.data.len() as i64);
        }
        while let Some((at, data)) = self.ahead.pop_first() {
            let have = self.received.len() as i64;
            if at > have {
                self.ahead.insert(at, data);
                break;
            }
            if let Ok(known) = usize::try_from(have - at) {
                self.received.extend(data.get(known..).unwrap_or_default());
            }
        }
    }
}

/// A number on the wire relative to the byte after `isn`.
const fn relative(number: u32, isn: u32) -> i64 {
    number.wrapping_sub(isn).wrapping_sub(1) as i32 as i64
}
