//! TCP: options of segments, and those that are no options.

use hil_kit::wire::{Flags, TcpOptions};
use hil_kit::{Bytes, Ctx, Outcome, case};

use super::tcp::{ACK, accepted, converse, listening, opened};
use crate::codes::broken;

/// Options whose lengths cannot be: what each is, and its bytes.
fn impossible() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("length 0", vec![254, 0, 1, 1]),
        ("length 0 of an MSS", vec![2, 0, 5, 0xb4]),
        ("length 1", vec![254, 1, 1, 1]),
        ("length past the header", vec![254, 40, 1, 1]),
        ("length 255", vec![5, 255, 1, 1]),
        ("no length at all", vec![1, 1, 1, 254]),
        ("MSS of length 2", vec![2, 2, 5, 0xb4]),
        ("MSS of length 3", vec![2, 3, 5, 0xb4]),
        ("MSS of length 5", vec![2, 5, 5, 0xb4, 0, 0, 0, 0]),
        ("window scale of length 2", vec![3, 2, 7, 0]),
        ("SACK of length 9", vec![5, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ("timestamps of length 3", vec![8, 3, 1, 0]),
        ("forty times kind 2", vec![2; 40]),
    ]
}

/// A SYN with options of impossible length does no harm: the listener goes on listening.
///
/// It may be dropped, answered as if it had no such options, or reset.
#[case(level = Must, cite = ["packet.tcp.options-of-syn", "TCP-W-05"], needs = [Tcp, Udp, Server, Cable], profile = Full)]
async fn impossible_options_of_syn(cx: &mut Ctx) -> Outcome {
    let witness = cx.witness().await?;
    let (listener, ghost) = listening(cx, 2).await?;
    for (words, options) in impossible() {
        cx.say(format!("host: {words}"));
        let mut half = ghost.tcp(listener.port(), &TcpOptions::default().options(options));
        half.syn();
        ghost.ping(b"and after the SYN?").await?;
        // Dropped, it resets what the board has taken for an opening.
        drop(half);
    }
    let (child, mut peer) = accepted(cx, &listener, &ghost, TcpOptions::default()).await?;
    converse(&child, &mut peer).await?;
    peer.rst();
    child.delete().await?;
    listener.delete().await?;
    witness.check(cx).await
}

/// Segments with options of impossible length do a connection no harm.
///
/// On data and on the FIN. They may be dropped, or taken as if they had no such options; or the connection is reset.
#[case(level = Must, cite = ["packet.tcp.options-of-data", "TCP-W-05"], needs = [Tcp, Udp, Cable], profile = Full)]
async fn impossible_options_of_data(cx: &mut Ctx) -> Outcome {
    const PART: usize = 10;
    let witness = cx.witness().await?;
    let (tcp, mut peer) = opened(cx, TcpOptions::default()).await?;
    converse(&tcp, &mut peer).await?;
    let base = peer.place();
    let data = cx.data(PART * impossible().len());
    let mut is_reset = false;
    for ((words, options), part) in impossible().into_iter().zip(data.chunks(PART)) {
        cx.say(format!("host: {words}"));
        peer.mark();
        peer.seg().data(part).options(&options).send();
        // Once more without them, for those that drop it.
        peer.send(part);
        let end = peer.place();
        let answer = peer
            .expect_as("ack", "ACK, or RST", ACK, |got| {
                got.has(Flags::RST) || got.acks(end)
            })
            .await?;
        is_reset |= answer.has(Flags::RST);
        if is_reset {
            break;
        }
    }
    if is_reset {
        tcp.recv(16).await?.expect(broken())?;
        cx.lenient("the connection is reset");
    } else {
        tcp.recv_all(&data).await?;
        cx.require(
            peer.acked() == base + data.len() as i64,
            "ack",
            "ACK of all data and nothing else",
            peer.acked().to_string(),
        )?;
        for (_, options) in impossible() {
            peer.seg().with(Flags::FIN).options(&options).send();
        }
        peer.mark();
        peer.fin();
        let end = peer.place();
        peer.expect_ack(end, ACK).await?;
        tcp.recv(16).await?.expect(Bytes(b""))?;
    }
    peer.rst();
    tcp.delete().await?;
    witness.check(cx).await
}
