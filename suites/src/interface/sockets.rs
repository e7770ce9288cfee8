//! What becomes of sockets when their interface goes down and up.

use hil_kit::{Bytes, Ctx, Done, Error, Expect, Fails, Matches as _, Outcome, Size, case, text};

use super::{down, reaches_the_host, up};
use crate::codes::broken;

/// A connection does not survive disconnect: sending and receiving fail, before and after the next connect, and the
/// socket can be closed. New connections work.
#[case(level = Must, cite = ["interface.sockets.old-connection", "NIF-06"], needs = [Interface, Tcp], profile = Full, tags = ["exclusive"])]
async fn old_connection(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    tcp.send_all(b"before").await?;
    peer.expect_bytes(b"before").await?;
    tcp.set_blocking(false).await?;

    down(cx).await?;
    tcp.send(b"while down").await?.expect(dead())?;
    tcp.recv(16).await?.expect(dead())?;

    up(cx).await?;
    reaches_the_host(cx).await?;
    tcp.send(b"after").await?.expect(dead())?;
    tcp.recv(16).await?.expect(dead())?;
    tcp.close().await?.expect(Done)?;
    Ok(())
}

fn dead() -> Expect {
    broken().or(
        Fails(Error::WOULD_BLOCK),
        "coverage gap NIF-06: a stack may take the interruption for one of the network",
    )
}

/// A receive that waits on a connection ends when the interface goes down, with an error.
#[case(level = Must, cite = ["interface.sockets.waiting-call", "NIF-06"], needs = [Interface, Tcp, Lanes], profile = Quick, tags = ["exclusive"])]
async fn waiting_receive(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    peer.send(b"first").await?;
    tcp.recv_all(b"first").await?;
    let waiting = tcp.recv(16).blocked().await?;

    down(cx).await?;

    waiting.finish().await?.expect(broken())?;
    tcp.close().await?.expect(Done)?;
    up(cx).await?;
    reaches_the_host(cx).await
}

/// Noted: whether a UDP socket that was bound before the interface went down works after it is up again.
///
/// The control: it worked before, and a new one works afterwards. The old one can be closed in any case.
#[case(level = Must, cite = ["interface.sockets.old-udp", "NIF-06"], needs = [Interface, Udp, Timeouts], profile = Quick, tags = ["exclusive"])]
async fn old_udp(cx: &mut Ctx) -> Outcome {
    let echo = cx.udp_echo().await?;
    let old = cx.bound_udp().await?;
    old.set_timeout(1000).await?;
    old.send_to(echo.address(), b"before")
        .await?
        .expect(Size(6))?;
    old.recv_from(16).await?.expect(Bytes(b"before"))?;

    down(cx).await?;
    up(cx).await?;

    let new = cx.bound_udp().await?;
    new.send_to(echo.address(), b"new").await?.expect(Size(3))?;
    new.recv_from(16)
        .await?
        .expect(Bytes(b"new"))?
        .expect_from(echo.address())?;
    cx.positive_control();

    let sent = old.send_to(echo.address(), b"old").await?;
    let word = if sent.code() < 0 {
        format!("send answers {}", text::code(sent.code()))
    } else {
        match old.recv_from(16).await? {
            answer if answer.data() == b"old" => "works".into(),
            answer => format!("receives {}", text::received(answer.code(), answer.data())),
        }
    };
    cx.note("interface.udp-across-disconnect", word);
    old.close().await?.expect(Done)?;
    Ok(())
}
