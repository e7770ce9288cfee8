//! How many UDP sockets there are.

use hil_kit::{Bytes, Ctx, Done, Error, Fails, Matches, Outcome, Protocol, Stop, Udp, case};

/// UDP sockets that must be available at once.
const FEWEST: usize = 3;

/// Opens UDP sockets until one is refused properly; all that were opened.
async fn exhaust(cx: &mut Ctx) -> Result<Vec<Udp>, Stop> {
    let most = usize::from(cx.limits().sockets) + 1;
    let mut open = Vec::new();
    loop {
        let (udp, answer) = cx.try_udp().await?;
        if answer.code() == 0 && open.len() < most {
            open.push(udp);
            continue;
        }
        answer.expect(Fails(Error::NO_SOCKET).or(
            Fails(Error::NO_MEMORY),
            "contract §3: lwIP is out of sockets, Nanostack out of memory",
        ))?;
        udp.delete().await?;
        return Ok(open);
    }
}

/// UDP sockets run out with NO_SOCKET or NO_MEMORY, not before the third, and closing gives all of them back.
#[case(level = Must, cite = ["udp.open.limit", "UDPSOCKET_OPEN_LIMIT"], needs = [Udp], profile = Quick, tags = ["exclusive"])]
async fn limit(cx: &mut Ctx) -> Outcome {
    let mut rounds = Vec::new();

    for _ in 0..2 {
        let open = exhaust(cx).await?;
        rounds.push(open.len());
        for udp in open {
            udp.delete().await?;
        }
    }

    cx.require(
        rounds[0] >= FEWEST,
        "fewest",
        format!("at least {FEWEST} UDP sockets"),
        rounds[0].to_string(),
    )?;
    cx.require(
        rounds[0] == rounds[1],
        "given-back",
        format!("{} UDP sockets in the second round too", rounds[0]),
        rounds[1].to_string(),
    )
}

/// A socket object can be opened and closed again and again, and then be used.
#[case(level = Must, cite = ["udp.open.again", "UDPSOCKET_OPEN_CLOSE_REPEAT"], needs = [Udp], profile = Quick)]
async fn again(cx: &mut Ctx) -> Outcome {
    let peer = cx.scripter().await?;
    let udp = cx.unopened_udp().await?;
    let port = cx.free_port(Protocol::Udp)?;

    for _ in 0..2 {
        udp.open().await?.expect(Done)?;
        udp.close().await?.expect(Done)?;
    }

    udp.open().await?.expect(Done)?;
    udp.bind_port(port).await?.expect(Done)?;
    peer.send_to_port(port, b"third time").await?;
    udp.recv_from(16).await?.expect(Bytes(b"third time"))?;
    Ok(())
}

/// A hundred open sockets can be destructed one after the other; the next one works as the first.
#[case(level = Must, cite = ["udp.open.destruct", "UDPSOCKET_OPEN_DESTRUCT"], needs = [Udp], profile = Quick)]
async fn destruct(cx: &mut Ctx) -> Outcome {
    for _ in 0..100 {
        cx.udp().await?.delete().await?.expect(Done)?;
    }

    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    peer.send(&udp, b"the next").await?;
    udp.recv_from(16).await?.expect(Bytes(b"the next"))?;
    Ok(())
}
