//! Accepting connections.

use core::time::Duration;

use hil_kit::{Ctx, Error, Fails, Outcome, case};

/// A non-blocking accept answers WOULD_BLOCK at once while no connection is there.
#[case(level = Must, cite = ["server.accept.nonblocking", "SRV-03"], needs = [Tcp, Server], profile = Quick)]
async fn nonblocking_without_connection(cx: &mut Ctx) -> Outcome {
    let listener = cx.listener(1).await?;
    listener.set_blocking(false).await?;

    let answer = listener.accept().await?.expect(Fails(Error::WOULD_BLOCK))?;

    answer.elapsed_at_most(Duration::ZERO, Duration::from_millis(100))?;
    Ok(())
}
