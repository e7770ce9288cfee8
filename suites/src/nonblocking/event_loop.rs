//! A client that never blocks: everything it does follows an event.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Ctx, Done, Error, Fails, Matches, Outcome, case};

/// How long the client waits for the next event.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes that go there and back.
const TOTAL: u32 = 4096;
/// Bytes per call.
const CHUNK: u32 = 512;

/// A client driven only by its callback connects, sends, receives everything back and closes.
///
/// Connecting may be done in the first call (D-07: lwIP is synchronous) or be announced by an event; asked
/// again, a port says IS_CONNECTED, or OK where the first answer was a pending one (D-02).
#[case(level = Must, cite = ["nonblocking.sigio.client", "SIG-14", "CON-18", "CON-07"], needs = [Tcp, Sigio], profile = Quick, tags = ["impairable"])]
async fn client(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    let counter = cx.counter()?;
    let seed = cx.seed();
    tcp.set_blocking(false).await?;
    tcp.sigio(&counter).await?;

    let pending = Fails(Error::IN_PROGRESS).or(Fails(Error::ALREADY), "it goes on");
    let answer = tcp
        .connect(echo.address())
        .await?
        .expect(Done.or(Fails(Error::IN_PROGRESS), "D-07"))?;
    let mut connected = answer.code() == 0;
    while !connected {
        counter.reaches(1, PATIENCE).await?;
        counter.reset().await?;
        let allowed = Fails(Error::IS_CONNECTED)
            .or(Done, "D-02: the first answer was a pending one")
            .or(pending.clone(), "contract §5: an event may be spurious");
        let answer = tcp.connect(echo.address()).await?.expect(allowed)?;
        connected = answer.code() == 0 || answer.failed_with(Error::IS_CONNECTED);
    }

    tcp.source_by_events(seed, TOTAL, CHUNK, PATIENCE)
        .await?
        .expect(Moved(TOTAL))?;
    tcp.sink_by_events(seed, TOTAL, CHUNK, PATIENCE)
        .await?
        .expect(Moved(TOTAL))?;
    echo.expect_bytes(TOTAL.into()).await?;

    tcp.close().await?.expect(Done)?;
    tcp.send(b"x").await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
