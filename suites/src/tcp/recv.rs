//! Receiving from a stream, and its end.

use hil_kit::expect::Moved;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, Matches as _, Outcome, SizeUpTo, case};

/// After the peer has closed in order, recv returns all data first, then 0; after that 0 again or NO_CONNECTION.
#[case(level = Must, cite = ["tcp.recv.orderly-close", "STR-01", "STR-02"], needs = [Tcp], profile = Quick)]
async fn after_orderly_close(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;

    peer.send(b"last words").await?;
    peer.half_close().await?;

    tcp.recv_all(b"last words").await?;
    tcp.recv(64).await?.expect(Bytes(b""))?;
    tcp.recv(64).await?.expect(Bytes(b"").or(
        Fails(Error::NO_CONNECTION),
        "D-06: the end may be reported once or every time",
    ))?;
    Ok(())
}

/// A server that says something and closes is heard completely, however much room recv is given.
#[case(level = Must, cite = ["tcp.recv.until-the-end", "TCPSOCKET_ENDPOINT_CLOSE"], needs = [Tcp], profile = Quick)]
async fn until_the_end(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let greeting = cx.data(29);
    peer.send(&greeting).await?;
    peer.close().await?;

    let mut heard = Vec::new();
    while heard.len() <= greeting.len() {
        let answer = tcp
            .recv(64)
            .await?
            .expect(SizeUpTo(64).or(Bytes(b""), "contract §6.1 recv: the end of the stream"))?;
        if answer.code() == 0 {
            break;
        }
        heard.extend_from_slice(answer.data());
    }

    cx.require(
        heard == greeting,
        "data",
        hil_kit::text::bytes(&greeting),
        hil_kit::text::bytes(&heard),
    )?;
    tcp.close().await?.expect(Done)?;
    Ok(())
}

/// Data that is read in pieces comes in order and completely, and no call returns more than it has room for.
#[case(level = Must, cite = ["tcp.recv.pieces", "STR-18"], needs = [Tcp], profile = Quick)]
async fn in_pieces(cx: &mut Ctx) -> Outcome {
    const PIECE: usize = 10;
    let (tcp, mut peer) = cx.connected().await?;
    let data = cx.data(100);
    peer.send(&data).await?;

    let mut heard = Vec::new();
    while heard.len() < data.len() {
        let room = PIECE.min(data.len() - heard.len());
        let answer = tcp
            .recv(u32::try_from(room).unwrap_or(1))
            .await?
            .expect(SizeUpTo(room))?;
        heard.extend_from_slice(answer.data());
    }

    cx.require(
        heard == data,
        "data",
        hil_kit::text::bytes(&data),
        hil_kit::text::bytes(&heard),
    )
}

/// A long stream arrives completely, every byte right.
#[case(level = Must, cite = ["tcp.recv.long", "TCPSOCKET_RECV_100K"], needs = [Tcp], profile = Full)]
async fn long_stream(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 100 * 1024;
    let (tcp, mut peer) = cx.connected().await?;
    let seed = cx.seed();
    let chunk = cx.identity().max_io;

    let sink = tcp.sink(seed, TOTAL, chunk).start().await?;
    peer.send_pattern(seed, TOTAL).await?;

    sink.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}
