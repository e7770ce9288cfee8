//! Multicast groups of IPv6.

use hil_kit::rig::HostAddress;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, IpAddress, Outcome, Size, SocketAddress, case};

/// A group of this link, nobody's.
const GROUP: IpAddress = IpAddress::V6([
    0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69, 0x6c, 0x10,
]);

/// A member of a group receives what is sent to it; after leaving it does not.
///
/// What is sent to the board itself afterwards comes next, so nothing of the group was behind it.
#[case(
    level = Must,
    cite = ["ipv6.groups.receive", "V6-10"],
    needs = [Udp, Multicast, Ipv6, HostIpv6],
    profile = Quick
)]
async fn receive_and_leave(cx: &mut Ctx) -> Outcome {
    let here = cx.at(HostAddress::FirstIpv6);
    let udp = cx.bound_udp().await?;
    let sender = here.scripter().await?;
    let group = SocketAddress::new(GROUP, 0);
    let there = SocketAddress::new(GROUP, udp.port());

    udp.multicast(true, group).await?.expect(Done)?;
    sender.send_to(there, b"for members").await?;
    udp.recv_from(64)
        .await?
        .expect(Bytes(b"for members"))?
        .expect_from(sender.address())?;

    udp.multicast(false, group).await?.expect(Done)?;
    sender.send_to(there, b"for others").await?;
    sender.send(&udp, b"for you").await?;
    udp.recv_from(64).await?.expect(Bytes(b"for you"))?;
    udp.set_blocking(false).await?;
    udp.recv_from(64).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Anybody can send to a group: the datagram leaves for the group's hardware address.
#[case(
    level = Must,
    cite = ["ipv6.groups.send", "V6-10"],
    needs = [Udp, Multicast, Ipv6, HostIpv6, Cable],
    profile = Quick
)]
async fn send(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    let there = SocketAddress::new(GROUP, 40_010);
    let node = hil_kit::wire::Node::group(core::net::Ipv6Addr::from([
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x68, 0x69, 0x6c, 0x10,
    ]));

    let data = cx.data(20);
    udp.send_to(there, &data).await?.expect(Size(20))?;

    let datagram = hil_kit::wire::from_board().udp().payload(data);
    let second = core::time::Duration::from_secs(1);
    let frame = wire.expect(datagram.dst_ip(node.ip), second).await?;
    let mac = frame.packet().destination();
    let right = mac == node.mac;
    cx.require(
        right,
        "hardware-address",
        node.mac.to_string(),
        mac.to_string(),
    )
}
