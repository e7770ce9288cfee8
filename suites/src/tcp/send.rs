//! Sending into a stream: whole, in parts, and after the peer has ended its side.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Bytes, Ctx, Error, Outcome, Size, case};

/// Room that the host and the network between may have for data the peer does not read: a user network has
/// the buffers of two host sockets.
const ON_THE_WAY: u32 = 16 * 1024 * 1024;

/// After the peer has ended its side, what we send still arrives completely, and recv says 0.
#[case(level = Must, cite = ["tcp.send.half-closed", "STR-03"], needs = [Tcp], profile = Quick)]
async fn after_the_peers_end(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 5 * 1024;
    let (tcp, mut peer) = cx.connected().await?;
    let seed = cx.seed();
    peer.half_close().await?;
    tcp.recv(16).await?.expect(Bytes(b""))?;

    let source = tcp
        .source(seed, TOTAL, cx.identity().max_io)
        .start()
        .await?;
    peer.expect_pattern(seed, TOTAL).await?;

    source.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// A blocking send takes everything, also more than there are buffers for, and all of it arrives.
#[case(level = Must, cite = ["tcp.send.blocking", "STR-13"], needs = [Tcp, Lanes], profile = Full)]
async fn more_than_the_buffer(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected_to_stalling().await?;
    let seed = cx.seed();
    let total = (2 * cx.limits().tcp_send_buffer).max(64 * 1024);

    let source = tcp
        .source(seed, total, cx.identity().max_io)
        .start()
        .await?;
    peer.expect_pattern(seed, total).await?;

    source.finish().await?.expect(Moved(total))?;
    Ok(())
}

/// A non-blocking send to a peer that does not read ends in WOULD_BLOCK; exactly what was taken arrives; once
/// there is room again the callback is called and sending goes on.
#[case(
    level = Must,
    cite = ["tcp.send.nonblocking", "STR-11", "STR-15"],
    needs = [Tcp, Sigio],
    profile = Full
)]
async fn until_full_and_on(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected_to_stalling().await?;
    let seed = cx.seed();
    let events = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;
    let plenty = 2 * cx.limits().tcp_send_buffer + ON_THE_WAY;

    let full = tcp
        .source_by_events(seed, plenty, 1024, Duration::from_millis(300))
        .await?;
    let full = full.expect(hil_kit::Fails(Error::WOULD_BLOCK))?;
    let taken = full.bulk().bytes;
    cx.require(taken > 0, "taken", "some bytes taken", "none")?;

    events.reset().await?;
    peer.expect_pattern(seed, taken).await?;
    events.reaches(1, Duration::from_secs(2)).await?;
    tcp.send(b"and on").await?.expect(Size(6))?;
    peer.expect_bytes(b"and on").await
}

/// Sending nothing into a connection is 0 and does it no harm.
#[case(level = Must, cite = ["tcp.send.nothing", "STR-16"], needs = [Tcp], profile = Quick)]
async fn nothing(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;

    tcp.send(b"").await?.expect(Size(0))?;

    tcp.send_all(b"something").await?;
    peer.expect_bytes(b"something").await
}
