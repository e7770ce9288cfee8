//! Sending to everybody.

use core::time::Duration;

use hil_kit::wire::{Mac, from_board};
use hil_kit::{
    Ctx, Done, Error, Fails, IpAddress, Matches as _, Need, Outcome, Size, SocketAddress, case,
    claims, option,
};

/// A port of everybody's.
const PORT: u16 = 40_022;
/// How soon a datagram leaves.
const SOON: Duration = Duration::from_secs(1);

/// With the option BROADCAST a datagram to everybody is sent, to the broadcast address of IP and hardware, once.
///
/// To all hosts of this network and to all of the cable (RFC 919). A port without the option may need none.
#[case(level = Must, cite = ["udp.broadcast.send", "UDP-19"], needs = [Udp, Ipv4, Cable], profile = Quick)]
async fn send(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let udp = cx.udp().await?;
    let on = 1_i32.to_le_bytes();
    let set = udp
        .set_option(option::LEVEL_SOCKET, option::BROADCAST, &on)
        .await?;
    if claims(cx.identity(), Need::Option(option::BROADCAST)) {
        set.expect(Done)?;
    } else {
        set.expect(Fails(Error::UNSUPPORTED))?;
    }

    for ip in [wire.broadcast(), core::net::Ipv4Addr::BROADCAST] {
        let there = SocketAddress::new(IpAddress::V4(ip.octets()), PORT);
        let data = cx.data(24);
        udp.send_to(there, &data).await?.expect(Size(24))?;
        let datagram = from_board().udp().dst_ip(ip).payload(data);
        let frame = wire.expect(datagram.clone(), SOON).await?;
        let mac = frame.packet().destination();
        let right = mac == Mac::BROADCAST;
        cx.require(
            right,
            "hardware-address",
            Mac::BROADCAST.to_string(),
            mac.to_string(),
        )?;
        wire.ping().await?;
        let times = wire.count(&datagram);
        cx.require(times == 1, "once", "one frame", format!("{times} frames"))?;
    }
    Ok(())
}

/// Noted: what becomes of a datagram to everybody without the option: refused or sent.
///
/// The control: with the option it is sent.
#[case(
    level = May,
    cite = ["udp.broadcast.unasked", "UDP-19"],
    needs = [Udp, Ipv4, Option(option::BROADCAST), Cable],
    profile = Quick
)]
async fn unasked(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let there = SocketAddress::new(IpAddress::V4(wire.broadcast().octets()), PORT);
    let udp = cx.udp().await?;
    let data = cx.data(24);

    let sent = udp.send_to(there, &data).await?.expect(
        Size(24)
            .or(Fails(Error::PARAMETER), "UDP-19: it was not asked for")
            .or(Fails(Error::UNSUPPORTED), "UDP-19: it was not asked for")
            .or(Fails(Error::DEVICE_ERROR), "UDP-19: it was not asked for"),
    )?;
    let mut word = "refused";
    if sent.code() > 0 {
        wire.expect(from_board().udp().payload(data), SOON).await?;
        word = "sent";
    }

    let on = 1_i32.to_le_bytes();
    udp.set_option(option::LEVEL_SOCKET, option::BROADCAST, &on)
        .await?
        .expect(Done)?;
    let data = cx.data(24);
    udp.send_to(there, &data).await?.expect(Size(24))?;
    wire.expect(from_board().udp().payload(data), SOON).await?;
    cx.positive_control();
    cx.note("udp.broadcast-without-option", word);
    Ok(())
}
