//! Connection attempts that nobody answers, and attempts after ones that failed.

use core::time::Duration;

use hil_kit::{Ctx, Done, Error, Fails, FailsSomehow, Matches as _, Outcome, SizeUpTo, case, text};

use crate::codes::refused;

/// Slack over the time that a port says an attempt takes: repetitions are further and further apart.
const SLACK: Duration = Duration::from_secs(2);

/// An attempt that nobody answers fails, in the time that the port names for it.
#[case(
    level = Must,
    cite = ["tcp.connect.unanswered", "CON-03"],
    needs = [Tcp, BlackHole],
    profile = Full,
    deadline_ms = 180_000
)]
async fn fails_in_time(cx: &mut Ctx) -> Outcome {
    let silent = cx.black_hole().await?;
    let tcp = cx.tcp().await?;
    let named = Duration::from_millis(cx.limits().connect_timeout_ms.into());

    tcp.connect(silent.address())
        .await?
        .expect(refused())?
        .elapsed_at_most(named, SLACK)?;

    tcp.send(b"to nobody").await?.expect(FailsSomehow)?;
    Ok(())
}

/// A connect with a timeout ends with the attempt pending after that time, or with its failure.
#[case(
    level = Must,
    cite = ["tcp.connect.timeout", "CON-04"],
    needs = [Tcp, BlackHole, Timeouts],
    profile = Full,
    deadline_ms = 180_000
)]
async fn with_timeout(cx: &mut Ctx) -> Outcome {
    const TIMEOUT: Duration = Duration::from_millis(500);
    let silent = cx.black_hole().await?;
    let tcp = cx.tcp().await?;
    tcp.set_timeout(500).await?;

    let pending = Fails(Error::IN_PROGRESS).or(
        Fails(Error::ALREADY),
        "contract §6.2: the last answer of the stack",
    );
    let answer = tcp
        .connect(silent.address())
        .await?
        .expect(pending.or(refused(), "D-07: a stack may connect synchronously"))?
        .elapsed_at_least(TIMEOUT)?;

    if answer.failed_with(Error::IN_PROGRESS) || answer.failed_with(Error::ALREADY) {
        answer.elapsed_at_most(TIMEOUT, Duration::from_millis(100))?;
    }
    tcp.close().await?.expect(Done)?;
    Ok(())
}

/// A stack that connects asynchronously says IN_PROGRESS first and ALREADY as long as the attempt lasts.
#[case(
    level = Must,
    cite = ["tcp.connect.pending", "CON-06"],
    needs = [Tcp, ConnectAsync, BlackHole],
    profile = Quick
)]
async fn pending(cx: &mut Ctx) -> Outcome {
    let silent = cx.black_hole().await?;
    let tcp = cx.tcp().await?;
    tcp.set_blocking(false).await?;

    tcp.connect(silent.address())
        .await?
        .expect(Fails(Error::IN_PROGRESS))?;

    for _ in 0..2 {
        tcp.connect(silent.address())
            .await?
            .expect(Fails(Error::ALREADY))?;
    }
    Ok(())
}

/// Sending while the attempt is pending would block, or fails: nothing is taken, or it counts as sent.
#[case(
    level = Must,
    cite = ["tcp.connect.pending", "CON-19"],
    needs = [Tcp, ConnectAsync, BlackHole],
    profile = Quick
)]
async fn send_while_pending(cx: &mut Ctx) -> Outcome {
    let silent = cx.black_hole().await?;
    let tcp = cx.tcp().await?;
    tcp.set_blocking(false).await?;
    tcp.connect(silent.address())
        .await?
        .expect(Fails(Error::IN_PROGRESS))?;

    tcp.send(b"too soon").await?.expect(
        Fails(Error::WOULD_BLOCK)
            .or(Fails(Error::IN_PROGRESS), "CON-19: the attempt's own state")
            .or(Fails(Error::NO_CONNECTION), "contract §6.3: Nanostack")
            .or(
                SizeUpTo(8),
                "CON-19: a stack may keep it until it is connected",
            ),
    )?;
    tcp.recv(1).await?.expect(FailsSomehow)?;
    Ok(())
}

/// Noted: whether a port tells refusal from silence. Both fail, that is the control.
#[case(
    level = Must,
    cite = ["tcp.connect.unanswered", "CON-05"],
    needs = [Tcp, BlackHole],
    profile = Full,
    deadline_ms = 180_000
)]
async fn told_from_refusal(cx: &mut Ctx) -> Outcome {
    let closed = cx.closed_port()?;
    let silent = cx.black_hole().await?;
    let (one, other) = (cx.tcp().await?, cx.tcp().await?);

    let refusal = one.connect(closed.address()).await?.expect(refused())?;
    let silence = other.connect(silent.address()).await?.expect(refused())?;

    cx.positive_control();
    cx.note("tcp.connect.refused", text::code(refusal.code()));
    cx.note("tcp.connect.unanswered", text::code(silence.code()));
    Ok(())
}

/// After a refused attempt a socket that is closed and opened again connects and works.
#[case(level = Must, cite = ["tcp.connect.after-refusal", "CON-11"], needs = [Tcp], profile = Quick)]
async fn reopened_after_refusal(cx: &mut Ctx) -> Outcome {
    let closed = cx.closed_port()?;
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(closed.address()).await?.expect(refused())?;

    tcp.close().await?.expect(Done)?;
    tcp.open().await?.expect(Done)?;

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"at last").await?;
    peer.expect_bytes(b"at last").await
}

/// After a refused attempt the same socket, as it is, connects properly or not at all: OK means that data flows.
#[case(
    level = Must,
    cite = ["tcp.connect.after-refusal", "CON-10"],
    needs = [Tcp, Destructive],
    profile = Quick
)]
async fn same_socket_after_refusal(cx: &mut Ctx) -> Outcome {
    let closed = cx.closed_port()?;
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(closed.address()).await?.expect(refused())?;

    let answer = tcp
        .connect(listener.address())
        .await?
        .expect(Done.or(FailsSomehow, "contract §6.2: a new socket is advised"))?;

    if answer.code() == 0 {
        let mut peer = listener.accept().await?;
        tcp.send_all(b"at last").await?;
        peer.expect_bytes(b"at last").await?;
    }
    Ok(())
}
