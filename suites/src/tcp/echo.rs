//! Whole exchanges with an echo server.

use hil_kit::expect::Moved;
use hil_kit::{Ctx, Done, Outcome, Size, case};

/// Blocks of every size come back from an echo server as they were sent.
#[case(level = Must, cite = ["tcp.echo.sizes", "TCPSOCKET_ECHOTEST"], needs = [Tcp], profile = Full)]
async fn sizes(cx: &mut Ctx) -> Outcome {
    let echo = cx.echo().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    let most = cx.identity().max_io.min(1200);
    let sizes: Vec<u32> = (1..=10)
        .chain((100..=1200).step_by(100))
        .filter(|size| *size <= most)
        .collect();

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

/// Two connections at once do not disturb each other.
#[case(level = Must, cite = ["tcp.echo.side-by-side", "TCPSOCKET_THREAD_PER_SOCKET_SAFETY"], needs = [Tcp], profile = Quick)]
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
