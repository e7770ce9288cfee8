//! Closing a connection.

use hil_kit::expect::Moved;
use hil_kit::{Ctx, Done, Error, Fails, Outcome, case};

/// Close right after send loses nothing: the peer gets all data, then the end.
#[case(level = Must, cite = ["tcp.close.flushes", "STR-27"], needs = [Tcp], profile = Quick)]
async fn flushes(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 4 * 1024;
    let (tcp, mut peer) = cx.connected().await?;
    let seed = cx.seed();

    tcp.source(seed, TOTAL, cx.identity().max_io)
        .await?
        .expect(Moved(TOTAL))?;
    tcp.close().await?.expect(Done)?;

    peer.expect_pattern(seed, TOTAL).await?;
    peer.expect_eof().await?;
    tcp.send(b"too late")
        .await?
        .expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}
