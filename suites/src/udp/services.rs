//! What the small servers of the Internet answer (RFC 864, 867, 868) over UDP.

use hil_kit::fixtures::{Service, characters, is_daytime, is_time};
use hil_kit::{Bytes, Ctx, Outcome, Size, SizeUpTo, Stop, case, text};

/// Asks `server` with `request`; what it answers.
async fn ask(cx: &Ctx, server: &Service, request: &[u8]) -> Result<Vec<u8>, Stop> {
    let udp = cx.udp().await?;
    udp.send_to(server.address(), request)
        .await?
        .expect(Size(request.len()))?;
    let answer = udp
        .recv_from(64)
        .await?
        .expect(SizeUpTo(64))?
        .expect_from(server.address())?;
    server.expect_callers(1).await?;
    Ok(answer.data().into())
}

/// A character generator answers a datagram with characters, every one right.
#[case(level = Must, cite = ["udp.service.heard"], needs = [Udp], profile = Quick)]
async fn chargen(cx: &mut Ctx) -> Outcome {
    let server = cx.udp_chargen().await?;
    let udp = cx.udp().await?;
    let most = usize::from(cx.identity().max_inline).min(512);
    let request = cx.data(most);

    udp.send_to(server.address(), &request)
        .await?
        .expect(Size(most))?;

    udp.recv_from(512)
        .await?
        .expect(Bytes(&characters(most)))?
        .expect_from(server.address())?;
    Ok(())
}

/// A daytime server answers a datagram with one line.
#[case(level = Must, cite = ["udp.service.heard"], needs = [Udp], profile = Quick)]
async fn daytime(cx: &mut Ctx) -> Outcome {
    let server = cx.udp_daytime().await?;
    let line = ask(cx, &server, b"?").await?;
    cx.require(
        is_daytime(&line),
        "data",
        "date and time of just now",
        text::bytes(&line),
    )
}

/// A time server answers a datagram with four bytes.
#[case(level = Must, cite = ["udp.service.heard"], needs = [Udp], profile = Quick)]
async fn time(cx: &mut Ctx) -> Outcome {
    let server = cx.udp_time().await?;
    let time = ask(cx, &server, b"?").await?;
    cx.require(
        is_time(&time),
        "data",
        "the seconds since 1900",
        text::bytes(&time),
    )
}
