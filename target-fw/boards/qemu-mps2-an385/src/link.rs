//! The byte link to the runner: UART0 between two rings.
//!
//! Received bytes come in by interrupt; the UART holds one byte only. The main loop is woken by the end of a
//! frame, not by every byte, because one of its rounds takes about as long as the next byte. Sent bytes leave
//! from the main loop in bounded portions, and where the UART makes it wait, by its interrupt.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use nsapi_agent::Link;

use crate::hardware::interrupts::Interrupt;
use crate::hardware::uart::Uart;
use crate::ring::Ring;

/// Bytes handed to the UART in one turn of the main loop: some 160 µs on the emulated board.
const PORTION: usize = 64;

/// Looks at the UART until its last byte must have left.
const LAST_BYTE: u32 = 100_000;

/// What separates frames (docs/src/protocol.md).
const FRAME_END: u8 = 0;

static RECEIVED: Ring<1024> = Ring::new();
/// Received bytes are worth a look: a frame has ended, or there are many.
static WORTH_A_LOOK: AtomicBool = AtomicBool::new(false);
/// Received bytes there was no room for.
static LOST: AtomicU32 = AtomicU32::new(0);

/// The link as the main loop has it.
pub(crate) struct UartLink;

/// Bytes on their way out. Few, because the agent keeps what does not fit.
static SENDING: Ring<256> = Ring::new();

impl UartLink {
    /// Starts the UART and its interrupt.
    pub(crate) fn start() -> Self {
        Uart::LINK.start();
        // Ends whatever frame was on its way when the board was reset.
        SENDING.push(0);
        Interrupt::LinkReceive.unmask();
        Self
    }

    /// Takes what has arrived.
    pub(crate) fn receive(&self, into: &mut [u8]) -> usize {
        // Before taking, so that a frame that ends meanwhile is noticed.
        WORTH_A_LOOK.swap(false, Ordering::AcqRel);
        let taken = RECEIVED.drain(into);
        if !RECEIVED.is_empty() {
            WORTH_A_LOOK.store(true, Ordering::Release);
        }
        taken
    }

    /// Whether a frame has ended, or much has arrived without an end.
    pub(crate) fn has_received() -> bool {
        WORTH_A_LOOK.load(Ordering::Acquire)
    }

    /// How many bytes were lost since last asked because nobody took them in time.
    pub(crate) fn take_lost() -> u32 {
        LOST.swap(0, Ordering::Relaxed)
    }

    /// Whether [`Link::write`] would take a byte.
    pub(crate) fn has_room(&self) -> bool {
        !SENDING.is_full()
    }

    /// Whether bytes are queued and the UART takes them.
    pub(crate) fn can_go_on(&self) -> bool {
        !SENDING.is_empty() && Uart::LINK.is_ready_to_send()
    }

    /// Sends a portion of what is queued. Returns whether more could be sent right away; if the UART is
    /// what holds it up, its interrupt will end the sleep.
    pub(crate) fn send_portion(&mut self) -> bool {
        for _ in 0..PORTION {
            if SENDING.is_empty() {
                return false;
            }
            if !Uart::LINK.is_ready_to_send() {
                Interrupt::LinkSend.unmask();
                return false;
            }
            if let Some(byte) = SENDING.pop() {
                Uart::LINK.send(byte);
            }
        }
        !SENDING.is_empty()
    }

    /// Whether every byte has been handed to the UART.
    pub(crate) fn is_empty(&self) -> bool {
        SENDING.is_empty()
    }

    /// Waits until the UART has sent the last byte, but not for ever. For the end only.
    pub(crate) fn wait_until_sent() {
        for _ in 0..LAST_BYTE {
            if Uart::LINK.is_ready_to_send() {
                return;
            }
        }
    }
}

impl Link for UartLink {
    fn write(&mut self, bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| SENDING.push(**byte)).count()
    }
}

/// Interrupt handler: a byte has arrived.
pub(crate) fn on_receive() {
    Uart::LINK.acknowledge_receive();
    let Some(byte) = Uart::LINK.receive() else {
        return;
    };
    if !RECEIVED.push(byte) {
        LOST.fetch_add(1, Ordering::Relaxed);
    }
    if byte == FRAME_END || RECEIVED.is_half_full() {
        WORTH_A_LOOK.store(true, Ordering::Release);
    }
}

/// Interrupt handler: a byte has left. The main loop, awake now, goes on.
pub(crate) fn on_send() {
    Interrupt::LinkSend.mask();
    Uart::LINK.acknowledge_send();
}
