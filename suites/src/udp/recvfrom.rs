//! Receiving datagrams: one at a time, whole or cut off, in order, with their source.

use hil_kit::{Bytes, Ctx, Error, Fails, Outcome, case};

/// What does not fit into the buffer is discarded with its datagram; the next read gives the next datagram.
#[case(level = Must, cite = ["udp.recvfrom.truncation", "UDP-05"], needs = [Udp], profile = Quick)]
async fn truncation(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let long = cx.data(200);

    peer.send(&udp, &long).await?;
    peer.send(&udp, b"the next one").await?;

    udp.recv_from(50)
        .await?
        .expect(Bytes(&long[..50]))?
        .expect_from(peer.address())?;
    udp.recv_from(50).await?.expect(Bytes(b"the next one"))?;
    Ok(())
}

/// An empty datagram is received as 0 bytes with its source, and is not the end of anything.
#[case(level = Must, cite = ["udp.recvfrom.empty", "UDP-06"], needs = [Udp], profile = Quick)]
async fn empty_datagram(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;

    peer.send(&udp, b"").await?;
    peer.send(&udp, b"after it").await?;

    udp.recv_from(50)
        .await?
        .expect(Bytes(b""))?
        .expect_from(peer.address())?;
    udp.recv_from(50).await?.expect(Bytes(b"after it"))?;
    Ok(())
}

/// Each receive gives exactly one datagram, however many are queued and however much room there is.
#[case(level = Must, cite = ["udp.recvfrom.boundaries", "UDP-09"], needs = [Udp], profile = Quick)]
async fn boundaries(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let sizes = [1, 33, 64, 2, 17];
    let datagrams: Vec<_> = sizes.into_iter().map(|size| cx.data(size)).collect();

    for datagram in &datagrams {
        peer.send(&udp, datagram).await?;
    }

    for datagram in &datagrams {
        udp.recv_from(256)
            .await?
            .expect(Bytes(datagram))?
            .expect_from(peer.address())?;
    }
    udp.set_blocking(false).await?;
    udp.recv_from(256)
        .await?
        .expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// When more datagrams come than a socket can hold, the first ones stay, in order, and the socket lives on.
///
/// The port says how many of 64 bytes it holds at least. What comes beyond may be lost, never reordered.
#[case(level = Must, cite = ["udp.recvfrom.overflow", "UDP-10"], needs = [Udp])]
async fn overflow(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let held = cx.limits().udp_queue;
    let sent = 50.max(2 * held);
    let datagram = |number: u16| {
        let mut datagram = [0; 64];
        datagram[..2].copy_from_slice(&number.to_be_bytes());
        datagram
    };

    for number in 0..sent {
        peer.send(&udp, &datagram(number)).await?;
    }

    for number in 0..held {
        udp.recv_from(64).await?.expect(Bytes(&datagram(number)))?;
    }
    udp.set_blocking(false).await?;
    let mut next = held;
    loop {
        let answer = udp.recv_from(64).await?;
        if answer.failed_with(Error::WOULD_BLOCK) {
            break;
        }
        let number = (next..sent).find(|number| answer.data() == datagram(*number));
        let observed = hil_kit::text::received(answer.code(), answer.data());
        cx.require(
            number.is_some(),
            "order",
            format!("a datagram after number {next}"),
            observed,
        )?;
        next = number.unwrap_or(next) + 1;
    }

    udp.set_blocking(true).await?;
    peer.send(&udp, b"still alive").await?;
    loop {
        let answer = udp.recv_from(64).await?;
        // One of the flood may still have been on its way.
        if answer.data().len() != 64 {
            answer.expect(Bytes(b"still alive"))?;
            return Ok(());
        }
    }
}

/// Receiving with a null pointer for the source gives the data all the same.
#[case(level = Must, cite = ["udp.recvfrom.null-address", "UDP-16"], needs = [Udp], profile = Quick)]
async fn null_address(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;

    peer.send(&udp, b"from nobody").await?;

    udp.recv_from_nobody(64)
        .await?
        .expect(Bytes(b"from nobody"))?;
    Ok(())
}

/// Of two sockets with the same peer, each receives the datagrams for its own port.
#[case(level = Must, cite = ["udp.recvfrom.own-port", "UDP-15"], needs = [Udp], profile = Quick)]
async fn two_sockets_one_peer(cx: &mut Ctx) -> Outcome {
    let one = cx.bound_udp().await?;
    let two = cx.bound_udp().await?;
    let peer = cx.scripter().await?;

    peer.send(&two, b"for two").await?;
    peer.send(&one, b"for one").await?;

    one.recv_from(64).await?.expect(Bytes(b"for one"))?;
    two.recv_from(64).await?.expect(Bytes(b"for two"))?;
    one.set_blocking(false).await?;
    two.set_blocking(false).await?;
    one.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    two.recv(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Noted: what becomes of a datagram that comes in fragments: received, or dropped. Nothing else is made of it.
///
/// The control: a small datagram after it is received.
#[case(level = Must, cite = ["udp.recvfrom.fragments", "UDP-22"], needs = [Udp], profile = Quick)]
async fn in_fragments(cx: &mut Ctx) -> Outcome {
    const ROOM: usize = 512;
    let udp = cx.bound_udp().await?;
    let peer = cx.scripter().await?;
    let large = cx.data(3000);

    peer.send(&udp, &large).await?;
    peer.send(&udp, b"small").await?;

    let room = ROOM.min(cx.identity().max_inline.into());
    let first = udp.recv_from(u32::try_from(room).unwrap_or(1)).await?;
    let received = first.data() == &large[..room];
    let small = if received {
        udp.recv_from(16).await?
    } else {
        first
    };
    small.expect(Bytes(b"small"))?.expect_from(peer.address())?;
    cx.positive_control();
    let word = if received { "received" } else { "dropped" };
    cx.note("udp.datagram-in-fragments", word);
    Ok(())
}
