//! The LAN9118 Ethernet controller (a LAN9220 on the real board) as a smoltcp device.
//!
//! Frames go through its FIFOs by polled words; the interrupt only says that frames wait. Every poll of the
//! hardware is bounded.

mod registers;

use core::fmt;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use static_cell::ConstStaticCell;

use self::registers as reg;
use super::interrupts::Interrupt;
use super::mmio::Block;

/// An Ethernet frame without its checksum: 14 bytes of header and 1500 of payload.
const MAX_FRAME: usize = 1514;
/// The same in whole words.
const MAX_WORDS: usize = MAX_FRAME.div_ceil(4);
/// How often a busy bit is looked at before the chip is given up. The emulator never is busy.
const PATIENCE: u32 = 100_000;

const CHIP: Block = Block::LAN9118;

/// Frames may be waiting; set by the interrupt, cleared by [`Lan9118::rearm`].
static WAITING: AtomicBool = AtomicBool::new(false);

/// Why the chip could not be brought up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// There is no such chip: what it said instead of its byte order pattern.
    Absent(u32),
    /// A reset or a register access did not finish.
    Stuck,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(pattern) => write!(f, "no LAN9118 (byte order pattern {pattern:#010x})"),
            Self::Stuck => f.write_str("the LAN9118 stays busy"),
        }
    }
}

impl defmt::Format for Trouble {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Absent(pattern) => {
                defmt::write!(f, "no LAN9118 (byte order pattern {=u32:#010x})", pattern);
            }
            Self::Stuck => defmt::write!(f, "the LAN9118 stays busy"),
        }
    }
}

/// The chip, brought up.
pub(crate) struct Lan9118 {
    mac: [u8; 6],
    frames: &'static mut Frames,
}

/// Room for the frame being received and the one being sent, each two bytes behind a boundary of words: then
/// what follows the headers lies on one, and is copied word by word.
#[repr(C, align(4))]
struct Frames {
    before: [u8; 2],
    received: [u8; MAX_WORDS * 4],
    sending: [u8; MAX_WORDS * 4],
}

static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames {
    before: [0; 2],
    received: [0; MAX_WORDS * 4],
    sending: [0; MAX_WORDS * 4],
});

/// Frames that went either way, counted so that the main loop sees whether the stack did anything.
static MOVED: AtomicU32 = AtomicU32::new(0);

impl Lan9118 {
    /// Resets and starts the chip; for the one caller at start-up. Its interrupt is let through at the end: before, the line is active.
    pub(crate) fn start() -> Result<Self, Trouble> {
        match CHIP.read::<{ reg::BYTE_TEST }>() {
            reg::BYTE_TEST_PATTERN => {}
            other => return Err(Trouble::Absent(other)),
        }
        CHIP.write::<{ reg::HW_CFG }>(reg::HW_CFG_SOFT_RESET);
        wait(|| CHIP.read::<{ reg::HW_CFG }>() & reg::HW_CFG_SOFT_RESET == 0)?;
        CHIP.write::<{ reg::HW_CFG }>(reg::HW_CFG_TX_FIFO_5K);
        CHIP.write::<{ reg::PMT_CTRL }>(reg::PMT_CTRL_PHY_RESET);
        wait(|| CHIP.read::<{ reg::PMT_CTRL }>() & reg::PMT_CTRL_PHY_RESET == 0)?;

        CHIP.write::<{ reg::INT_EN }>(0);
        CHIP.write::<{ reg::INT_STS }>(u32::MAX);
        CHIP.write::<{ reg::FIFO_INT }>(0);
        CHIP.write::<{ reg::IRQ_CFG }>(reg::IRQ_CFG_ACTIVE_HIGH_PUSH_PULL);

        let low = mac_read(reg::MAC_ADDRL)?.to_le_bytes();
        let high = mac_read(reg::MAC_ADDRH)?.to_le_bytes();
        let mac = [low[0], low[1], low[2], low[3], high[0], high[1]];

        phy_write(reg::PHY_CONTROL, reg::PHY_CONTROL_NEGOTIATE)?;
        mac_write(reg::MAC_CR, reg::MAC_CR_RUN)?;
        CHIP.write::<{ reg::TX_CFG }>(reg::TX_CFG_ON);

        WAITING.store(true, Ordering::Relaxed);
        Interrupt::Network.unmask();
        Ok(Self {
            mac,
            frames: FRAMES.take(),
        })
    }

    /// The chip as it is after reset; nothing may be sent or received.
    pub(crate) fn left_off() -> Self {
        Self {
            // Nobody's: locally administered.
            mac: [2, 0, 0, 0, 0, 0],
            frames: FRAMES.take(),
        }
    }

    /// The hardware address the chip listens to; at first the one it read from its EEPROM.
    pub(crate) const fn mac(&self) -> [u8; 6] {
        self.mac
    }

    /// Listens to another hardware address.
    pub(crate) fn set_mac(&mut self, mac: [u8; 6]) -> Result<(), Trouble> {
        let [a, b, c, d, e, f] = mac;
        mac_write(reg::MAC_ADDRL, u32::from_le_bytes([a, b, c, d]))?;
        mac_write(reg::MAC_ADDRH, u32::from_le_bytes([e, f, 0, 0]))?;
        self.mac = mac;
        Ok(())
    }

    /// Whether the cable carries. The real PHY remembers a loss until it is read, so a short one is seen too.
    pub(crate) fn link() -> Result<bool, Trouble> {
        Ok(phy_read(reg::PHY_STATUS)? & reg::PHY_STATUS_LINK != 0)
    }

    /// To be called when no frame was waiting any more: lets the interrupt report the next one.
    /// What arrived in between is reported at once.
    pub(crate) fn rearm() {
        WAITING.store(false, Ordering::Relaxed);
        CHIP.write::<{ reg::INT_STS }>(reg::INT_RX_LEVEL);
        CHIP.write::<{ reg::INT_EN }>(reg::INT_RX_LEVEL);
        if frames_waiting() {
            WAITING.store(true, Ordering::Relaxed);
        }
    }

    /// Whether frames may be waiting.
    pub(crate) fn is_waiting() -> bool {
        WAITING.load(Ordering::Relaxed)
    }

    /// Frames received and sent so far, modulo 2³².
    pub(crate) fn frames_moved() -> u32 {
        MOVED.load(Ordering::Relaxed)
    }

    /// Takes the next good frame out of the FIFO: its length in `received`. Damaged frames are dropped.
    fn take_frame(&mut self) -> Option<usize> {
        while frames_waiting() {
            let status = CHIP.read::<{ reg::RX_STATUS }>();
            let with_checksum = reg::rx_length(status);
            let good = status & reg::RX_STATUS_ERROR == 0;
            // Every word has to be read, also of a frame nobody wants.
            let words = with_checksum.div_ceil(4);
            let (room, _) = self.frames.received.as_chunks_mut::<4>();
            let fitting = words.min(room.len());
            read_words(&mut room[..fitting]);
            for _ in fitting..words {
                CHIP.read::<{ reg::RX_DATA }>();
            }
            let length = with_checksum.saturating_sub(reg::CHECKSUM_LENGTH);
            MOVED.fetch_add(1, Ordering::Relaxed);
            if good && length <= MAX_FRAME {
                return Some(length);
            }
        }
        None
    }
}

impl phy::Device for Lan9118 {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sending<'_>)> {
        // A reply may have to leave while the frame is being looked at.
        if !room_to_send() {
            return None;
        }
        let length = self.take_frame()?;
        Some((
            Received(&self.frames.received[..length]),
            Sending(&mut self.frames.sending),
        ))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        room_to_send().then_some(Sending(&mut self.frames.sending))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MAX_FRAME;
        capabilities
    }
}

/// A frame that has arrived.
pub(crate) struct Received<'a>(&'a [u8]);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

/// Leave to send a frame.
pub(crate) struct Sending<'a>(&'a mut [u8; MAX_WORDS * 4]);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        // smoltcp keeps to `max_transmission_unit`.
        let result = f(&mut self.0[..length]);
        MOVED.fetch_add(1, Ordering::Relaxed);
        CHIP.write::<{ reg::TX_DATA }>(reg::tx_command_a(length));
        CHIP.write::<{ reg::TX_DATA }>(reg::tx_command_b(length));
        write_words(&self.0.as_chunks::<4>().0[..length.div_ceil(4)]);
        result
    }
}

/// Moves words out of the receive FIFO, some in each turn: this is where most of a stream's time goes.
#[inline(never)]
fn read_words(into: &mut [[u8; 4]]) {
    let word = || CHIP.read::<{ reg::RX_DATA }>().to_le_bytes();
    let (blocks, rest) = into.as_chunks_mut::<4>();
    for [a, b, c, d] in blocks {
        *a = word();
        *b = word();
        *c = word();
        *d = word();
    }
    rest.iter_mut().for_each(|it| *it = word());
}

/// Moves words into the transmit FIFO, likewise.
#[inline(never)]
fn write_words(from: &[[u8; 4]]) {
    let put = |word: &[u8; 4]| CHIP.write::<{ reg::TX_DATA }>(u32::from_le_bytes(*word));
    let (blocks, rest) = from.as_chunks::<4>();
    for [a, b, c, d] in blocks {
        put(a);
        put(b);
        put(c);
        put(d);
    }
    rest.iter().for_each(put);
}

/// Interrupt handler: takes a note and keeps quiet until [`Lan9118::rearm`].
pub(super) fn on_interrupt() {
    CHIP.write::<{ reg::INT_EN }>(0);
    WAITING.store(true, Ordering::Relaxed);
}

fn frames_waiting() -> bool {
    reg::rx_frames(CHIP.read::<{ reg::RX_FIFO_INF }>()) != 0
}

/// Whether a frame of any length fits. Also drops the reports about frames sent, which would fill up.
fn room_to_send() -> bool {
    let information = CHIP.read::<{ reg::TX_FIFO_INF }>();
    for _ in 0..reg::tx_reports(information) {
        CHIP.read::<{ reg::TX_STATUS }>();
    }
    reg::tx_free(information) >= MAX_WORDS * 4 + reg::TX_COMMANDS_LENGTH
}

fn wait(done: impl Fn() -> bool) -> Result<(), Trouble> {
    (0..PATIENCE)
        .any(|_| done())
        .then_some(())
        .ok_or(Trouble::Stuck)
}

fn mac_wait() -> Result<(), Trouble> {
    wait(|| CHIP.read::<{ reg::MAC_CSR_CMD }>() & reg::MAC_CSR_BUSY == 0)
}

fn mac_read(register: u32) -> Result<u32, Trouble> {
    mac_wait()?;
    CHIP.write::<{ reg::MAC_CSR_CMD }>(reg::MAC_CSR_BUSY | reg::MAC_CSR_READ | register);
    mac_wait()?;
    Ok(CHIP.read::<{ reg::MAC_CSR_DATA }>())
}

fn mac_write(register: u32, value: u32) -> Result<(), Trouble> {
    mac_wait()?;
    CHIP.write::<{ reg::MAC_CSR_DATA }>(value);
    CHIP.write::<{ reg::MAC_CSR_CMD }>(reg::MAC_CSR_BUSY | register);
    mac_wait()
}

fn mii_wait() -> Result<(), Trouble> {
    for _ in 0..PATIENCE {
        if mac_read(reg::MII_ACC)? & reg::MII_BUSY == 0 {
            return Ok(());
        }
    }
    Err(Trouble::Stuck)
}

fn phy_read(register: u32) -> Result<u32, Trouble> {
    mii_wait()?;
    mac_write(reg::MII_ACC, reg::mii_read(register))?;
    mii_wait()?;
    mac_read(reg::MII_DATA)
}

fn phy_write(register: u32, value: u32) -> Result<(), Trouble> {
    mac_write(reg::MII_DATA, value)?;
    mac_write(reg::MII_ACC, reg::mii_write(register))
}
