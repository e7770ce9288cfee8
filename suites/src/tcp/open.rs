//! Opening TCP sockets.

use hil_kit::{Ctx, Done, Error, Fails, Matches as _, Outcome, Stop, Tcp, case};

/// Every TCP socket that the port promises can be opened; one too many is NO_SOCKET or NO_MEMORY; and once all
/// are deleted, just as many can be opened again.
#[case(
    level = Must,
    cite = ["tcp.open.limit", "TCPSOCKET_OPEN_LIMIT"],
    needs = [Tcp],
    profile = Quick,
    tags = ["exclusive"]
)]
async fn limit(cx: &mut Ctx) -> Outcome {
    let first = open_all(cx).await?;
    let promised = cx.limits().tcp_sockets;
    cx.require(
        first >= usize::from(promised),
        "count",
        format!("at least {promised} sockets"),
        format!("{first} sockets"),
    )?;

    let second = open_all(cx).await?;
    cx.require(
        second == first,
        "second-round",
        format!("{first} sockets as in the first round"),
        format!("{second} sockets"),
    )
}

/// Opens sockets until there is none left, deletes them all, and says how many there were.
async fn open_all(cx: &Ctx) -> Result<usize, Stop> {
    // A port may have some more than it promises, but a limit there is.
    let most = usize::from(cx.limits().tcp_sockets) + 8;
    let mut sockets: Vec<Tcp> = Vec::new();
    loop {
        let (socket, answer) = cx.try_tcp().await?;
        if answer.code() != 0 || sockets.len() == most {
            answer.expect(Fails(Error::NO_SOCKET).or(
                Fails(Error::NO_MEMORY),
                "contract §3: stacks differ in what runs out first",
            ))?;
            socket.delete().await?.expect(Done)?;
            break;
        }
        sockets.push(socket);
    }
    for socket in &sockets {
        socket.delete().await?.expect(Done)?;
    }
    Ok(sockets.len())
}

/// A socket object can be opened and closed again and again, and then be used.
#[case(level = Must, cite = ["tcp.open.again", "TCPSOCKET_OPEN_CLOSE_REPEAT"], needs = [Tcp], profile = Quick)]
async fn again(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.unopened_tcp().await?;

    for _ in 0..2 {
        tcp.open().await?.expect(Done)?;
        tcp.close().await?.expect(Done)?;
    }

    tcp.open().await?.expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"third time").await?;
    peer.expect_bytes(b"third time").await
}

/// A hundred open sockets can be destructed one after the other; the next one works as the first.
#[case(level = Must, cite = ["tcp.open.destruct", "TCPSOCKET_OPEN_DESTRUCT"], needs = [Tcp], profile = Quick)]
async fn destruct(cx: &mut Ctx) -> Outcome {
    for _ in 0..100 {
        cx.tcp().await?.delete().await?.expect(Done)?;
    }

    let (tcp, mut peer) = cx.connected().await?;
    tcp.send_all(b"the next").await?;
    peer.expect_bytes(b"the next").await
}
