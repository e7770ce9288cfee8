//! What the small servers of the Internet say (RFC 864, 867, 868), heard over TCP.

use hil_kit::fixtures::{characters, is_daytime, is_time};
use hil_kit::{
    Bytes, Ctx, Done, Matches as _, Outcome, SizeUpTo, SocketAddress, Stop, Tcp, case, text,
};

/// All lines of a character generator, each of which begins with another character.
const ALL_LINES: usize = 95 * 74;

/// A character generator is heard as long as one likes, every character right; then one hangs up.
#[case(level = Must, cite = ["tcp.service.heard", "TCPSOCKET_RECV_100K"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn chargen(cx: &mut Ctx) -> Outcome {
    let server = cx.chargen().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(server.address()).await?.expect(Done)?;

    tcp.recv_all(&characters(ALL_LINES)).await?;

    tcp.close().await?.expect(Done)?;
    server.expect_callers(1).await
}

/// A daytime server says one line and closes: the line is received whole, then 0.
#[case(level = Must, cite = ["tcp.service.heard", "TCPSOCKET_ENDPOINT_CLOSE"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn daytime(cx: &mut Ctx) -> Outcome {
    let server = cx.daytime().await?;

    let line = hear(cx, server.address()).await?;

    cx.require(
        is_daytime(&line),
        "data",
        "date and time of just now",
        text::bytes(&line),
    )?;
    server.expect_callers(1).await
}

/// A time server says four bytes and closes: they are received whole, then 0.
#[case(level = Must, cite = ["tcp.service.heard"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn time(cx: &mut Ctx) -> Outcome {
    let server = cx.time().await?;

    let time = hear(cx, server.address()).await?;

    cx.require(
        is_time(&time),
        "data",
        "the seconds since 1900",
        text::bytes(&time),
    )?;
    server.expect_callers(1).await
}

/// Connects, and receives until the server closes.
async fn hear(cx: &Ctx, server: SocketAddress) -> Result<Vec<u8>, Stop> {
    /// More than any of them says.
    const ENOUGH: usize = 128;
    let tcp: Tcp = cx.tcp().await?;
    tcp.connect(server).await?.expect(Done)?;
    let mut heard = Vec::new();
    while heard.len() < ENOUGH {
        let end = Bytes(b"");
        let answer = tcp
            .recv(30)
            .await?
            .expect(SizeUpTo(30).or(end, "contract §6.1 recv: the end of the stream"))?;
        if answer.code() == 0 {
            break;
        }
        heard.extend_from_slice(answer.data());
    }
    tcp.close().await?.expect(Done)?;
    Ok(heard)
}
