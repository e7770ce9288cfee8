//! The network card: a descriptor that takes and gives a frame per datagram.
//!
//! A datagram of one byte is no frame: 1 says that the cable is plugged in, 0 that it is pulled. It is plugged
//! in at first.
//!
//! Must not: wait, or lose a frame because nobody takes it at the moment.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// Largest frame, without FCS: 1500 bytes and the Ethernet header.
const LARGEST: usize = 1514;
/// The Ethernet header: what is shorter is no frame.
const SMALLEST: usize = 14;
/// Frames kept while nobody takes them. Beyond it the stack is told to wait.
const MOST_WAITING: usize = 64;
/// Frames lost by a reset: more than any cable holds.
const MOST_LOST: usize = 4096;

/// The card.
#[derive(Debug)]
pub(crate) struct Card {
    cable: OwnedFd,
    /// Readable when the cable has a frame, or takes one again.
    wake: OwnedFd,
    waiting: VecDeque<Vec<u8>>,
    spare: Vec<Vec<u8>>,
    /// What was said about the plug and not asked for yet.
    plug: Option<bool>,
    /// What was said about the plug last.
    plugged: bool,
}

impl Card {
    /// A card on this cable.
    pub(crate) fn new(cable: OwnedFd) -> io::Result<Self> {
        let wake = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(
            &wake,
            &cable,
            epoll::EventData::new_u64(0),
            epoll::EventFlags::IN,
        )?;
        Ok(Self {
            cable,
            wake,
            waiting: VecDeque::new(),
            spare: Vec::new(),
            plug: None,
            plugged: true,
        })
    }

    /// Becomes readable when there is something to do.
    pub(crate) fn wake(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Whether the cable has been plugged in or pulled, if it has since this was asked last.
    pub(crate) const fn take_plug(&mut self) -> Option<bool> {
        self.plug.take()
    }

    /// Whether the cable is plugged in.
    pub(crate) const fn is_plugged(&self) -> bool {
        self.plugged
    }

    /// Says whether the cable is plugged in, as the cable itself would.
    pub(crate) const fn set_plug(&mut self, plugged: bool) {
        self.plugged = plugged;
        self.plug = Some(plugged);
    }

    /// Loses the frames that have arrived, as a card does when it is reset.
    pub(crate) fn lose_frames(&mut self) {
        for _ in 0..MOST_LOST {
            let Some(frame) = self.take() else { return };
            self.spare = vec![frame];
        }
    }

    /// Sends what waits; whether all of it has gone.
    fn flush(&mut self) -> bool {
        let waited = !self.waiting.is_empty();
        while let Some(frame) = self.waiting.pop_front() {
            if !self.put(&frame) {
                self.waiting.push_front(frame);
                return false;
            }
            self.spare.push(frame);
        }
        if waited {
            self.watch(epoll::EventFlags::IN);
        }
        true
    }

    /// Hands a frame to the cable, if that takes it now. A cable that is gone takes everything.
    fn put(&self, frame: &[u8]) -> bool {
        loop {
            match send(
                &self.cable,
                frame,
                SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
            ) {
                Err(Errno::AGAIN | Errno::NOBUFS) => return false,
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return true,
            }
        }
    }

    fn watch(&self, flags: epoll::EventFlags) {
        // It is registered: nothing can fail but the kernel's memory.
        let _ = epoll::modify(&self.wake, &self.cable, epoll::EventData::new_u64(0), flags);
    }

    fn transmit_now(&mut self, frame: Vec<u8>) {
        if self.waiting.is_empty() && self.put(&frame) {
            self.spare.push(frame);
            return;
        }
        if self.waiting.is_empty() {
            self.watch(epoll::EventFlags::IN | epoll::EventFlags::OUT);
        }
        self.waiting.push_back(frame);
    }

    fn buffer(&mut self, length: usize) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.resize(length, 0);
        buffer
    }

    /// The next frame; what is no frame is taken note of on the way.
    fn take(&mut self) -> Option<Vec<u8>> {
        // One byte more than fits, to tell what is too long.
        let mut buffer = self.buffer(LARGEST + 1);
        loop {
            match recv(&self.cable, &mut buffer[..], RecvFlags::DONTWAIT) {
                Ok((1, _)) => self.set_plug(buffer.first() != Some(&0)),
                Ok((length, _)) if (SMALLEST..=LARGEST).contains(&length) => {
                    buffer.truncate(length);
                    return Some(buffer);
                }
                // No frame that a card would take.
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => {
                    self.spare.push(buffer);
                    return None;
                }
            }
        }
    }
}

impl Device for Card {
    type RxToken<'a> = Received;
    type TxToken<'a> = Sending<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received, Sending<'_>)> {
        if !self.flush() && self.waiting.len() >= MOST_WAITING {
            return None;
        }
        let frame = self.take()?;
        Some((Received(frame), Sending(self)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sending<'_>> {
        self.flush().then_some(Sending(self))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = LARGEST;
        // As on the firmware's card the stack makes and checks all checksums, which is smoltcp's default.
        capabilities
    }
}

/// A frame that has arrived.
pub(crate) struct Received(Vec<u8>);

impl phy::RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// Room for a frame to be sent.
pub(crate) struct Sending<'a>(&'a mut Card);

impl phy::TxToken for Sending<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = self.0.buffer(length);
        let result = f(&mut frame);
        self.0.transmit_now(frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    use smoltcp::phy::{RxToken as _, TxToken as _};

    fn card() -> (Card, OwnedFd) {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )
        .expect("a pair");
        (Card::new(one).expect("a card"), other)
    }

    fn is_awake(card: &Card) -> bool {
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(
            card.wake(),
            rustix::event::PollFlags::IN,
        )];
        let now = rustix::event::Timespec::default();
        rustix::event::poll(&mut fds, Some(&now)).expect("an answer") > 0
    }

    #[test]
    fn frames_come_in_and_the_plug_is_no_frame() {
        let (mut card, cable) = card();
        let flags = SendFlags::empty();
        send(&cable, &[0], flags).expect("room");
        send(&cable, &[7; 5], flags).expect("room");
        send(&cable, &[7; LARGEST + 1], flags).expect("room");
        send(&cable, &[8; 60], flags).expect("room");
        let (frame, _) = card.receive(Instant::ZERO).expect("a frame");
        frame.consume(|bytes| assert_eq!(bytes, [8; 60]));
        assert_eq!((card.take_plug(), card.take_plug()), (Some(false), None));
        assert!(card.receive(Instant::ZERO).is_none());
    }

    #[test]
    fn a_reset_loses_frames_but_not_the_plug() {
        let (mut card, cable) = card();
        let flags = SendFlags::empty();
        send(&cable, &[8; 60], flags).expect("room");
        send(&cable, &[0], flags).expect("room");
        send(&cable, &[9; 60], flags).expect("room");
        card.lose_frames();
        assert!(card.receive(Instant::ZERO).is_none());
        assert!(!card.is_plugged());
        assert_eq!(card.take_plug(), Some(false));
        send(&cable, &[8; 60], flags).expect("room");
        assert!(card.receive(Instant::ZERO).is_some());
    }

    #[test]
    fn no_frame_is_lost_to_a_cable_that_is_full() {
        let (mut card, cable) = card();
        let mut sent = 0_u16;
        while let Some(room) = card.transmit(Instant::ZERO) {
            room.consume(60, |frame| frame[..2].copy_from_slice(&sent.to_ne_bytes()));
            sent += 1;
        }
        assert!(sent > 2 && !card.waiting.is_empty());
        assert!(!is_awake(&card), "nothing to do until there is room");
        let mut frame = [0; 100];
        for expected in 0..sent {
            recv(&cable, &mut frame[..], RecvFlags::DONTWAIT).expect("a frame");
            assert_eq!(frame[..2], expected.to_ne_bytes());
            // Some time before the last of those that fitted is taken.
            if is_awake(&card) {
                card.flush();
            }
        }
        assert!(card.waiting.is_empty() && !is_awake(&card));
    }
}
