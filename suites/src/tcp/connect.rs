//! Connecting, and what becomes of the attempt.

use core::time::Duration;

use hil_kit::Counter;
use hil_kit::expect::{Answered, Peer};
use hil_kit::{
    Ctx, Done, Error, Fails, FailsSomehow, Matches as _, Outcome, Protocol, SocketAddress, Stop,
    Tcp, case, text,
};

use crate::codes::refused;
use crate::foreign;

/// How long a pending attempt may take to report itself.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A refused connection attempt fails, within 5 s, and leaves the socket unconnected.
#[case(level = Must, cite = ["tcp.connect.refused", "CON-01"], needs = [Tcp], profile = Quick)]
async fn refused_blocking(cx: &mut Ctx) -> Outcome {
    let closed = cx.closed_port()?;
    let tcp = cx.tcp().await?;

    let answer = tcp.connect(closed.address()).await?.expect(refused())?;

    answer.elapsed_at_most(Duration::ZERO, ATTEMPT)?;
    tcp.send(b"to nobody").await?.expect(refused())?;
    Ok(())
}

/// A non-blocking connection attempt that is refused fails in the end, never succeeds.
#[case(level = Must, cite = ["tcp.connect.refused-nonblocking", "CON-02"], needs = [Tcp, Sigio], profile = Quick)]
async fn refused_nonblocking(cx: &mut Ctx) -> Outcome {
    let closed = cx.closed_port()?;
    let tcp = cx.tcp().await?;
    let events = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;

    let answer = connect_to_the_end(&tcp, &events, closed.address()).await?;

    answer.expect(refused())?;
    Ok(())
}

/// A non-blocking connect begins the attempt; once it is there, connect says IS_CONNECTED and data flows.
///
/// A stack may also connect synchronously and say OK at once (D-07).
#[case(level = Must, cite = ["tcp.connect.completion", "CON-07"], needs = [Tcp, Sigio], profile = Quick, tags = ["impairable"])]
async fn completion(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    let events = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;

    let answer = connect_to_the_end(&tcp, &events, listener.address()).await?;

    answer.expect(Done.or(
        Fails(Error::IS_CONNECTED),
        "contract §6.2: the answer once the attempt is there",
    ))?;
    tcp.connect(listener.address())
        .await?
        .expect(Fails(Error::IS_CONNECTED))?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"hello").await?;
    peer.expect_bytes(b"hello").await
}

/// Repeats a non-blocking connect after each event until its answer is final.
async fn connect_to_the_end(
    tcp: &Tcp,
    events: &Counter,
    address: SocketAddress,
) -> Result<Answered, Stop> {
    loop {
        events.reset().await?;
        let answer = tcp.connect(address).await?;
        if !answer.failed_with(Error::IN_PROGRESS) && !answer.failed_with(Error::ALREADY) {
            return Ok(answer);
        }
        events.reaches(1, ATTEMPT).await?;
    }
}

/// Connect on a connected socket is IS_CONNECTED and does the connection no harm.
#[case(level = Must, cite = ["tcp.connect.twice", "CON-08"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn twice(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let (tcp, mut peer) = cx.connected_to(&listener).await?;

    tcp.connect(listener.address())
        .await?
        .expect(Fails(Error::IS_CONNECTED))?;

    tcp.send_all(b"still here").await?;
    peer.expect_bytes(b"still here").await
}

/// Connecting to port 0 fails, and the socket stays without a connection.
#[case(level = Must, cite = ["tcp.connect.invalid", "CON-13", "TCPSOCKET_CONNECT_INVALID"], needs = [Tcp], profile = Quick)]
async fn port_zero(cx: &mut Ctx) -> Outcome {
    let host = cx.closed_port()?.address();
    let tcp = cx.tcp().await?;

    tcp.connect(SocketAddress::new(host.ip, 0))
        .await?
        .expect(FailsSomehow)?;

    tcp.send(b"to nobody").await?.expect(FailsSomehow)?;
    Ok(())
}

/// Connecting to no address at all fails, and the socket stays without a connection.
#[case(
    level = Must,
    cite = ["tcp.connect.invalid", "CON-13", "TCPSOCKET_CONNECT_INVALID"],
    needs = [Tcp],
    profile = Full,
    deadline_ms = 60_000
)]
async fn unset_address(cx: &mut Ctx) -> Outcome {
    let port = cx.closed_port()?.address().port;
    let tcp = cx.tcp().await?;

    tcp.connect(SocketAddress::new(hil_kit::IpAddress::Unspec, port))
        .await?
        .expect(FailsSomehow)?;

    tcp.send(b"to nobody").await?.expect(FailsSomehow)?;
    Ok(())
}

/// Connecting to an address of the family that the board does not speak fails, with a code that says why.
///
/// A board that speaks both families finds nobody at that address.
#[case(
    level = Must,
    cite = ["tcp.connect.invalid", "CON-12"],
    needs = [Tcp],
    profile = Quick,
    deadline_ms = 60_000
)]
async fn wrong_family(cx: &mut Ctx) -> Outcome {
    let port = cx.closed_port()?.address().port;
    let tcp = cx.tcp().await?;
    let other = foreign::of_the_other_family(cx.iut_address().await?.ip);

    tcp.connect(SocketAddress::new(other, port)).await?.expect(
        Fails(Error::PARAMETER)
            .or(
                Fails(Error::UNSUPPORTED),
                "CON-12: a stack without that family may say so",
            )
            .or(Fails(Error::NO_CONNECTION), "CON-12: no way leads there"),
    )?;

    tcp.send(b"to nobody").await?.expect(FailsSomehow)?;
    Ok(())
}

/// A bound socket connects from the port it is bound to.
#[case(level = Must, cite = ["tcp.connect.bound-port", "CON-16"], needs = [Tcp, SourcePorts], profile = Quick)]
async fn from_the_bound_port(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let port = cx.free_port(Protocol::Tcp)?;
    let tcp = cx.tcp().await?;
    tcp.bind_port(port).await?.expect(Done)?;

    tcp.connect(listener.address()).await?.expect(Done)?;

    let peer = listener.accept().await?;
    let from = peer.remote_port()?;
    cx.require(
        from == port,
        "source-port",
        format!("port {port}"),
        format!("port {from}"),
    )
}

/// Noted: whether a board can connect to its own address. If it can, data flows; if not, connect fails.
///
/// The control: it can connect to the host.
#[case(
    level = Must,
    cite = ["tcp.connect.own-address", "CON-14"],
    needs = [Tcp, Server, Timeouts],
    profile = Full,
    deadline_ms = 60_000
)]
async fn own_address(cx: &mut Ctx) -> Outcome {
    let (to_host, mut peer) = cx.connected().await?;
    to_host.send_all(b"hello").await?;
    peer.expect_bytes(b"hello").await?;
    cx.positive_control();
    let own = cx.iut_address().await?;
    let listener = cx.listener(1).await?;
    listener.set_timeout(2000).await?;
    let tcp = cx.tcp().await?;

    let answer = tcp
        .connect(SocketAddress::new(own.ip, listener.port()))
        .await?
        .expect(Done.or(FailsSomehow, "CON-14: a stack may have no way to itself"))?;

    if answer.code() == 0 {
        let (child, _) = listener.accept().await?.connection()?;
        tcp.send_all(b"to myself").await?;
        child.recv_all(b"to myself").await?;
    }
    cx.note("tcp.connect.own-address", text::code(answer.code()));
    Ok(())
}

/// The peer's name is there from connect to close: NO_CONNECTION before, NO_SOCKET after.
#[case(level = Must, cite = ["tcp.getpeername.lifecycle", "CON-17"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn peer_name(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;

    tcp.peer_name().await?.expect(Fails(Error::NO_CONNECTION))?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    tcp.peer_name().await?.expect(Peer(listener.address()))?;
    let mut peer = listener.accept().await?;
    peer.half_close().await?;
    tcp.recv(1).await?.expect(hil_kit::Bytes(b""))?;
    tcp.peer_name().await?.expect(Peer(listener.address()))?;
    tcp.close().await?.expect(Done)?;
    tcp.peer_name().await?.expect(Fails(Error::NO_SOCKET))?;
    Ok(())
}

/// Connections can be made and closed one after the other, more often than there are sockets.
#[case(level = Must, cite = ["tcp.connect.many", "CON-20"], needs = [Tcp], profile = Full, tags = ["impairable"])]
async fn many_in_a_row(cx: &mut Ctx) -> Outcome {
    const ROUNDS: u8 = 20;
    let echo = cx.echo().await?;

    for round in 0..ROUNDS {
        let tcp = cx.tcp().await?;
        tcp.connect(echo.address()).await?.expect(Done)?;
        tcp.send_all(&[round]).await?;
        tcp.recv_all(&[round]).await?;
        tcp.close().await?.expect(Done)?;
        tcp.delete().await?.expect(Done)?;
    }

    echo.expect_connections(ROUNDS.into()).await?;
    echo.expect_all_ended().await
}
