//! Modes, timeouts, event callbacks, and what becomes of calls that wait.

mod blocked;
mod event_loop;
mod lifecycle;
mod sigio;
mod sigio_edges;
mod sigio_ends;
mod timeouts;
mod unbounded;

use core::time::Duration;

use hil_kit::{Ctx, Error, Fails, Stop};

/// Lets `time` pass on the target: that long another socket waits in vain for a datagram.
///
/// Only to give a call that waits the time to end wrongly; never to wait for something to happen.
async fn pass_on_target(cx: &Ctx, time: Duration) -> Result<(), Stop> {
    let clock = cx.udp().await?;
    clock.set_timeout(time.as_millis() as i32).await?;
    clock
        .recv(1)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?
        .elapsed_at_least(time)?;
    clock.delete().await?;
    Ok(())
}
