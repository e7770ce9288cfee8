//! Sending into a stream: whole, in parts, and after the peer has ended its side.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, Matches as _, Outcome, Size, SizeUpTo, case};

/// Room that the host and the network between may have for data the peer does not read: a user network has
/// the buffers of two host sockets.
const ON_THE_WAY: u32 = 16 * 1024 * 1024;

/// After the peer has ended its side, what we send still arrives completely, and recv says 0.
#[case(level = Must, cite = ["tcp.send.half-closed", "STR-03"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
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
    cite = ["tcp.send.nonblocking", "STR-11", "STR-15", "SIG-12"],
    needs = [Tcp, Sigio],
    profile = Full,
    tags = ["impairable"]
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
    let full = full.expect(Fails(Error::WOULD_BLOCK))?;
    let taken = full.bulk().bytes;
    cx.require(taken > 0, "taken", "some bytes taken", "none")?;

    events.reset().await?;
    peer.expect_pattern(seed, taken).await?;
    events.reaches(1, Duration::from_secs(2)).await?;
    tcp.send(b"and on").await?.expect(Size(6))?;
    peer.expect_bytes(b"and on").await
}

/// Sending nothing into a connection is 0 and does it no harm.
#[case(level = Must, cite = ["tcp.send.nothing", "STR-16"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn nothing(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;

    tcp.send(b"").await?.expect(Size(0))?;

    tcp.send_all(b"something").await?;
    peer.expect_bytes(b"something").await
}

/// A hundred small sends are all taken whole, and arrive.
#[case(level = Must, cite = ["tcp.send.blocking", "TCPSOCKET_SEND_REPEAT"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn many_small_ones(cx: &mut Ctx) -> Outcome {
    const SENDS: u32 = 100;
    let seed = cx.seed();
    let discard = cx.discard(seed).await?;
    let tcp = cx.tcp().await?;
    tcp.connect(discard.address()).await?.expect(Done)?;

    let sent = tcp
        .source(seed, 5 * SENDS, 5)
        .await?
        .expect(Moved(5 * SENDS))?;

    let calls = sent.bulk().calls;
    cx.require(
        calls == SENDS,
        "calls",
        format!("{SENDS} calls that take 5 bytes each"),
        format!("{calls} calls"),
    )?;
    tcp.close().await?.expect(Done)?;
    discard.expect_bytes(u64::from(5 * SENDS)).await
}

/// A non-blocking send comes back at once, with what it took or WOULD_BLOCK.
#[case(level = Must, cite = ["tcp.send.nonblocking", "TCPSOCKET_SEND_TIMEOUT"], needs = [Tcp], profile = Quick)]
async fn comes_back_at_once(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    tcp.set_blocking(false).await?;
    let mut taken = Vec::new();

    for _ in 0..10 {
        let data = cx.data(5);
        let answer = tcp
            .send(&data)
            .await?
            .expect(SizeUpTo(5).or(Fails(Error::WOULD_BLOCK), "contract §4: no room just now"))?
            .elapsed_at_most(Duration::ZERO, Duration::from_millis(100))?;
        taken.extend_from_slice(&data[..usize::try_from(answer.code()).unwrap_or(0)]);
    }

    cx.require(!taken.is_empty(), "taken", "some bytes taken", "none")?;
    peer.expect_bytes(&taken).await
}

/// A non-blocking send of much takes a part or all of it, and that part is what arrives.
#[case(level = Must, cite = ["tcp.send.nonblocking", "STR-12"], needs = [Tcp], profile = Quick)]
async fn a_part(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let (seed, most) = (cx.seed(), cx.identity().max_io);
    tcp.set_blocking(false).await?;

    let sent = tcp
        .send_pattern(seed, most)
        .await?
        .expect(SizeUpTo(most as usize))?;

    let taken = u32::try_from(sent.code()).unwrap_or(0);
    tcp.close().await?.expect(Done)?;
    peer.expect_pattern(seed, taken).await?;
    peer.expect_eof().await
}

/// A send with a timeout to a peer that does not read takes what fits, then answers WOULD_BLOCK after the
/// timeout, not earlier; what was taken arrives.
#[case(level = Must, cite = ["tcp.send.timeout", "STR-14"], needs = [Tcp, Timeouts], profile = Full)]
async fn until_the_timeout(cx: &mut Ctx) -> Outcome {
    const TIMEOUT: Duration = Duration::from_millis(500);
    let (tcp, mut peer) = cx.connected_to_stalling().await?;
    let (first, second) = (cx.seed(), cx.seed());
    let chunk = cx.identity().max_io;
    let plenty = 2 * cx.limits().tcp_send_buffer + ON_THE_WAY;
    tcp.set_blocking(false).await?;
    let full = tcp
        .source(first, plenty, chunk)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?;

    tcp.set_timeout(500).await?;
    let waited = tcp
        .source(second, plenty, chunk)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?
        .elapsed_at_least(TIMEOUT)?;

    peer.expect_pattern(first, full.bulk().bytes).await?;
    peer.expect_pattern(second, waited.bulk().bytes).await
}

/// On TCP, the address that sendto is given means nothing: the data goes to the peer.
#[case(level = Must, cite = ["tcp.sendto.peer", "STR-23"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn to_another_address(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let other = cx.closed_port()?;

    tcp.send_to(other.address(), b"to the peer")
        .await?
        .expect(Size(11))?;

    peer.expect_bytes(b"to the peer").await
}
