//! The chip's end of the wire, bit by bit (ARM IHI 0031 §B4): clients bring the debug port up this way before they
//! use accelerated requests.
//!
//! Turnaround bits are never handed over. Every acknowledgement is OK.

use super::dap::Dap;

/// Ones that reset the line.
const LINE_RESET: u8 = 50;

/// OK, lowest bit first.
const ACK_OK: u64 = 0b001;

/// The state of the line.
#[derive(Debug, Default)]
pub(super) struct Wire {
    phase: Phase,
    // In a row.
    ones: u8,
}

#[derive(Clone, Copy, Debug, Default)]
enum Phase {
    /// After nonsense, until the line is reset.
    #[default]
    Locked,
    /// The line was reset, and the zero after it has not come.
    Reset,
    /// Between requests.
    Idle,
    /// Bits of a request.
    Request { bits: u8, count: u8 },
    /// What is to be read.
    Reading { bits: u64, left: u8 },
    /// A write is to be acknowledged.
    Acknowledge { request: u8 },
    /// Data of a write and their parity.
    Writing { request: u8, bits: u64, count: u8 },
}

impl Wire {
    /// Takes bits from the client, lowest first.
    pub(super) fn take(&mut self, bits: u32, count: u8, dap: &mut Dap) {
        for index in 0..count.min(32) {
            self.take_bit(bits >> index & 1 != 0, dap);
        }
    }

    /// Gives bits to the client, lowest first; zeros when there is nothing to say.
    pub(super) fn give(&mut self, count: u8) -> u32 {
        self.ones = 0;
        let count = count.min(32);
        match self.phase {
            Phase::Reading { bits, left } => {
                let left = left.saturating_sub(count);
                self.phase = if left == 0 {
                    Phase::Idle
                } else {
                    Phase::Reading {
                        bits: bits >> count,
                        left,
                    }
                };
                (bits & ((1 << count) - 1)) as u32
            }
            Phase::Acknowledge { request } => {
                self.phase = Phase::Writing {
                    request,
                    bits: 0,
                    count: 0,
                };
                ACK_OK as u32
            }
            _ => 0,
        }
    }

    fn take_bit(&mut self, bit: bool, dap: &mut Dap) {
        self.ones = if bit { self.ones.saturating_add(1) } else { 0 };
        if self.ones >= LINE_RESET {
            self.phase = Phase::Reset;
            return;
        }
        self.phase = match (self.phase, bit) {
            (Phase::Locked, _) => Phase::Locked,
            (Phase::Reset, true) => Phase::Reset,
            (Phase::Reset | Phase::Idle, false) => Phase::Idle,
            // A client that does not want the rest begins a request.
            (Phase::Reading { .. } | Phase::Acknowledge { .. }, false) => Phase::Idle,
            (Phase::Idle | Phase::Reading { .. } | Phase::Acknowledge { .. }, true) => {
                Phase::Request { bits: 1, count: 1 }
            }
            (Phase::Request { bits, count }, bit) => {
                let bits = bits | u8::from(bit) << count;
                if count < 7 {
                    Phase::Request {
                        bits,
                        count: count + 1,
                    }
                } else {
                    begin(bits, dap)
                }
            }
            (
                Phase::Writing {
                    request,
                    bits,
                    count,
                },
                bit,
            ) => {
                let bits = bits | u64::from(bit) << count;
                if count < 32 {
                    Phase::Writing {
                        request,
                        bits,
                        count: count + 1,
                    }
                } else {
                    let value = bits as u32;
                    if value.count_ones() & 1 == (bits >> 32) as u32 {
                        dap.wire_write(is_access_port(request), register(request), value);
                    }
                    Phase::Idle
                }
            }
        };
    }
}

/// Start, port, direction, two bits of address, parity, stop, park.
fn begin(request: u8, dap: &mut Dap) -> Phase {
    let odd = (request >> 1 & 0xf).count_ones() & 1 != 0;
    let parity = request & 1 << 5 != 0;
    let stop = request & 1 << 6 != 0;
    let park = request & 1 << 7 != 0;
    if odd != parity || stop || !park {
        return Phase::Locked;
    }
    let reads = request & 1 << 2 != 0;
    if !reads {
        return Phase::Acknowledge { request };
    }
    let value = dap.wire_read(is_access_port(request), register(request));
    let parity = u64::from(value.count_ones() & 1);
    Phase::Reading {
        bits: ACK_OK | u64::from(value) << 3 | parity << 35,
        left: 36,
    }
}

const fn is_access_port(request: u8) -> bool {
    request & 1 << 1 != 0
}

const fn register(request: u8) -> u8 {
    (request >> 3 & 3) << 2
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads DPIDR after what probes send to switch from JTAG.
    #[test]
    fn answers_after_the_switch_sequence() {
        let (mut wire, mut dap) = (Wire::default(), Dap::default());
        wire.take(u32::MAX, 32, &mut dap);
        wire.take(u32::MAX, 19, &mut dap);
        wire.take(0xe79e, 16, &mut dap);
        wire.take(u32::MAX, 32, &mut dap);
        wire.take(u32::MAX, 19, &mut dap);
        wire.take(0, 3, &mut dap);
        wire.take(0xa5, 8, &mut dap);
        let low = wire.give(32);
        let high = wire.give(4);
        let bits = u64::from(low) | u64::from(high) << 32;
        assert_eq!(bits & 7, 1);
        assert_eq!((bits >> 3) as u32, 0x2ba0_1477);
        assert_eq!((bits >> 35) as u32, 0x2ba0_1477_u32.count_ones() & 1);
    }

    #[test]
    fn writes_with_wrong_parity_have_no_effect() {
        for (parity, expected) in [(0, 0xf000_0000), (1, 0)] {
            let (mut wire, mut dap) = (Wire::default(), Dap::default());
            wire.take(u32::MAX, 32, &mut dap);
            wire.take(u32::MAX, 20, &mut dap);
            wire.take(0, 3, &mut dap);
            // CTRL/STAT for writing: 1 0 0 1 0 1 0 1.
            wire.take(0xa9, 8, &mut dap);
            assert_eq!(wire.give(3), 1);
            wire.take(0x5000_0000, 32, &mut dap);
            wire.take(parity, 1, &mut dap);
            assert_eq!(dap.read_dp(4), expected, "parity {parity}");
        }
    }

    #[test]
    fn a_line_that_was_never_reset_says_nothing() {
        let (mut wire, mut dap) = (Wire::default(), Dap::default());
        wire.take(0xa5, 8, &mut dap);
        assert_eq!(wire.give(32), 0);
    }

    proptest! {
        #[test]
        fn no_bits_make_it_panic(moves: Vec<(u32, u8, bool)>) {
            let (mut wire, mut dap) = (Wire::default(), Dap::default());
            for (bits, count, out) in moves {
                if out {
                    wire.take(bits, count, &mut dap);
                } else {
                    let _ = wire.give(count);
                }
            }
        }
    }
}
