//! Checksums of what is received.

use hil_kit::{Bytes, Ctx, Error, Fails, Outcome, case};

/// A port of the ghost.
const GHOST_PORT: u16 = 40_021;

/// A datagram whose checksum is wrong is not delivered, whatever is wrong about it; the right one behind it is.
///
/// The checksum itself, the data, a port, a checksum made for another receiver; of a long datagram the last byte.
#[case(level = Must, cite = ["udp.checksum.wrong", "UDP-21"], needs = [Udp, Ipv4, Cable], profile = Quick)]
async fn wrong(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let datagram = |data: &[u8]| ghost.udp(GHOST_PORT, udp.port(), data);
    let long = cx.data(999);

    ghost.send(datagram(b"off by one").checksum_off_by(1));
    ghost.send(datagram(b"off by much").checksum_off_by(0x8000));
    ghost.send(datagram(b"other data").edit(|frame| frame[14 + 20 + 8] ^= 1));
    ghost.send(datagram(b"other port").edit(|frame| frame[14 + 20 + 1] ^= 1));
    ghost.send(datagram(&long).edit(|frame| frame[14 + 20 + 8 + 998] ^= 0x80));
    ghost.send(datagram(b"right"));

    udp.recv_from(64)
        .await?
        .expect(Bytes(b"right"))?
        .expect_from(ghost.address(GHOST_PORT))?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Over IPv4 a datagram without a checksum is delivered: zero says that there is none (RFC 768).
#[case(level = Must, cite = ["udp.checksum.none", "UDP-21"], needs = [Udp, Ipv4, Cable], profile = Quick)]
async fn none(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;

    ghost.send(
        ghost
            .udp(GHOST_PORT, udp.port(), *b"unprotected")
            .checksum(0),
    );

    udp.recv_from(64)
        .await?
        .expect(Bytes(b"unprotected"))?
        .expect_from(ghost.address(GHOST_PORT))?;
    Ok(())
}
