//! UDP: the length field, checksums.

use hil_kit::{Bytes, Ctx, Error, Fails, Matches as _, Outcome, Udp, case};

/// How long a datagram that is delivered may take, in milliseconds.
const PATIENCE_MS: i32 = 2_000;

/// Requires that nothing waits at the socket. What came before has been seen by the board once it answers a ping.
async fn nothing_waits(cx: &Ctx, udp: &Udp) -> Outcome {
    cx.wire()?.ping().await?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    udp.set_timeout(PATIENCE_MS).await?;
    Ok(())
}

/// A length field that cannot be is not believed: too short or more than the packet holds, the datagram is dropped;
/// less than the packet holds, only that much is delivered.
#[case(level = Must, cite = ["packet.udp.length", "UDP-W-04"], needs = [Cable, Udp, Tcp], profile = Full)]
async fn length(cx: &mut Ctx) -> Outcome {
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    let data = cx.data(20);
    let datagram = || ghost.udp(4_000, udp.port(), data.clone());

    for length in (0..8).chain([29, 36, 1500, 65_535]) {
        ghost.send(datagram().udp_length(length));
        // Some stacks look at the length only if the checksum is not there to speak for it.
        ghost.send(datagram().udp_length(length).checksum(0));
    }
    nothing_waits(cx, &udp).await?;

    ghost.send(datagram().udp_length(18).checksum(0));
    udp.recv_from(64).await?.expect(Bytes(&data[..10]))?;
    ghost.send(datagram());
    udp.recv_from(64).await?.expect(Bytes(&data))?;
    udp.delete().await?;
    witness.check(cx).await
}

/// A datagram with a wrong checksum is never delivered, whatever is wrong with it.
#[case(level = Must, cite = ["packet.udp.checksum", "UDP-W-01"], needs = [Cable, Udp], profile = Quick)]
async fn checksum(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    let data = cx.data(21);
    let datagram = || ghost.udp(4_000, udp.port(), data.clone());
    ghost.send(datagram().checksum_off_by(1));
    ghost.send(datagram().checksum_off_by(0x8000));
    ghost.send(datagram().edit(|frame| {
        // Behind the headers of Ethernet, IPv4 and UDP.
        frame[42] ^= 1;
    }));
    // The checksum speaks for another address: that of the host.
    let of_the_host = datagram().src_ip(wire.plan().host_ipv4[0]).bytes();
    let foreign = u16::from_be_bytes([of_the_host[40], of_the_host[41]]);
    ghost.send(datagram().checksum(foreign));
    nothing_waits(cx, &udp).await?;
    ghost.send(datagram());
    udp.recv_from(64).await?.expect(Bytes(&data))?;
    Ok(())
}

/// Over IPv4 a checksum of 0 says that there is none: the datagram is delivered.
#[case(level = Must, cite = ["packet.udp.no-checksum", "UDP-W-02"], needs = [Cable, Udp, Ipv4], profile = Quick)]
async fn no_checksum(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    udp.set_timeout(PATIENCE_MS).await?;
    let data = cx.data(21);
    ghost.send(ghost.udp(4_000, udp.port(), data.clone()).checksum(0));
    udp.recv_from(64).await?.expect(Bytes(&data))?;
    Ok(())
}

/// Ports 0 do no harm: a datagram to port 0 reaches nobody.
#[case(level = Must, cite = ["packet.udp.port-zero", "UDP-W-05"], needs = [Cable, Udp, Tcp], profile = Full)]
async fn port_zero(cx: &mut Ctx) -> Outcome {
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    let data = cx.data(9);
    ghost.send(ghost.udp(4_000, 0, data.clone()));
    nothing_waits(cx, &udp).await?;
    ghost.send(ghost.udp(0, udp.port(), data.clone()));
    cx.wire()?.ping().await?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Bytes(&data).or(
        Fails(Error::WOULD_BLOCK),
        "RFC 768: a source port of 0 is allowed and says that no answer is wanted; RFC 6056 §3.1 lets it be dropped",
    ))?;
    udp.delete().await?;
    witness.check(cx).await
}
