//! Sending datagrams: whole, from a stable port, to whom they are for.

use core::time::Duration;

use hil_kit::{
    Bytes, Ctx, Done, Error, Fails, FailsSomehow, Matches, Outcome, Protocol, Size, SocketAddress,
    case,
};

/// Sends of the Mbed test plan.
const SENDS: usize = 100;

/// An empty datagram is sent as 0 bytes and arrives, or is UNSUPPORTED.
#[case(level = Must, cite = ["udp.sendto.empty", "UDP-07", "UDPSOCKET_SENDTO_INVALID"], needs = [Udp], profile = Quick)]
async fn empty_datagram(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;

    let answer = udp.send_to(peer.address(), b"").await?.expect(Size(0).or(
        Fails(Error::UNSUPPORTED),
        "contract §7: modems and offload chips have no empty datagrams",
    ))?;

    if answer.code() == 0 {
        peer.expect(b"").await?;
    }
    udp.send_to(peer.address(), b"after it")
        .await?
        .expect(Size(8))?;
    peer.expect(b"after it").await?;
    Ok(())
}

/// A hundred small sends are all taken, and arrive.
///
/// On a lan without loss all must arrive; the plan of the original allows for 30 % on any network.
#[case(level = Must, cite = ["udp.sendto.repeat", "UDPSOCKET_SENDTO_REPEAT"], needs = [Udp], profile = Quick)]
async fn repeat(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;

    for number in 0..SENDS {
        let data = format!("#{number:04}");
        udp.send_to(peer.address(), data.as_bytes())
            .await?
            .expect(Size(5))?;
        peer.expect(data.as_bytes()).await?;
    }
    Ok(())
}

/// An unbound UDP socket gets a port with its first send and keeps it.
#[case(level = Must, cite = ["udp.sendto.stable-port", "UDP-12"], needs = [Udp], profile = Quick)]
async fn stable_port(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;
    let mut other = cx.scripter().await?;

    udp.send_to(peer.address(), b"1").await?.expect(Size(1))?;
    let first = peer.expect(b"1").await?;
    udp.send_to(other.address(), b"2").await?.expect(Size(1))?;
    let second = other.expect(b"2").await?;
    udp.send_to(peer.address(), b"3").await?.expect(Size(1))?;
    let third = peer.expect(b"3").await?;

    cx.require(
        first == second && second == third,
        "source-port",
        format!("all three from {first}"),
        format!("the second from {second}, the third from {third}"),
    )
}

/// A bound UDP socket sends from the port it is bound to.
///
/// The host sees that port where it reaches it itself, also through an address translation of the lan.
#[case(level = Must, cite = ["udp.sendto.bound-port", "UDP-13"], needs = [Udp], profile = Quick)]
async fn bound_port(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let mut peer = cx.scripter().await?;
    let expected = peer.way_to(&udp).await?;

    udp.send_to(peer.address(), b"whence")
        .await?
        .expect(Size(6))?;

    let source = peer.expect(b"whence").await?;
    cx.require(
        source == expected,
        "source-port",
        format!("from {expected}, where its port is reached"),
        format!("from {source}"),
    )
}

/// Sending a datagram does not wait, whatever the mode of the socket.
#[case(level = Must, cite = ["udp.sendto.at-once", "UDPSOCKET_SENDTO_TIMEOUT", "TMO-08"], needs = [Udp, Timeouts], profile = Quick)]
async fn does_not_wait(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;
    let (at_once, slack) = (Duration::ZERO, Duration::from_millis(100));

    for mode in 0..3 {
        match mode {
            0 => {}
            1 => udp.set_timeout(1000).await?,
            _ => udp.set_blocking(false).await?,
        }
        let data = cx.data(100);
        udp.send_to(peer.address(), &data)
            .await?
            .expect(Size(100))?
            .elapsed_at_most(at_once, slack)?;
        peer.expect(&data).await?;
    }
    Ok(())
}

/// Nothing at all, sent to nobody, is 0; something sent to nobody fails or is lost. The socket works on.
#[case(level = Must, cite = ["udp.sendto.nobody", "UDPSOCKET_SENDTO_INVALID", "UDP-18"], needs = [Udp], profile = Quick)]
async fn to_nobody(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let mut peer = cx.scripter().await?;

    udp.send_to(SocketAddress::default(), b"")
        .await?
        .expect(Size(0))?;
    udp.send_to(SocketAddress::default(), b"lost")
        .await?
        .expect(Size(4).or(FailsSomehow, "UDP-18: there is nobody to send to"))?;

    udp.send_to(peer.address(), b"found")
        .await?
        .expect(Size(5))?;
    peer.expect(b"found").await.map(drop)
}

/// Datagrams as large as the port says arrive whole; larger ones do too, or are refused.
#[case(level = Must, cite = ["udp.sendto.sizes", "UDP-08"], needs = [Udp], profile = Quick)]
async fn sizes(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let seed = cx.seed();
    let discard = cx.udp_discard(seed).await?;
    let (payload, most) = (u32::from(cx.limits().udp_payload), cx.identity().max_io);
    let mut arrive = 0;

    for size in [1, 508, 536, 1220, 1471, 1472, payload - 1, payload] {
        if size <= payload.min(most) {
            udp.send_pattern_to(discard.address(), seed, size)
                .await?
                .expect(Size(size as usize))?;
            arrive += 1;
            discard.expect_datagrams(arrive).await?;
        }
    }
    for size in [payload + 1, 1473, 1500, 2000, most] {
        if size > payload && size <= most {
            let answer = udp.send_pattern_to(discard.address(), seed, size).await?;
            let answer = answer.expect(
                Size(size as usize)
                    .or(
                        Fails(Error::PARAMETER),
                        "contract §7: too large for the link",
                    )
                    .or(
                        Fails(Error::NO_MEMORY),
                        "contract §7: too large for the pool",
                    ),
            )?;
            arrive += u64::from(answer.code() > 0);
        }
    }
    discard.expect_datagrams(arrive).await
}

/// A datagram that the other host has no use for does the socket no harm.
///
/// What is made of "port unreachable" is the stack's affair (lwIP: nothing).
#[case(level = Must, cite = ["udp.sendto.unreachable", "UDP-11"], needs = [Udp, Timeouts], profile = Quick)]
async fn unreachable_port(cx: &mut Ctx) -> Outcome {
    let nobody = cx.unreachable_port().await?;
    let echo = cx.udp_echo().await?;
    let udp = cx.udp().await?;
    udp.set_timeout(200).await?;

    udp.send_to(nobody.address(), b"anybody?")
        .await?
        .expect(Size(8))?;
    udp.recv_from(16).await?.expect(FailsSomehow)?;

    udp.send_to(echo.address(), b"here I am")
        .await?
        .expect(Size(9))?;
    udp.set_timeout(2000).await?;
    udp.recv_from(16)
        .await?
        .expect(Bytes(b"here I am"))?
        .expect_from(echo.address())?;
    Ok(())
}

/// Binding a socket that its first send has bound is refused, or gives it another port; it works either way.
#[case(level = Must, cite = ["udp.sendto.then-bind", "UDP-14"], needs = [Udp], profile = Quick)]
async fn then_bind(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let echo = cx.udp_echo().await?;
    let port = cx.free_port(Protocol::Udp)?;
    udp.send_to(echo.address(), b"one").await?.expect(Size(3))?;
    udp.recv_from(16).await?.expect(Bytes(b"one"))?;

    udp.bind_port(port)
        .await?
        .expect(Fails(Error::PARAMETER).or(Done, "UDP-14: a stack may bind it anew"))?;

    udp.send_to(echo.address(), b"two").await?.expect(Size(3))?;
    udp.recv_from(16).await?.expect(Bytes(b"two"))?;
    Ok(())
}
