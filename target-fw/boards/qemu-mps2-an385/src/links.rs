//! The ways to the runner: UART and RTT. The agent hears both and answers where the last bytes came from; before
//! any came, on both.
//!
//! Must not: change the way for anything but bytes from the runner.

use nsapi_agent::Link;

use crate::hardware::clock;
use crate::hardware::rtt::Rtt;
use crate::link::UartLink;

/// How long a restart waits at most for a probe to fetch the last bytes, in microseconds.
const FETCHED_WITHIN_US: u64 = 100_000;

/// Where the runner is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Not known yet.
    Both,
    Serial,
    Rtt,
}

/// Both ways to the runner.
pub(crate) struct Links {
    serial: UartLink,
    rtt: Rtt,
    way: Way,
}

impl Links {
    /// Starts the UART; RTT has been started already.
    pub(crate) fn start(rtt: Rtt) -> Self {
        Self {
            serial: UartLink::start(),
            rtt,
            way: Way::Both,
        }
    }

    /// Takes what has arrived, from one of them.
    pub(crate) fn receive(&mut self, into: &mut [u8]) -> usize {
        let from_serial = self.serial.receive(into);
        if from_serial > 0 {
            self.answer_on(Way::Serial);
            return from_serial;
        }
        let from_rtt = self.rtt.receive(into);
        if from_rtt > 0 {
            self.answer_on(Way::Rtt);
        }
        from_rtt
    }

    /// Whether it is worth a look what has arrived.
    pub(crate) fn has_received(&mut self) -> bool {
        UartLink::has_received() || self.rtt.has_received()
    }

    /// Whether [`Link::write`] would take a byte.
    pub(crate) fn has_room(&self) -> bool {
        match self.way {
            Way::Both | Way::Serial => self.serial.has_room(),
            Way::Rtt => self.rtt.has_room(),
        }
    }

    /// Whether bytes are queued and the UART takes them. A probe fetches RTT's bytes by itself.
    pub(crate) fn can_go_on(&self) -> bool {
        self.serial.can_go_on()
    }

    /// Sends a portion of what is queued. Returns whether more could be sent right away.
    pub(crate) fn send_portion(&mut self) -> bool {
        self.serial.send_portion()
    }

    /// Whether no byte is queued for the UART.
    pub(crate) fn is_empty(&self) -> bool {
        self.serial.is_empty()
    }

    /// Waits until the last byte has left, but not for ever. For the end only.
    pub(crate) fn wait_until_sent(&self) {
        match self.way {
            Way::Both | Way::Serial => UartLink::wait_until_sent(),
            Way::Rtt => {
                let until = clock::now_us() + FETCHED_WITHIN_US;
                while !self.rtt.is_empty() && clock::now_us() < until {}
            }
        }
    }

    fn answer_on(&mut self, way: Way) {
        if self.way == way {
            return;
        }
        self.way = way;
        let name = match way {
            Way::Both => "nowhere yet",
            Way::Serial => "UART0",
            Way::Rtt => "RTT",
        };
        defmt::info!("the runner is heard on {=str}", name);
        // Ends whatever it has got of a frame that began elsewhere.
        self.write(&[0]);
    }
}

impl Link for Links {
    fn write(&mut self, bytes: &[u8]) -> usize {
        match self.way {
            Way::Serial => self.serial.write(bytes),
            Way::Rtt => self.rtt.write(bytes),
            Way::Both => {
                let taken = self.serial.write(bytes);
                // Where nobody reads it, it is full some day; then no frame there is whole any more.
                self.rtt.write(&bytes[..taken]);
                taken
            }
        }
    }
}
