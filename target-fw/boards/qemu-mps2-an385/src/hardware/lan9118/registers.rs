//! Registers of the LAN9118: byte offsets, bits and fields.

pub(super) const RX_DATA: usize = 0x00;
pub(super) const TX_DATA: usize = 0x20;
pub(super) const RX_STATUS: usize = 0x40;
/// The frame is damaged.
pub(super) const RX_STATUS_ERROR: u32 = 1 << 15;
pub(super) const TX_STATUS: usize = 0x48;
pub(super) const IRQ_CFG: usize = 0x54;
/// Output on, active high, push-pull.
pub(super) const IRQ_CFG_ACTIVE_HIGH_PUSH_PULL: u32 = 0x111;
pub(super) const INT_STS: usize = 0x58;
pub(super) const INT_EN: usize = 0x5c;
/// More frames wait than `FIFO_INT` says.
pub(super) const INT_RX_LEVEL: u32 = 1 << 3;
pub(super) const BYTE_TEST: usize = 0x64;
pub(super) const BYTE_TEST_PATTERN: u32 = 0x8765_4321;
pub(super) const FIFO_INT: usize = 0x68;
pub(super) const TX_CFG: usize = 0x70;
pub(super) const TX_CFG_ON: u32 = 1 << 1;
pub(super) const HW_CFG: usize = 0x74;
pub(super) const HW_CFG_SOFT_RESET: u32 = 1 << 0;
pub(super) const HW_CFG_TX_FIFO_5K: u32 = 5 << 16;
pub(super) const RX_FIFO_INF: usize = 0x7c;
pub(super) const TX_FIFO_INF: usize = 0x80;
pub(super) const PMT_CTRL: usize = 0x84;
pub(super) const PMT_CTRL_PHY_RESET: u32 = 1 << 10;
pub(super) const MAC_CSR_CMD: usize = 0xa4;
pub(super) const MAC_CSR_BUSY: u32 = 1 << 31;
pub(super) const MAC_CSR_READ: u32 = 1 << 30;
pub(super) const MAC_CSR_DATA: usize = 0xa8;

// Registers of the MAC, reached through MAC_CSR_CMD. A number that does not exist ends the emulator.
pub(super) const MAC_CR: u32 = 1;
/// Full duplex, all multicast, transmitter and receiver on. The chip could choose groups by a hash of 64
/// values, which lets strangers through as well; smoltcp knows exactly, and groups come and go with it.
pub(super) const MAC_CR_RUN: u32 = 1 << 20 | 1 << 19 | 1 << 3 | 1 << 2;
pub(super) const MAC_ADDRH: u32 = 2;
pub(super) const MAC_ADDRL: u32 = 3;
pub(super) const MII_ACC: u32 = 6;
pub(super) const MII_DATA: u32 = 7;

// Registers of the PHY, reached through MII_ACC.
pub(super) const PHY_CONTROL: u32 = 0;
/// Negotiation on, and begun afresh.
pub(super) const PHY_CONTROL_NEGOTIATE: u32 = 0x1200;

pub(super) const PHY_STATUS: u32 = 1;
/// The cable carries.
pub(super) const PHY_STATUS_LINK: u32 = 1 << 2;

/// Bytes of the Ethernet checksum, which the receiver hands over behind the frame.
pub(super) const CHECKSUM_LENGTH: usize = 4;
/// Bytes of the two command words before a frame.
pub(super) const TX_COMMANDS_LENGTH: usize = 8;

/// Length of a received frame, checksum included, from RX_STATUS.
pub(super) const fn rx_length(status: u32) -> usize {
    (status >> 16 & 0x3fff) as usize
}

/// Frames waiting, from RX_FIFO_INF.
pub(super) const fn rx_frames(information: u32) -> u32 {
    information >> 16 & 0xff
}

/// Reports about sent frames waiting, from TX_FIFO_INF.
pub(super) const fn tx_reports(information: u32) -> u32 {
    information >> 16 & 0xff
}

/// Bytes free for sending, from TX_FIFO_INF.
pub(super) const fn tx_free(information: u32) -> usize {
    (information & 0xffff) as usize
}

/// First command word: the whole frame in one segment, from the first byte of the first word on.
pub(super) const fn tx_command_a(length: usize) -> u32 {
    1 << 13 | 1 << 12 | length as u32 & 0x7ff
}

/// Second command word; its tag is not used.
pub(super) const fn tx_command_b(length: usize) -> u32 {
    length as u32 & 0x7ff
}

/// The PHY is being talked to.
pub(super) const MII_BUSY: u32 = 1;

/// Command to read a register of the internal PHY (address 1).
pub(super) const fn mii_read(register: u32) -> u32 {
    1 << 11 | register << 6 | MII_BUSY
}

/// Command to write a register of the internal PHY (address 1).
pub(super) const fn mii_write(register: u32) -> u32 {
    1 << 11 | register << 6 | 1 << 1 | MII_BUSY
}
