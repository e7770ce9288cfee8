//! Sending datagrams: whole, from a stable port, to whom they are for.

use hil_kit::{Ctx, Error, Fails, Matches, Outcome, Size, case};

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
