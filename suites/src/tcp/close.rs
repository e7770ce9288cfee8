//! Closing a connection, and a listener.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Ctx, Done, Error, Fails, Outcome, Protocol, case};

/// Close right after send loses nothing: the peer gets all data, then the end.
#[case(level = Must, cite = ["tcp.close.flushes", "STR-27"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
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

/// Both sides may close at the same time; then the socket can be opened and connected again.
#[case(level = Must, cite = ["tcp.close.both", "STR-22"], needs = [Tcp, Lanes], profile = Quick, tags = ["impairable"])]
async fn at_the_same_time(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let (tcp, mut peer) = cx.connected_to(&listener).await?;

    let close = tcp.close().start().await?;
    peer.half_close().await?;

    close.finish().await?.expect(Done)?;
    peer.expect_eof().await?;
    tcp.open().await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"again").await?;
    peer.expect_bytes(b"again").await
}

/// Closing with data unread is OK; the peer sees the connection end.
#[case(level = Must, cite = ["tcp.close.unread", "STR-26"], needs = [Tcp, Sigio], profile = Quick)]
async fn with_data_unread(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let events = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;
    tcp.arm(&events).await?;
    peer.send(&cx.data(512)).await?;
    events.reaches(1, Duration::from_secs(1)).await?;

    tcp.close().await?.expect(Done)?;

    peer.expect_end().await?;
    tcp.recv(16).await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Once a listener is closed, clients are refused.
///
/// The control: before that one gets through.
#[case(level = Must, cite = ["tcp.close.refuses"], needs = [Tcp, Server, HonestTcp], profile = Quick)]
async fn listener_refuses_afterwards(cx: &mut Ctx) -> Outcome {
    let listener = cx.tcp().await?;
    let port = cx.free_port(Protocol::Tcp)?;
    listener.bind_port(port).await?.expect(Done)?;
    listener.listen(1).await?.expect(Done)?;
    let mut client = cx.client_to_port(port).await?;
    let (child, _) = listener.accept().await?.connection()?;
    child.send_all(b"welcome").await?;
    client.expect_bytes(b"welcome").await?;

    listener.close().await?.expect(Done)?;

    let late = cx.try_client(port).await?;
    let refused = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionRefused;
    cx.require(
        late.as_ref().is_err_and(refused),
        "refused",
        "a refusal",
        late.map_or_else(|error| error.to_string(), |_| "a connection".into()),
    )
}
