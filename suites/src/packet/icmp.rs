//! ICMP for IPv4: echo.

use core::time::Duration;

use hil_kit::wire::{self, Craft, Ghost};
use hil_kit::{Ctx, Outcome, Stop, case};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// How long nothing must come.
const QUIET: Duration = Duration::from_millis(500);

/// Sends an echo request and requires its exact reply.
async fn echo(cx: &Ctx, ghost: &Ghost, id: u16, sequence: u16, data: Vec<u8>) -> Outcome {
    ghost.mark();
    ghost.send(ghost.echo_request(id, sequence, data.clone()));
    let frame = ghost
        .expect_as("echo", ghost.inbox().echo_reply(), ANSWER)
        .await?;
    let packet = frame.packet();
    let length = data.len();
    let exact = packet.icmp().is_some_and(|icmp| {
        icmp.echo_id() == (id, sequence) && icmp.code == 0 && icmp.body == data
    });
    let board = ghost.board();
    let swapped = packet.src_ip() == Some(board.ip) && packet.dst_ip() == Some(ghost.ip());
    let fresh = packet.ttl().is_some_and(|ttl| ttl >= 32);
    let right = packet.checksum_ok() == Some(true) && packet.ip_checksum_ok() == Some(true);
    cx.require(
        exact && swapped && fresh && right,
        "reply",
        format!(
            "id {id:#06x}, sequence {sequence:#06x} and the {length} bytes of the request, addresses swapped, a fresh TTL, right checksums"
        ),
        format!("{packet}, TTL {:?}", packet.ttl()),
    )
}

/// An echo reply repeats identifier, sequence number and data, swaps the addresses and starts with a fresh TTL.
///
/// Requests of 0, 1, 7, 56, 1471 and 1472 bytes, odd numbers, and a request whose TTL is 1.
#[case(level = Must, cite = ["packet.icmp.echo", "ICM-W-01"], needs = [Cable, Ipv4], profile = Quick)]
async fn echo_reply(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for (length, id, sequence) in [
        // Not all zero: the checksum of such a reply has two spellings.
        (0, 0, 1),
        (1, 0xffff, 0xffff),
        (7, 0x1234, 1),
        (56, 1, 0x8000),
        (1471, 0x8000, 2),
        (1472, 0x00ff, 0xff00),
    ] {
        echo(cx, &ghost, id, sequence, cx.data(length)).await?;
    }
    ghost.mark();
    ghost.send(ghost.echo_request(3, 3, cx.data(8)).ttl(1));
    ghost
        .expect_as("last-hop", ghost.inbox().echo_reply(), ANSWER)
        .await?;
    Ok(())
}

/// The first request of a host that the board does not know is answered, too, after asking for its address.
///
/// That the packet which waits for the address is kept is a SHOULD (RFC 1122 §2.3.2.2).
#[case(level = Should, cite = ["packet.icmp.unknown-neighbour", "ICM-W-01"], needs = [Cable, Ipv4], profile = Full)]
async fn unknown_neighbour(cx: &mut Ctx) -> Outcome {
    let known = cx.ghost().await?;
    known.warm().await?;
    echo(cx, &known, 5, 5, cx.data(8)).await?;
    cx.positive_control();
    let ghost = cx.ghost().await?;
    let data = cx.data(16);
    ghost.mark();
    ghost.send(ghost.echo_request(6, 6, data.clone()));
    let reply = ghost.inbox().echo_reply().payload(data);
    ghost
        .expect_as("first", reply, Duration::from_millis(2_500))
        .await?;
    Ok(())
}

/// The sum of 16-bit words of an echo message with checksum 0, as RFC 1071 adds them.
fn sum(kind: u8, id: u16, sequence: u16, data: &[u8]) -> u16 {
    let mut total = u32::from(kind) << 8;
    total += u32::from(id) + u32::from(sequence);
    let (pairs, rest) = data.as_chunks::<2>();
    for pair in pairs {
        total += u32::from(u16::from_be_bytes(*pair));
    }
    total += rest.first().map_or(0, |byte| u32::from(*byte) << 8);
    while total > 0xffff {
        total = (total & 0xffff) + (total >> 16);
    }
    total as u16
}

/// A wrong ICMP checksum is dropped, and the values at the edge of the arithmetic are handled.
///
/// Data are tuned so that the checksum of the request, then of the reply, is 0x0000 and 0x0001.
#[case(level = Must, cite = ["packet.icmp.checksum", "ICM-W-02"], needs = [Cable, Ipv4], profile = Full)]
async fn checksum(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    ghost.mark();
    for (sequence, spoil) in [1_u16, 0x0100, 0xffff - 1, 0x8000].into_iter().enumerate() {
        let sequence = u16::try_from(sequence).unwrap_or(0);
        ghost.send(
            ghost
                .echo_request(7, sequence, cx.data(20))
                .checksum_off_by(spoil),
        );
    }
    let reply = wire::from_board().echo_reply().that("to them", |packet| {
        packet.icmp().is_some_and(|icmp| icmp.echo_id().0 == 7)
    });
    ghost.silence(reply, QUIET).await?;

    // The checksum is the complement of the sum, so a sum of 0xffff makes it 0x0000.
    for kind in [8_u8, 0] {
        for wanted in [0xffff_u16, 0xfffe] {
            for odd in [0, 1] {
                let mut data = cx.data(20 + odd);
                data[..2].copy_from_slice(&[0, 0]);
                let so_far = sum(kind, 8, 9, &data);
                // What is missing, in arithmetic without a carry out.
                let mut missing = u32::from(wanted) + 0xffff - u32::from(so_far);
                if missing > 0xffff {
                    missing -= 0xffff;
                }
                data[..2].copy_from_slice(&(missing as u16).to_be_bytes());
                echo(cx, &ghost, 8, 9, data).await?;
            }
        }
    }
    Ok(())
}

/// Truncated and mis-sized messages are survived.
///
/// ICMP of 0 to 7 bytes, and errors that quote 0, 7 and 19 bytes or a header longer than what is there.
#[case(level = Must, cite = ["packet.icmp.truncated", "ICM-W-03"], needs = [Cable, Ipv4, Tcp, Udp], profile = Full)]
async fn truncated(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let (from, to) = (ghost.node(), ghost.board());
    let mut frames: Vec<Vec<u8>> = (0..8)
        .flat_map(|length| [0_u8, 3, 8, 11].map(|kind| (length, kind)))
        .map(|(length, kind)| {
            let message = [kind, 0, 0, 0, 0, 0, 0, 0];
            Craft::ip(from, to, 1, message[..length].to_vec()).bytes()
        })
        .collect();
    let quoted = ghost.udp(1, 2, cx.data(8)).bytes();
    let quoted = &quoted[14..];
    for length in [0, 7, 19, 20, 27] {
        for first in [quoted[0], 0x4f] {
            let mut quote = quoted[..length].to_vec();
            if let Some(byte) = quote.first_mut() {
                *byte = first;
            }
            for (kind, code) in [(3, 3), (3, 4), (11, 0), (12, 0)] {
                let error = Craft::icmp_message(from, to, kind, code, [0; 4], quote.clone());
                frames.push(error.bytes());
            }
        }
    }
    ghost.mark();
    wire.inject_all("odd ICMP message", frames);
    let errors: Result<(), Stop> = ghost.silence(wire::from_board().icmp_error(), QUIET).await;
    errors?;
    witness.check(cx).await
}
