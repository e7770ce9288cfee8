//! Exchanges with a host at a global and at a link-local address.

use hil_kit::expect::Moved;
use hil_kit::rig::HostAddress;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, FailsSomehow, Matches as _, Outcome, Size, case};

/// Largest block: a packet of the least MTU of IPv6 without headers (RFC 8200 §5).
const MOST: u32 = 1220;

/// Sizes up to that, as far as one call takes them.
fn sizes(most: u32) -> impl Iterator<Item = u32> {
    [1, 2, 3, 7, 64, 100, 255, 256, 512, 1000, 1219, MOST]
        .into_iter()
        .filter(move |size| *size <= most)
}

/// Blocks of all sizes come back over a TCP connection between global addresses.
#[case(level = Must, cite = ["ipv6.echo.tcp", "V6-01"], needs = [Tcp, Ipv6, HostIpv6], profile = Quick, tags = ["impairable"])]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let echo = cx.at(HostAddress::FirstIpv6).echo().await?;
    let tcp = cx.tcp().await?;
    tcp.connect(echo.address()).await?.expect(Done)?;
    let sizes: Vec<u32> = sizes(cx.identity().max_io).collect();

    for size in &sizes {
        let seed = cx.seed();
        tcp.send_pattern(seed, *size)
            .await?
            .expect(Size(*size as usize))?;
        tcp.sink(seed, *size, *size).await?.expect(Moved(*size))?;
    }

    tcp.close().await?.expect(Done)?;
    echo.expect_bytes(sizes.iter().copied().map(u64::from).sum())
        .await
}

/// Datagrams of all sizes come back, from the global address they were sent to.
#[case(level = Must, cite = ["ipv6.echo.udp", "V6-01"], needs = [Udp, Ipv6, HostIpv6], profile = Quick)]
async fn udp(cx: &mut Ctx) -> Outcome {
    let echo = cx.at(HostAddress::FirstIpv6).udp_echo().await?;
    let udp = cx.udp().await?;
    let most = u32::from(cx.limits().udp_payload).min(cx.identity().max_io);

    for size in sizes(most) {
        let seed = cx.seed();
        udp.send_pattern_to(echo.address(), seed, size)
            .await?
            .expect(Size(size as usize))?;
        udp.recv_pattern(size, seed, 0).await?.expect(Moved(size))?;
    }

    let data = cx.data(40);
    udp.send_to(echo.address(), &data).await?.expect(Size(40))?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(&data))?
        .expect_from(echo.address())?;
    Ok(())
}

/// A host at a link-local address is reached, or refused at once: the API has no zone to say which link is meant.
///
/// The control: the same host is reached at its global address.
#[case(
    level = Must,
    cite = ["ipv6.echo.link-local", "V6-02"],
    needs = [Tcp, Udp, Timeouts, Ipv6, HostIpv6],
    profile = Full
)]
async fn link_local_peer(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let far = cx.at(HostAddress::FirstIpv6).udp_echo().await?;
    udp.send_to(far.address(), b"global")
        .await?
        .expect(Size(6))?;
    udp.recv_from(64).await?.expect(Bytes(b"global"))?;
    cx.positive_control();

    let near = cx.at(HostAddress::LinkLocal);
    let echo = near.udp_echo().await?;
    let sent = udp.send_to(echo.address(), b"near").await?.expect(
        Size(4)
            .or(Fails(Error::PARAMETER), "V6-02: no zone, no way")
            .or(Fails(Error::NO_CONNECTION), "V6-02: no zone, no way")
            .or(Fails(Error::UNSUPPORTED), "V6-02: no zone, no way"),
    )?;
    let mut words = "refused";
    if sent.code() > 0 {
        udp.recv_from(64)
            .await?
            .expect(Bytes(b"near"))?
            .expect_from(echo.address())?;
        words = "reached";
    }
    cx.say(format!("link-local over UDP: {words}"));

    let listener = near.peer().await?;
    let tcp = cx.tcp().await?;
    let connect = tcp.connect(listener.address()).await?;
    if connect.code() < 0 {
        connect.expect(FailsSomehow)?;
        // Refused it must be usable for what works.
        let (tcp, mut peer) = cx.at(HostAddress::FirstIpv6).connected().await?;
        tcp.send_all(b"global").await?;
        return peer.expect_bytes(b"global").await;
    }
    connect.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"near").await?;
    peer.expect_bytes(b"near").await?;
    peer.send(b"by").await?;
    tcp.recv_all(b"by").await
}

/// A datagram larger than a frame arrives whole, or is refused.
#[case(level = Must, cite = ["ipv6.echo.large", "V6-05"], needs = [Udp, Ipv6, HostIpv6], profile = Full)]
async fn larger_than_a_frame(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let here = cx.at(HostAddress::FirstIpv6);
    let most = cx.identity().max_io;
    let too_large = "V6-05: too large for the link";

    for size in [1453, 1500, 2000, 3000]
        .into_iter()
        .filter(|it| *it <= most)
    {
        let seed = cx.seed();
        let discard = here.udp_discard(seed).await?;
        let sent = udp.send_pattern_to(discard.address(), seed, size).await?;
        let sent = sent.expect(
            Size(size as usize)
                .or(Fails(Error::PARAMETER), too_large)
                .or(Fails(Error::NO_MEMORY), too_large),
        )?;
        if sent.code() > 0 {
            discard.expect_datagrams(1).await?;
        }
    }

    let echo = here.udp_echo().await?;
    udp.send_to(echo.address(), b"small")
        .await?
        .expect(Size(5))?;
    udp.recv_from(64).await?.expect(Bytes(b"small"))?;
    Ok(())
}
