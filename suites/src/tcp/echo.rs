//! Whole exchanges with an echo server.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Ctx, Done, Outcome, Size, Tcp, case};

/// How long to wait for an event.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bursts, and the size of each, in the test plan of the original.
const BURSTS: u32 = 20;
const BURST: u32 = 1220;

/// The sizes of that plan, as far as one call takes them.
fn plan_sizes(cx: &Ctx) -> Vec<u32> {
    let most = cx.identity().max_io.min(1200);
    (1..=10)
        .chain((100..=1200).step_by(100))
        .filter(|size| *size <= most)
        .collect()
}

/// Blocks of every size come back from an echo server as they were sent.
#[case(level = Must, cite = ["tcp.echo.sizes", "TCPSOCKET_ECHOTEST"], needs = [Tcp], profile = Full, tags = ["impairable"])]
async fn sizes(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    let sizes = plan_sizes(cx);

    for size in &sizes {
        let seed = cx.seed();
        tcp.send_pattern(seed, *size)
            .await?
            .expect(Size(*size as usize))?;
        tcp.sink(seed, *size, *size).await?.expect(Moved(*size))?;
    }

    tcp.close().await?.expect(Done)?;
    echo.expect_bytes(sizes.iter().copied().map(u64::from).sum())
        .await
}

/// In non-blocking mode, too, blocks of every size come back: what would block goes on at an event.
#[case(level = Must, cite = ["tcp.echo.nonblocking", "TCPSOCKET_ECHOTEST_NONBLOCK"], needs = [Tcp, Sigio], profile = Full, tags = ["impairable"])]
async fn nonblocking_sizes(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    let events = cx.counter()?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;
    let sizes = plan_sizes(cx);

    for size in &sizes {
        exchange_by_events(cx, &tcp, *size).await?;
    }

    tcp.detach_sigio().await?;
    tcp.close().await?.expect(Done)?;
    echo.expect_bytes(sizes.iter().copied().map(u64::from).sum())
        .await
}

/// Sends a block and receives it again, waiting for events only.
async fn exchange_by_events(cx: &Ctx, tcp: &Tcp, size: u32) -> Outcome {
    let seed = cx.seed();
    tcp.source_by_events(seed, size, size, PATIENCE)
        .await?
        .expect(Moved(size))?;
    tcp.sink_by_events(seed, size, size, PATIENCE)
        .await?
        .expect(Moved(size))?;
    Ok(())
}

/// Bursts of 1220 bytes, each sent in one call, come back complete.
#[case(level = Must, cite = ["tcp.echo.bursts", "TCPSOCKET_ECHOTEST_BURST"], needs = [Tcp], profile = Full, tags = ["impairable"])]
async fn bursts(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    let burst = BURST.min(cx.identity().max_io);

    for _ in 0..BURSTS {
        let seed = cx.seed();
        tcp.send_pattern(seed, burst)
            .await?
            .expect(Size(burst as usize))?;
        tcp.sink(seed, burst, burst).await?.expect(Moved(burst))?;
    }

    tcp.close().await?.expect(Done)?;
    echo.expect_bytes(u64::from(BURSTS * burst)).await
}

/// Bursts come back complete in non-blocking mode, too.
#[case(level = Must, cite = ["tcp.echo.bursts", "TCPSOCKET_ECHOTEST_BURST_NONBLOCK"], needs = [Tcp, Sigio], profile = Full, tags = ["impairable"])]
async fn nonblocking_bursts(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    let events = cx.counter()?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;
    let burst = BURST.min(cx.identity().max_io);

    for _ in 0..BURSTS {
        exchange_by_events(cx, &tcp, burst).await?;
    }

    tcp.close().await?.expect(Done)?;
    echo.expect_bytes(u64::from(BURSTS * burst)).await
}

/// While one connection is busy both ways in small steps, exchanges on another one are not disturbed.
#[case(
    level = Must,
    cite = ["tcp.echo.side-by-side", "TCPSOCKET_THREAD_PER_SOCKET_SAFETY"],
    needs = [Tcp, Lanes],
    profile = Full,
    tags = ["impairable"]
)]
async fn beside_a_busy_connection(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 20_000;
    const STEP: u32 = 10;
    let echo = cx.echo().await?;
    let (busy, other) = (cx.tcp().await?, cx.tcp().await?);
    busy.connect(echo.address()).await?.expect(Done)?;
    other.connect(echo.address()).await?.expect(Done)?;
    let seed = cx.seed();

    let source = busy.source(seed, TOTAL, STEP).start().await?;
    let sink = busy.sink(seed, TOTAL, STEP).start().await?;
    let sizes: Vec<u32> = (1..=1001).rev().step_by(100).collect();
    for size in &sizes {
        let seed = cx.seed();
        other
            .send_pattern(seed, *size)
            .await?
            .expect(Size(*size as usize))?;
        other.sink(seed, *size, *size).await?.expect(Moved(*size))?;
    }

    source.finish().await?.expect(Moved(TOTAL))?;
    sink.finish().await?.expect(Moved(TOTAL))?;
    echo.expect_bytes(u64::from(TOTAL + sizes.iter().sum::<u32>()))
        .await
}

/// Two connections at once do not disturb each other.
#[case(level = Must, cite = ["tcp.echo.side-by-side"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn side_by_side(cx: &mut Ctx) -> Outcome {
    let (one, mut first) = cx.connected().await?;
    let (other, mut second) = cx.connected().await?;

    one.send_all(b"one").await?;
    other.send_all(b"other").await?;
    first.send(b"first").await?;
    second.send(b"second").await?;

    second.expect_bytes(b"other").await?;
    first.expect_bytes(b"one").await?;
    other.recv_all(b"second").await?;
    one.recv_all(b"first").await
}
