//! The RTT channels of the link, found by name, and the doorbell that the name of the lower one announces.

use probe_rs::rtt::{ChannelMode, Rtt, RttChannel};
use probe_rs::{Core, MemoryInterface};

use super::rings::{Chosen, Rings};
use crate::link::rtt::ProbeError;

/// Name of the pair that is the link.
const LINK: &str = "hil";
/// What announces the doorbell, behind the name.
const DOORBELL: &str = "irq=";
/// The up channel that is the log.
const LOG: usize = 0;
/// Interrupt set-pending registers of a Cortex-M: a bit for each interrupt.
const NVIC_ISPR: u64 = 0xe000_e200;
/// Interrupts that those registers can have bits for.
const MOST_INTERRUPTS: u32 = 496;

/// The channels in use.
pub(super) struct Channels {
    /// Their rings.
    pub(super) rings: Rings,
    /// What to write to tell the agent that there is something.
    pub(super) doorbell: Option<Doorbell>,
}

/// Why a control block has no channels, or not yet.
pub(super) enum NoChannels {
    /// It is not complete.
    Incomplete,
    /// It is, but has no link.
    Other(ProbeError),
}

impl Channels {
    /// Finds what is needed in the control block at this address.
    pub(super) fn of(core: &mut Core<'_>, block: u64) -> Result<Self, NoChannels> {
        let rtt = Rtt::attach_at(core, block).map_err(|_| NoChannels::Incomplete)?;
        let mut found: Vec<String> = Vec::new();
        let mut note = |way: &str, channel: &dyn RttChannel| {
            let name = channel.name().unwrap_or("without a name");
            found.push(format!("{way} {} \"{name}\"", channel.number()));
        };
        rtt.up_channels.iter().for_each(|up| note("up", up));
        rtt.down_channels.iter().for_each(|down| note("down", down));
        let up = rtt
            .up_channels
            .iter()
            .find(|channel| interrupt(*channel).is_some());
        let down = rtt.down_channels.iter().find_map(|down| {
            let interrupt = interrupt(down)?;
            Some((down.number(), interrupt))
        });
        let (Some(up), Some((down, interrupt))) = (up, down) else {
            return Err(NoChannels::Other(ProbeError::NoChannel { found }));
        };
        let log = rtt
            .up_channels
            .iter()
            .find(|channel| channel.number() == LOG && channel.number() != up.number());
        if let Some(log) = log {
            // A log that nobody reads must not stop the agent. If that cannot be changed, it will be read.
            if matches!(log.mode(core), Ok(ChannelMode::BlockIfFull)) {
                let _ = log.set_mode(core, ChannelMode::NoBlockSkip);
            }
        }
        let chosen = Chosen {
            up: up.number(),
            down,
            log: log.map(RttChannel::number),
        };
        Ok(Self {
            rings: Rings::of(core, block, chosen).map_err(|_| NoChannels::Incomplete)?,
            doorbell: interrupt.map(Doorbell::of),
        })
    }
}

/// Whether a channel is of the link, and which doorbell it announces.
fn interrupt(channel: &impl RttChannel) -> Option<Option<u32>> {
    parse(channel.name()?)
}

/// An interrupt that the agent sleeps until.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doorbell {
    register: u64,
    bit: u32,
}

impl Doorbell {
    const fn of(interrupt: u32) -> Self {
        Self {
            register: NVIC_ISPR + 4 * (interrupt / 32) as u64,
            bit: 1 << (interrupt % 32),
        }
    }

    /// Pends it; bits that are written as 0 stay as they are.
    pub(super) fn ring(self, core: &mut Core<'_>) -> Result<(), probe_rs::Error> {
        core.write_word_32(self.register, self.bit)
    }
}

/// Whether a channel of this name is of the link.
pub(super) fn is_of_link(name: &str) -> bool {
    parse(name).is_some()
}

/// Whether a channel of this name is of the link, and which doorbell it announces.
fn parse(name: &str) -> Option<Option<u32>> {
    let mut words = name.split_ascii_whitespace();
    if words.next()? != LINK {
        return None;
    }
    let number = words.find_map(|word| word.strip_prefix(DOORBELL)?.parse().ok());
    Some(number.filter(|number| *number < MOST_INTERRUPTS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_announce_the_doorbell() {
        assert_eq!(parse("hil"), Some(None));
        assert_eq!(parse("hil irq=31"), Some(Some(31)));
        assert_eq!(parse("hil  irq=0 "), Some(Some(0)));
        assert_eq!(
            parse("hil irq=496"),
            Some(None),
            "there is no such interrupt"
        );
        assert_eq!(parse("hil irq=many"), Some(None));
        assert_eq!(parse("hilirq=3"), None);
        assert_eq!(parse("defmt"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn the_doorbell_is_a_bit_of_the_pending_interrupts() {
        assert_eq!(
            Doorbell::of(0),
            Doorbell {
                register: 0xe000_e200,
                bit: 1
            }
        );
        assert_eq!(
            Doorbell::of(31),
            Doorbell {
                register: 0xe000_e200,
                bit: 1 << 31
            }
        );
        assert_eq!(
            Doorbell::of(45),
            Doorbell {
                register: 0xe000_e204,
                bit: 1 << 13
            }
        );
    }
}
