//! Option KEEPALIVE: seconds, 0 to 7200, TCP only.

use core::time::Duration;

use hil_kit::wire::{any, from_board};
use hil_kit::{
    Answered, Bytes, Ctx, Done, Error, Fails, FailsSomehow, Matches as _, Outcome, Stop, Tcp, case,
    option, text,
};

/// How soon a segment leaves.
const SOON: Duration = Duration::from_secs(1);

async fn set(tcp: &Tcp, seconds: i32) -> Result<Answered, Stop> {
    let value = seconds.to_le_bytes();
    let (level, name) = (option::LEVEL_SOCKET, option::KEEPALIVE);
    Ok(tcp.set_option(level, name, &value).await?)
}

/// The option reads as `seconds`, or cannot be read.
async fn reads(tcp: &Tcp, seconds: i32) -> Result<(), Stop> {
    let (level, name) = (option::LEVEL_SOCKET, option::KEEPALIVE);
    tcp.get_option(level, name, 4)
        .await?
        .expect(Bytes(&seconds.to_le_bytes()).or(
            Fails(Error::UNSUPPORTED),
            "contract §9: a stack may have no getsockopt",
        ))?;
    Ok(())
}

/// With keepalive set, before or after connecting, a connection works as without.
#[case(
    level = Must,
    cite = ["options.keepalive.set", "TCPSOCKET_SETSOCKOPT_KEEPALIVE_VALID", "OPT-04"],
    needs = [Tcp, Option(option::KEEPALIVE)],
    profile = Quick
)]
async fn valid(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;

    for seconds in [0, 1, 7200] {
        set(&tcp, seconds).await?.expect(Done)?;
        reads(&tcp, seconds).await?;
    }

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"alive").await?;
    peer.expect_bytes(b"alive").await?;
    set(&tcp, 60).await?.expect(Done)?;
    reads(&tcp, 60).await?;
    peer.send(b"well").await?;
    tcp.recv_all(b"well").await
}

/// Times outside 0 to 7200 s are refused and change nothing, or the value is not looked at.
#[case(
    level = Must,
    cite = ["options.keepalive.range", "OPT-03"],
    needs = [Tcp, Option(option::KEEPALIVE)],
    profile = Quick
)]
async fn out_of_range(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    set(&tcp, 7200).await?.expect(Done)?;

    for seconds in [-1, 7201, i32::MAX, i32::MIN] {
        let answer = set(&tcp, seconds)
            .await?
            .expect(Fails(Error::PARAMETER).or(Done, "contract §9: lwIP only switches it on"))?;
        if answer.code() != 0 {
            reads(&tcp, 7200).await?;
        }
    }

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"alive").await?;
    peer.expect_bytes(b"alive").await
}

/// Noted: whether and how an idle connection is probed when keepalive is set to one second.
///
/// A probe repeats the last byte that was acknowledged, or names it without data (RFC 9293 §3.8.4). The control: data
/// passes before and after.
#[case(
    level = May,
    cite = ["options.keepalive.probes", "OPT-05"],
    needs = [Tcp, Option(option::KEEPALIVE), Cable],
    profile = Full
)]
async fn probes(cx: &mut Ctx) -> Outcome {
    const PERIOD: i32 = 1;
    const WATCHED: Duration = Duration::from_secs(3);
    let wire = cx.wire()?;
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    set(&tcp, PERIOD).await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    let segments = from_board().tcp().dst_port(listener.address().port);

    tcp.send_all(b"before").await?;
    peer.expect_bytes(b"before").await?;
    let data = wire.expect(segments.clone().with_payload(), SOON).await?;
    let next = data.packet().tcp().map_or(0, |it| it.seq + it.len());
    // The last acknowledgement of the opening may be late; a probe lies before what comes next.
    let probe = segments.that("before the next byte", move |packet| {
        packet
            .tcp()
            .is_some_and(|it| it.seq == next.wrapping_sub(1) && it.data.len() < 2)
    });
    let seen = wire.wait_for(probe, WATCHED).await;

    tcp.send_all(b"after").await?;
    peer.expect_bytes(b"after").await?;
    cx.positive_control();
    cx.note(
        "keepalive.probe",
        match seen {
            None => format!("none within {WATCHED:?}"),
            Some(frame) => {
                let after = frame.at.saturating_sub(data.at).as_millis() / 100;
                let bytes = frame.packet().tcp().map_or(0, |it| it.data.len());
                format!("after {after} tenths of a second, {bytes} bytes of data")
            }
        },
    );
    Ok(())
}

/// Noted: whether keepalive ends a connection whose peer has vanished.
///
/// The control: the connection works before; afterwards a new one does.
#[case(
    level = May,
    cite = ["options.keepalive.dead-peer", "STR-28"],
    needs = [Tcp, Timeouts, Option(option::KEEPALIVE), Cable],
    profile = Soak,
    deadline_ms = 60_000
)]
async fn dead_peer(cx: &mut Ctx) -> Outcome {
    const PATIENCE_MS: i32 = 20_000;
    let wire = cx.wire()?;
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    set(&tcp, 1).await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"before").await?;
    peer.expect_bytes(b"before").await?;
    cx.positive_control();

    let port = listener.address().port;
    let gone = wire.drop_all(any().tcp().port(port));
    tcp.set_timeout(PATIENCE_MS).await?;
    let end = tcp.recv(1).await?.expect(FailsSomehow)?;
    let after = end.elapsed.as_secs();
    cx.note(
        "keepalive.dead-peer",
        if end.failed_with(Error::WOULD_BLOCK) {
            format!("not noticed within {after} s")
        } else {
            format!("{} after {after} s", text::code(end.code()))
        },
    );

    gone.remove();
    let (other, mut peer) = cx.connected().await?;
    other.send_all(b"another").await?;
    peer.expect_bytes(b"another").await
}
