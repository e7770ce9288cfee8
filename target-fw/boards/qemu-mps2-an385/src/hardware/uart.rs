//! The CMSDK UART: one byte each way, no FIFO.

use super::mmio::Block;

const DATA: usize = 0x00;
const STATE: usize = 0x04;
const STATE_TX_FULL: u32 = 1 << 0;
const STATE_RX_FULL: u32 = 1 << 1;
const CTRL: usize = 0x08;
const CTRL_TX: u32 = 1 << 0;
const CTRL_RX: u32 = 1 << 1;
const CTRL_TX_INTERRUPT: u32 = 1 << 2;
const CTRL_RX_INTERRUPT: u32 = 1 << 3;
const INTERRUPT_CLEAR: usize = 0x0c;
const INTERRUPT_TX: u32 = 1 << 0;
const INTERRUPT_RX: u32 = 1 << 1;
const BAUD_DIVIDER: usize = 0x10;

/// 115200 baud from 25 MHz. The emulator sends at once whatever the divider; the real board does not.
const DIVIDER: u32 = 25_000_000 / 115_200;

/// One of the board's UARTs. Its registers may be used from interrupt handlers and the main loop alike:
/// every operation is one access, or a read after which only this reader may take the byte.
#[derive(Clone, Copy)]
pub(crate) struct Uart(Block);

impl Uart {
    /// The link.
    pub(crate) const LINK: Self = Self(Block::UART0);
    /// The log.
    pub(crate) const LOG: Self = Self(Block::UART1);

    /// Turns on both directions and both interrupts of the device; the interrupt controller decides.
    pub(crate) fn start(self) {
        self.0.write::<BAUD_DIVIDER>(DIVIDER);
        self.0
            .write::<CTRL>(CTRL_TX | CTRL_RX | CTRL_TX_INTERRUPT | CTRL_RX_INTERRUPT);
    }

    /// Turns on sending only.
    pub(crate) fn start_sending(self) {
        self.0.write::<BAUD_DIVIDER>(DIVIDER);
        self.0.write::<CTRL>(CTRL_TX);
    }

    /// Whether the byte before has left.
    pub(crate) fn is_ready_to_send(self) -> bool {
        self.0.read::<STATE>() & STATE_TX_FULL == 0
    }

    /// Hands over a byte; it is lost if the one before has not left.
    pub(crate) fn send(self, byte: u8) {
        self.0.write::<DATA>(byte.into());
    }

    /// Takes the byte that has arrived.
    pub(crate) fn receive(self) -> Option<u8> {
        (self.0.read::<STATE>() & STATE_RX_FULL != 0)
            .then(|| self.0.read::<DATA>().to_le_bytes()[0])
    }

    /// Acknowledges the receive interrupt; before taking the byte, so that the next one raises it again.
    pub(crate) fn acknowledge_receive(self) {
        self.0.write::<INTERRUPT_CLEAR>(INTERRUPT_RX);
    }

    /// Acknowledges the transmit interrupt.
    pub(crate) fn acknowledge_send(self) {
        self.0.write::<INTERRUPT_CLEAR>(INTERRUPT_TX);
    }
}
