//! Option IPTOS: one byte that every packet of the socket carries (RFC 791 §3.1; RFC 8200 §3 for the traffic class).

use core::time::Duration;

use hil_kit::wire::{Frame, from_board};
use hil_kit::{Ctx, Done, Outcome, Size, case, option};

/// Low delay, and the precedence of flash override with throughput: the bits of congestion notification stay 0.
const VALUES: [u8; 3] = [0x10, 0x88, 0];
/// How soon a packet leaves.
const SOON: Duration = Duration::from_secs(1);

/// The byte as the packet carries it.
fn tos(frame: &Frame) -> Option<u8> {
    let packet = frame.packet();
    match packet.ip_header() {
        [_, tos, ..] if packet.is_ipv4() => Some(*tos),
        [a, b, ..] => Some(a << 4 | b >> 4),
        _ => None,
    }
}

fn require(cx: &Ctx, value: u8, frame: &Frame) -> Outcome {
    let observed = format!("{:#04x?} in {}", tos(frame), frame.packet());
    let expected = format!("{value:#04x} in the packet");
    cx.require(tos(frame) == Some(value), "tos", expected, observed)
}

/// Every datagram of a socket carries the type of service that was set last.
#[case(
    level = Must,
    cite = ["options.tos.udp", "OPT-06"],
    needs = [Udp, Option(option::IPTOS), Cable],
    profile = Quick
)]
async fn udp(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let mut peer = cx.scripter().await?;
    let udp = cx.udp().await?;

    for value in VALUES {
        udp.set_option(option::LEVEL_SOCKET, option::IPTOS, &[value])
            .await?
            .expect(Done)?;
        let data = cx.data(20);
        udp.send_to(peer.address(), &data).await?.expect(Size(20))?;
        let frame = wire
            .expect(from_board().udp().payload(data.clone()), SOON)
            .await?;
        require(cx, value, &frame)?;
        peer.expect(&data).await?;
    }
    Ok(())
}

/// The segments of a connection carry the type of service that was set before it was opened: the first one, and those
/// with data.
#[case(
    level = Must,
    cite = ["options.tos.tcp", "OPT-06"],
    needs = [Tcp, Option(option::IPTOS), Cable],
    profile = Quick
)]
async fn tcp(cx: &mut Ctx) -> Outcome {
    const VALUE: u8 = 0x10;
    let wire = cx.wire()?;
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    let segments = from_board().tcp().dst_port(listener.address().port);

    tcp.set_option(option::LEVEL_SOCKET, option::IPTOS, &[VALUE])
        .await?
        .expect(Done)?;
    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    let syn = wire.expect(segments.clone().syn(), SOON).await?;
    require(cx, VALUE, &syn)?;

    tcp.send_all(b"with that service").await?;
    peer.expect_bytes(b"with that service").await?;
    let data = wire.expect(segments.with_payload(), SOON).await?;
    require(cx, VALUE, &data)
}
