//! The interrupt vectors of this board and what may be done to them.
#![expect(unsafe_code, reason = "the vector table is read by the core itself")]

use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;

use crate::link;

use super::lan9118;

/// The interrupts in use.
#[derive(Clone, Copy)]
pub(crate) enum Interrupt {
    /// A byte has arrived on the link.
    LinkReceive = 0,
    /// A byte has left on the link.
    LinkSend = 1,
    /// The network has something.
    Network = 13,
    /// The host has written to RTT's memory, and says so by making this one pending. By itself nothing does: it
    /// is that of pin 7 of GPIO port 0, which is not used here.
    Doorbell = 31,
}

// SAFETY: the numbers are those of the board's vector table.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

impl Interrupt {
    /// Lets it through.
    pub(crate) fn unmask(self) {
        // SAFETY: no critical section of this image relies on masks of the interrupt controller.
        unsafe { NVIC::unmask(self) }
    }

    /// Holds it back.
    pub(crate) fn mask(self) {
        NVIC::mask(self);
    }
}

/// Sleeps until an interrupt is pending, unless `busy` says there is something to do. Interrupts are
/// masked around the question, so that none slips through between question and sleep; a pending one
/// ends the sleep all the same and is served when this returns.
pub(crate) fn sleep_unless(busy: impl FnOnce() -> bool) {
    cortex_m::interrupt::free(|_| {
        if !busy() {
            cortex_m::asm::dsb();
            cortex_m::asm::wfi();
        }
    });
}

type Handler = unsafe extern "C" fn();

unsafe extern "C" {
    /// What becomes of an interrupt nobody expects (fault.rs).
    fn DefaultHandler();
}

#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
static __INTERRUPTS: [Handler; 32] = {
    let mut vectors: [Handler; 32] = [DefaultHandler; 32];
    vectors[Interrupt::LinkReceive as usize] = link_receive;
    vectors[Interrupt::LinkSend as usize] = link_send;
    vectors[Interrupt::Network as usize] = network;
    vectors[Interrupt::Doorbell as usize] = doorbell;
    vectors
};

extern "C" fn link_receive() {
    link::on_receive();
}

extern "C" fn link_send() {
    link::on_send();
}

extern "C" fn network() {
    lan9118::on_interrupt();
}

/// It has ended the sleep, which is all it is for.
extern "C" fn doorbell() {}
