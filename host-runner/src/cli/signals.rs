//! Ctrl-C and its relatives: the first asks the run to stop, the second to stop at once, the third is the end.

use tokio::signal::unix::{SignalKind, signal};

use crate::engine::{Stop, StopLevel};
use crate::event::Exit;

/// Raises `stop` whenever somebody wants the runner to end.
///
/// # Errors
/// The system refuses to tell about signals.
pub(super) fn listen(stop: Stop) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
            if stop.level() == StopLevel::Now {
                // Asked for the third time: boards die with their parent, by the kernel's hand.
                std::process::exit(Exit::Interrupted.code().into());
            }
            stop.raise();
        }
    });
    Ok(())
}
