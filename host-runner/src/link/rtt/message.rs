//! What the runner and the process that drives the probe say to each other: a message per datagram of a
//! sequenced Unix socket, the ends of byte streams with it.
//!
//! Must not: know what is done with them.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Attachment, Examined, ProbeError, Progress};
use crate::event::CrashReport;

/// Longest message, in bytes: below what the system takes as one datagram.
const LONGEST: usize = 128 * 1024;

/// Descriptors in one message: the ends of the link and of the log.
const MOST_DESCRIPTORS: usize = 2;

/// What the runner wants; the answer carries the same number.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Counts the requests.
    pub(super) id: u32,
    /// What.
    pub(super) wish: Wish,
}

/// The requests.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Wish {
    /// Opens probe and chip, brings the image there and starts it. Once, and first. With the ends.
    Open(Box<Opening>),
    /// Opens probe and chip, looks, and ends. Instead of everything else.
    Examine(Box<Examination>),
    /// Starts the image again. With new ends.
    Reset,
    /// Writes the image again and starts it. With new ends.
    Reflash,
    /// Where the core is.
    WhereIsIt,
    /// Leaves the chip alone and ends.
    Close,
}

/// What [`Wish::Open`] is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Opening {
    /// Probe and chip.
    pub(super) attachment: Attachment,
    /// The image.
    pub(super) elf: PathBuf,
    /// How long the image may take until its RTT is there.
    pub(super) boot: Duration,
}

/// What [`Wish::Examine`] is about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Examination {
    /// Probe and chip.
    pub(super) attachment: Attachment,
    /// The image that should be there, if one is at hand.
    pub(super) elf: Option<PathBuf>,
}

/// What the runner gets to hear.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Word {
    /// It works: said regularly as long as no request is being dealt with.
    Alive,
    /// The request has come to this step, which gets its own time.
    Doing(Step),
    /// How far a step has come.
    Progress(Progress),
    /// The answer to a request.
    Answer {
        /// To which.
        id: u32,
        /// What came of it.
        answer: Result<Answer, ProbeError>,
    },
    /// The core has stopped by itself; what is known of it follows, which may take a moment.
    Stopped,
    /// What is known of it.
    Crashed {
        /// In words.
        how: String,
        /// In detail.
        report: Box<CrashReport>,
    },
    /// The probe or the chip is no longer there; nothing follows.
    Lost(String),
}

/// What comes of a request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    /// The image runs, and bytes are carried.
    Running {
        /// It had to be written.
        flashed: bool,
    },
    /// Where the core is, unless it waits for something to happen.
    Where(Option<Box<CrashReport>>),
    /// What was seen.
    Examined(Examined),
    /// It is done.
    Done,
}

/// A step of a request, each with its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// Opening the probe.
    Open,
    /// Attaching to the chip.
    Attach,
    /// Comparing what is on the chip.
    Compare,
    /// Writing the image.
    Flash,
    /// Resetting the core.
    Reset,
    /// Waiting for RTT.
    Boot,
    /// Finding out where the core is.
    Look,
}

impl Step {
    /// In words, behind "while".
    pub(super) const fn doing(self) -> &'static str {
        match self {
            Self::Open => "it was being opened",
            Self::Attach => "it attached to the chip",
            Self::Compare => "it read which image is on the chip",
            Self::Flash => "it wrote the image",
            Self::Reset => "it reset the core",
            Self::Boot => "the image started",
            Self::Look => "it looked where the core is",
        }
    }
}

/// Sends a message with descriptors; never blocks.
pub(super) fn send<T: Serialize>(
    socket: impl AsFd,
    message: &T,
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    if bytes.len() > LONGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    sendmsg(
        socket,
        &[IoSlice::new(&bytes)],
        &mut control,
        SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
    )?;
    Ok(())
}

/// Waits for a message; `None` when the other side is gone.
pub(super) fn receive<T: DeserializeOwned>(
    socket: impl AsFd,
) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
    let mut bytes = vec![0; LONGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        match recvmsg(&socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(rustix::io::Errno::INTR) => {}
            received => break received?,
        }
    };
    if received.bytes == 0 {
        return Ok(None);
    }
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    let message = serde_json::from_slice(&bytes[..received.bytes])?;
    Ok(Some((message, descriptors)))
}
