//! The lan of a board: the one that was asked for, or the best that works.
//!
//! Must not: start the board.

use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use hil_kit::rig::SocketFactory;

use super::BoardError;
use super::qemu::{self, BackEnd, Monitor};
use crate::inventory::{Board, BoardKind, Stack};
use crate::lan::wire::{Joined, Phy, Refusal, Wire, inherit, is_required};
use crate::lan::{self, Loopback, NicLan, NoLan, UserNet};

/// Name of the file that gets every frame of a wire.
const CAPTURE: &str = "wire.pcapng";

/// A lan, and what it is besides.
pub(super) struct Lan {
    /// For fixtures.
    pub(super) sockets: Arc<dyn SocketFactory>,
    /// The cable that the board is to be plugged into.
    pub(super) wire: Option<Arc<Wire>>,
    /// What the board is to be joined to instead.
    joined: Option<Arc<Joined>>,
    /// The interface that is to be its other end.
    nic: Option<String>,
    /// Why it was chosen, if that was left open.
    pub(super) reason: String,
    /// Why it is no wire, if that was left open.
    pub(super) worse: Option<String>,
}

impl Lan {
    /// Makes the lan of this kind, which fits the board.
    pub(super) async fn make(
        board: &Board,
        lan: &lan::Lan,
        evidence: &Path,
        monitor: &Arc<Monitor>,
    ) -> Result<Self, BoardError> {
        let plain = |sockets: Arc<dyn SocketFactory>| Self {
            sockets,
            wire: None,
            joined: None,
            nic: None,
            reason: String::new(),
            worse: None,
        };
        let user = || Arc::new(UserNet::new(Arc::clone(monitor)));
        let no_wire = |refusal| BoardError::NoWire {
            board: board.name.clone(),
            refusal,
        };
        match lan {
            lan::Lan::Loopback => return Ok(plain(Arc::new(Loopback::default()))),
            lan::Lan::User => return Ok(plain(user())),
            lan::Lan::Wire => return Self::wire(evidence, "").await.map_err(no_wire),
            lan::Lan::Nic(nic) if nic.exclusive => {
                let made = Self::cable(evidence).await.map_err(no_wire)?;
                let wire = Arc::new(made.beyond_a_nic());
                return Ok(Self {
                    wire: Some(Arc::clone(&wire)),
                    nic: Some(nic.name.clone()),
                    ..plain(wire)
                });
            }
            lan::Lan::Nic(nic) => {
                let found = NicLan::find(&nic.name).map_err(plug(&board.name))?;
                return Ok(plain(Arc::new(found)));
            }
            lan::Lan::None => return Ok(plain(Arc::new(NoLan::default()))),
            lan::Lan::Auto => {}
        }
        let refusal = match Self::wire(evidence, " (auto: a cable of the runner's own)").await {
            Ok(wire) => return Ok(wire),
            Err(refusal) => refusal,
        };
        let fallback: Arc<dyn SocketFactory> = match &board.kind {
            BoardKind::Native { stack: Stack::Own } => return Err(no_wire(refusal)),
            _ if is_required() => return Err(no_wire(refusal)),
            BoardKind::Native { .. } => Arc::new(Loopback::default()),
            BoardKind::Qemu { .. } => user(),
            BoardKind::Probe | BoardKind::Serial => Arc::new(NoLan::default()),
        };
        Ok(Self {
            reason: format!(" (auto: {refusal})"),
            worse: Some(refusal.to_string()),
            ..plain(fallback)
        })
    }

    /// The wire of a board without the runner in between.
    pub(super) async fn joined(board: &Board) -> Result<Self, BoardError> {
        let joined = blocking(Joined::make).await;
        let joined = Arc::new(joined.map_err(|refusal| BoardError::NoWire {
            board: board.name.clone(),
            refusal,
        })?);
        Ok(Self {
            sockets: Arc::clone(&joined) as _,
            wire: None,
            joined: Some(joined),
            nic: None,
            reason: " (without the runner in between, to compare with)".into(),
            worse: None,
        })
    }

    async fn wire(evidence: &Path, reason: &str) -> Result<Self, Refusal> {
        let wire = Arc::new(Self::cable(evidence).await?);
        Ok(Self {
            sockets: Arc::clone(&wire) as _,
            wire: Some(wire),
            joined: None,
            nic: None,
            reason: reason.to_owned(),
            worse: None,
        })
    }

    async fn cable(evidence: &Path) -> Result<Wire, Refusal> {
        let capture = evidence.join(CAPTURE);
        blocking(|| Wire::make(Some(capture))).await
    }
}

impl Lan {
    /// Plugs in a board that is a process, and completes the command that starts it.
    pub(super) async fn attach(
        &self,
        board: &str,
        stack: Stack,
        mut agent: Command,
    ) -> Result<Command, BoardError> {
        if let (Some(joined), Stack::Own) = (&self.joined, stack) {
            let end = joined.end().map_err(plug(board))?;
            agent.arg("--net").arg(format!("fd:{}", end.as_raw_fd()));
            agent.arg("--ipv4").arg(joined.board_address());
            inherit(&mut agent, end);
        }
        let Some(wire) = &self.wire else {
            return Ok(agent);
        };
        if let Some(nic) = &self.nic {
            wire.plug_in_nic(nic).map_err(plug(board))?;
            return Ok(agent);
        }
        match stack {
            Stack::None => {}
            Stack::Own => {
                let end = wire.plug_in_frames(Phy::Cable).map_err(plug(board))?;
                agent.arg("--net").arg(format!("fd:{}", end.as_raw_fd()));
                inherit(&mut agent, end);
            }
            Stack::Kernel => {
                let wire = Arc::clone(wire);
                agent
                    .arg("--address")
                    .arg(wire.plan().board_ipv4.to_string());
                let plugged = blocking(move || {
                    wire.plug_in_kernel(&mut agent)?;
                    Ok(agent)
                });
                agent = plugged.await.map_err(|refusal| BoardError::NoWire {
                    board: board.to_owned(),
                    refusal,
                })?;
            }
        }
        Ok(agent)
    }

    /// Plugs in a board that is a thing: its cable ends at an interface of this machine.
    pub(super) fn attach_thing(&self, board: &str) -> Result<(), BoardError> {
        if let (Some(wire), Some(nic)) = (&self.wire, &self.nic) {
            wire.plug_in_nic(nic).map_err(plug(board))?;
        }
        Ok(())
    }

    /// Plugs in a board that is emulated.
    pub(super) fn back_end(
        &self,
        board: &str,
        monitor: &Arc<Monitor>,
    ) -> Result<BackEnd, BoardError> {
        let Some(wire) = &self.wire else {
            return Ok(BackEnd::User);
        };
        let phy = Phy::Other(qemu::phy(monitor));
        let end = wire.plug_in_frames(phy).map_err(plug(board))?;
        Ok(BackEnd::Frames(end))
    }
}

/// The board's end of the cable could not be made.
fn plug(board: &str) -> impl FnOnce(io::Error) -> BoardError {
    let board = board.to_owned();
    move |source| BoardError::Plug { board, source }
}

/// Lets a thread wait for the kernel that has nothing else to do.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
