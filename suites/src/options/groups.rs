//! What being a member of a multicast group does: to what is received, and to nothing else.

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::wire::{Node, from_board};
use hil_kit::{Bytes, Ctx, Done, Error, Fails, IpAddress, Outcome, Size, SocketAddress, Udp, case};

/// A group for local use (RFC 2365).
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 104, 16);
/// A port of the group that no fixture has.
const PORT: u16 = 40_011;

fn group(port: u16) -> SocketAddress {
    SocketAddress::new(IpAddress::V4(GROUP.octets()), port)
}

/// The socket receives this datagram next, and nothing is behind it.
async fn only(udp: &Udp, data: &[u8]) -> Outcome {
    udp.recv_from(64).await?.expect(Bytes(data))?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    udp.set_blocking(true).await?;
    Ok(())
}

/// A member of a group receives what is sent to it, from whom it is.
#[case(
    level = Must,
    cite = ["options.groups.receive", "OPT-08"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn receive(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let sender = cx.scripter().await?;
    udp.multicast(true, group(0)).await?.expect(Done)?;

    for size in [1, 64, 100] {
        let data = cx.data(size);
        sender.send_to(group(udp.port()), &data).await?;
        udp.recv_from(128)
            .await?
            .expect(Bytes(&data))?
            .expect_from(sender.address())?;
    }
    Ok(())
}

/// After leaving a group nothing that is sent to it is received any more; what is sent to the board still is.
///
/// No other socket of the board is a member: on some stacks a membership counts for all sockets.
#[case(
    level = Must,
    cite = ["options.groups.leave", "OPT-09"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn leave(cx: &mut Ctx) -> Outcome {
    let udp = cx.bound_udp().await?;
    let sender = cx.scripter().await?;
    let there = group(udp.port());
    udp.multicast(true, group(0)).await?.expect(Done)?;
    sender.send_to(there, b"for members").await?;
    udp.recv_from(64).await?.expect(Bytes(b"for members"))?;

    udp.multicast(false, group(0)).await?.expect(Done)?;

    sender.send_to(there, b"for others").await?;
    sender.send(&udp, b"for you").await?;
    only(&udp, b"for you").await
}

/// A membership ends with its socket: another one on the port receives nothing of the group.
#[case(
    level = Must,
    cite = ["options.groups.close", "OPT-14"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn close_leaves(cx: &mut Ctx) -> Outcome {
    let member = cx.udp().await?;
    let udp = cx.bound_udp().await?;
    let sender = cx.scripter().await?;
    member.multicast(true, group(0)).await?.expect(Done)?;

    member.close().await?.expect(Done)?;

    sender.send_to(group(udp.port()), b"for others").await?;
    sender.send(&udp, b"for you").await?;
    only(&udp, b"for you").await?;
    // It is no member of the closed socket's group, so it can become one.
    udp.multicast(true, group(0)).await?.expect(Done)?;
    sender.send_to(group(udp.port()), b"for members").await?;
    only(&udp, b"for members").await
}

/// Anybody can send to a group: the datagram leaves for the group's address, IP and hardware.
#[case(
    level = Must,
    cite = ["options.groups.send", "OPT-16"],
    needs = [Udp, Multicast, Ipv4, Cable],
    profile = Quick
)]
async fn send(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    let data = cx.data(30);

    udp.send_to(group(PORT), &data).await?.expect(Size(30))?;

    let datagram = from_board().udp().dst_port(PORT).dst_ip(GROUP);
    let frame = wire
        .expect(datagram.payload(data), Duration::from_secs(1))
        .await?;
    let (mac, right) = (frame.packet().destination(), Node::group(GROUP).mac);
    cx.require(
        mac == right,
        "hardware-address",
        right.to_string(),
        mac.to_string(),
    )
}
