//! TCP: what a segment is made of: checksum, header length, options that are honoured, sizes.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::wire::{Craft, Flags, Seg, TcpOptions};
use hil_kit::{Ctx, Outcome, case};

use super::tcp::{ACK, SILENCE, accept_from, converse, listening, opened};

/// How long a short stream may take.
const STREAM: Duration = Duration::from_secs(2);

/// Makes a segment wrong.
type Spoil = for<'a> fn(Seg<'a>) -> Seg<'a>;

/// A segment with a wrong checksum is dropped unseen, whether it opens a connection or brings data.
///
/// Wrong by one, zero, and right for another address. The good copy is taken afterwards.
#[case(level = Must, cite = ["packet.tcp.checksum", "TCP-W-01"], needs = [Tcp, Server, Ipv4, Cable], profile = Full)]
async fn wrong_checksums(cx: &mut Ctx) -> Outcome {
    let spoils: [Spoil; 3] = [
        |seg| seg.bad_checksum(),
        |seg| seg.spoil(|craft| craft.checksum(0)),
        |seg| seg.spoil(for_another_address),
    ];
    let (listener, ghost) = listening(cx, 1).await?;
    let mut peer = ghost.tcp(listener.port(), &TcpOptions::default());
    for spoil in spoils {
        spoil(peer.seg().flags(Flags::SYN).seq(-1)).send();
    }
    peer.silence(SILENCE).await?;
    peer.syn();
    peer.expect_syn_ack(ACK).await?;
    peer.seg().send();
    let child = accept_from(cx, &listener, &peer).await?;

    let data = cx.data(100);
    let wrong = [0xee; 100];
    peer.mark();
    for spoil in spoils {
        spoil(peer.seg().data(&wrong)).send();
    }
    peer.silence_about("an ACK of them", SILENCE, |got| got.ack > 0)
        .await?;
    peer.send(&data);
    peer.expect_ack(100, ACK).await?;
    child.recv_all(&data).await?;
    converse(&child, &mut peer).await
}

/// Spoils a checksum by what a source address with another last byte but one would change in it.
fn for_another_address(craft: Craft) -> Craft {
    craft.checksum_off_by(0x0100)
}

/// A header length that is less than a header, or more than the segment, makes the segment no segment.
#[case(level = Must, cite = ["packet.tcp.header-length", "TCP-W-03"], needs = [Tcp, Cable], profile = Full)]
async fn wrong_header_lengths(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let place = peer.place();
    peer.mark();
    for words in [0, 1, 4, 15] {
        peer.seg().data(b"12345678").data_offset(words).send();
        peer.seg().data_offset(words).send();
    }
    // Cut off within the header.
    for length in 0..20_usize {
        peer.seg()
            .spoil(move |craft| craft.edit_transport(move |segment| segment.truncate(length)))
            .send();
    }
    peer.silence_about("an ACK of them", SILENCE, move |got| got.ack > place)
        .await?;
    converse(&tcp, &mut peer).await
}

/// Options that nobody knows are skipped by their length, and what stands behind them counts.
#[case(level = Must, cite = ["packet.tcp.unknown-options", "TCP-W-04", "TCP-W-06"], needs = [Tcp, Cable], profile = Quick)]
async fn unknown_options(cx: &mut Ctx) -> Outcome {
    const MSS: u16 = 300;
    let [a, b] = MSS.to_be_bytes();
    let before_and_behind = [
        vec![254, 4, 0, 0, 2, 4, a, b],
        vec![30, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, a, b],
        vec![34, 2, 1, 2, 4, a, b, 0],
        vec![1, 2, 4, a, b, 254, 4, 0, 0, 0, 0, 0],
        // Behind the end of the list nothing counts.
        vec![2, 4, a, b, 0, 2, 4, 0, 1, 0, 0, 0],
    ];
    for options in before_and_behind {
        let (tcp, mut peer) = opened(cx, TcpOptions::default().options(options)).await?;
        peer.seg()
            .data(b"with options")
            .options(&[254, 4, 0, 0, 30, 4, 0, 0])
            .advance()
            .send();
        peer.expect_ack(12, ACK).await?;
        tcp.recv_all(b"with options").await?;
        sends_at_most(cx, &tcp, &mut peer, 1000, MSS).await?;
        peer.rst();
        tcp.delete().await?;
    }
    Ok(())
}

/// The IUT sends so many bytes, in segments of at most this size, and of more than a third of it: smaller ones are
/// allowed (some keep to 536 over IPv6, too), but not by accident.
pub(super) async fn sends_at_most(
    cx: &Ctx,
    tcp: &hil_kit::Tcp,
    peer: &mut hil_kit::wire::GhostTcp,
    total: u32,
    mss: u16,
) -> Outcome {
    let seed = cx.seed();
    let sending = tcp
        .source(seed, total, cx.identity().max_io)
        .start()
        .await?;
    let expected = cx.pattern(seed, total as usize);
    peer.expect_data(0, &expected, STREAM).await?;
    peer.ack();
    sending.finish().await?.expect(Moved(total))?;
    let from_peer = hil_kit::wire::from_board()
        .tcp()
        .src_port(peer.board_port())
        .dst_port(peer.port())
        .with_payload();
    let longest = cx
        .wire()?
        .frames(&from_peer)
        .iter()
        .map(|frame| frame.packet().payload().len())
        .max();
    let longest = longest.unwrap_or(0);
    let mss = usize::from(mss);
    cx.require(
        longest <= mss && longest > mss / 3,
        "size",
        format!("segments of up to {mss} bytes, and more than a third of it"),
        format!("{longest} bytes at most"),
    )
}

/// A peer that says no MSS gets segments of at most 536 bytes.
#[case(level = Must, cite = ["packet.tcp.no-mss", "TCP-W-14"], needs = [Tcp, Ipv4, Cable], profile = Quick)]
async fn no_mss(cx: &mut Ctx) -> Outcome {
    let options = TcpOptions::default().options([]).window(20_000);
    let (tcp, mut peer) = opened(cx, options).await?;
    sends_at_most(cx, &tcp, &mut peer, 5000, 536).await
}

/// No segment is longer than the peer's MSS.
#[case(level = Must, cite = ["packet.tcp.mss", "TCP-W-15"], needs = [Tcp, Ipv4, Cable], profile = Quick)]
async fn peers_mss(cx: &mut Ctx) -> Outcome {
    for mss in [100, 536, 1000] {
        let options = TcpOptions::default().mss(mss).window(20_000);
        let (tcp, mut peer) = opened(cx, options).await?;
        sends_at_most(cx, &tcp, &mut peer, 5000, mss).await?;
        peer.rst();
        tcp.delete().await?;
    }
    Ok(())
}

/// A segment without ACK on a connection is dropped.
#[case(level = Must, cite = ["packet.tcp.no-ack-bit", "TCP-W-12"], needs = [Tcp, Cable], profile = Full)]
async fn without_ack(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let place = peer.place();
    peer.mark();
    for flags in [Flags::NONE, Flags::PSH, Flags::FIN] {
        peer.seg().flags(flags).data(b"unacknowledged").send();
    }
    peer.silence_about("an ACK of them", SILENCE, move |got| got.ack > place)
        .await?;
    converse(&tcp, &mut peer).await
}
