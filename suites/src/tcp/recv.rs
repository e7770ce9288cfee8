//! Receiving from a stream, and its end.

use core::time::Duration;

use hil_kit::expect::Moved;
use hil_kit::{Bytes, Ctx, Done, Error, Fails, Matches as _, Outcome, Size, SizeUpTo, case};

/// After the peer has closed in order, recv returns all data first, then 0; after that 0 again or NO_CONNECTION.
#[case(level = Must, cite = ["tcp.recv.orderly-close", "STR-01", "STR-02"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
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
#[case(level = Must, cite = ["tcp.recv.until-the-end"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
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
#[case(level = Must, cite = ["tcp.recv.pieces", "STR-18"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
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
#[case(level = Must, cite = ["tcp.recv.long", "TCPSOCKET_RECV_100K"], needs = [Tcp], profile = Full, tags = ["impairable"])]
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

/// A long stream arrives completely in non-blocking mode, too: what would block goes on at an event.
#[case(level = Must, cite = ["tcp.recv.long", "TCPSOCKET_RECV_100K_NONBLOCK"], needs = [Tcp, Sigio], profile = Full, tags = ["impairable"])]
async fn long_stream_nonblocking(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 100 * 1024;
    let (tcp, mut peer) = cx.connected().await?;
    let events = cx.counter()?;
    let seed = cx.seed();
    let chunk = cx.identity().max_io;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;

    let sink = tcp
        .sink_by_events(seed, TOTAL, chunk, Duration::from_secs(2))
        .start()
        .await?;
    peer.send_pattern(seed, TOTAL).await?;

    sink.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// A mebibyte arrives completely, and another one gets there the other way.
#[case(level = Must, cite = ["tcp.recv.long", "STR-21"], needs = [Tcp], profile = Full, tags = ["impairable"])]
async fn mebibyte_each_way(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 1 << 20;
    let (tcp, mut peer) = cx.connected().await?;
    let (down, up) = (cx.seed(), cx.seed());
    let chunk = cx.identity().max_io;

    let sink = tcp.sink(down, TOTAL, chunk).start().await?;
    peer.send_pattern(down, TOTAL).await?;
    sink.finish().await?.expect(Moved(TOTAL))?;

    let source = tcp.source(up, TOTAL, chunk).start().await?;
    peer.expect_pattern(up, TOTAL).await?;
    source.finish().await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// A receive with room for more than there is returns what there is.
#[case(level = Must, cite = ["tcp.recv.pieces", "STR-19"], needs = [Tcp], profile = Quick)]
async fn with_more_room(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    peer.send(b"0123456789").await?;

    let answer = tcp.recv(500).await?.expect(SizeUpTo(10))?;

    let (got, rest) = b"0123456789".split_at(answer.data().len());
    cx.require(
        answer.data() == got,
        "data",
        hil_kit::text::bytes(got),
        hil_kit::text::bytes(answer.data()),
    )?;
    tcp.recv_all(rest).await?;
    tcp.set_blocking(false).await?;
    tcp.recv(500).await?.expect(Fails(Error::WOULD_BLOCK))?;
    Ok(())
}

/// Five hundred single bytes, each sent by itself, all arrive, although nobody reads meanwhile.
#[case(level = Must, cite = ["tcp.recv.pieces", "STR-20"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn single_bytes(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 500;
    let (tcp, mut peer) = cx.connected().await?;
    let seed = cx.seed();

    peer.send_pattern_in_pieces(seed, TOTAL, 1).await?;

    tcp.sink(seed, TOTAL, 64).await?.expect(Moved(TOTAL))?;
    Ok(())
}

/// A receive without room takes nothing: 0 or WOULD_BLOCK, and the data stays.
#[case(level = Must, cite = ["tcp.recv.no-room", "STR-17"], needs = [Tcp, Sigio], profile = Quick)]
async fn without_room(cx: &mut Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    let events = cx.counter()?;
    tcp.set_blocking(false).await?;
    tcp.sigio(&events).await?;
    let nothing = Size(0).or(
        Fails(Error::WOULD_BLOCK),
        "contract §6.1 recv: 0 if data is queued, else it would block",
    );
    tcp.recv(0).await?.expect(nothing.clone())?;
    tcp.arm(&events).await?;

    peer.send(b"stays").await?;
    events.reaches(1, Duration::from_secs(1)).await?;

    tcp.recv(0).await?.expect(nothing)?;
    tcp.recv_all(b"stays").await
}

/// On TCP, recvfrom says who the peer is.
#[case(level = Must, cite = ["tcp.recvfrom.peer", "STR-24"], needs = [Tcp], profile = Quick, tags = ["impairable"])]
async fn says_from_whom(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let (tcp, mut peer) = cx.connected_to(&listener).await?;
    peer.send(b"hello").await?;

    tcp.recv_from(5)
        .await?
        .expect(SizeUpTo(5))?
        .expect_from(listener.address())?;
    Ok(())
}
