//! What a driver of a network controller does to frames: every length in both directions, padding, bursts,
//! overload, lost interrupts, filters, checksums, memory that a DMA engine shares.
//!
//! The board is asked by echo requests and datagrams, so its whole way from the controller to the stack and back
//! is walked; what it answers is judged on the cable.

use core::time::Duration;

use hil_kit::wire::{self, Craft, Frame, Ghost, Mac, Node, Packet, Pattern, Wire};
use hil_kit::{Ctx, Done, Outcome, case};

/// Data of the largest echo request in one frame: MTU 1500 without the headers of IPv4 and ICMP.
const MOST: usize = 1472;
/// Frames that are on their way at the same time in a sweep: fewer than any ring has room for.
const AT_ONCE: usize = 4;
/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// Identifier of the echo requests here.
const ID: u16 = 0x4452;
/// Ethernet, IPv4 and ICMP headers in front of the data of an echo.
const HEADERS: usize = 14 + 20 + 8;

/// The replies of the board to echo requests of this file, as sequence number, data and frame.
fn replies(wire: &Wire, ghost: &Ghost) -> Vec<(u16, Vec<u8>, Frame)> {
    let mut replies = Vec::new();
    for frame in wire.frames(&ghost.inbox().echo_reply()) {
        let packet = frame.packet();
        let Some(icmp) = packet.icmp() else { continue };
        let (id, sequence) = icmp.echo_id();
        if id == ID {
            let data = icmp.body.to_vec();
            replies.push((sequence, data, frame.clone()));
        }
    }
    replies
}

/// Waits until the reply with this sequence number is there; whether it came.
async fn has_answered(ghost: &Ghost, sequence: u16) -> bool {
    let wanted = ghost.inbox().echo_reply().that(
        format!("with sequence number {sequence}"),
        move |packet| {
            packet
                .icmp()
                .is_some_and(|icmp| icmp.echo_id() == (ID, sequence))
        },
    );
    ghost.wait_for(wanted, ANSWER).await.is_some()
}

/// Sends an echo request with each of these data, a few at a time, and requires every one back, once and unchanged.
async fn sweep(cx: &Ctx, ghost: &Ghost, data: &[Vec<u8>]) -> Outcome {
    let wire = cx.wire()?;
    for (batch, chunk) in data.chunks(AT_ONCE).enumerate() {
        let first = batch * AT_ONCE;
        ghost.mark();
        let requests = chunk.iter().zip(first..).map(|(data, sequence)| {
            let sequence = u16::try_from(sequence).unwrap_or(u16::MAX);
            ghost.echo_request(ID, sequence, data.clone()).bytes()
        });
        let words = format!("echo request, from {} bytes on", chunk[0].len());
        wire.inject_all(&words, requests);
        let last = u16::try_from(first + chunk.len() - 1).unwrap_or(u16::MAX);
        // One of several may be the last to come; what is missing shows below.
        if !has_answered(ghost, last).await {
            break;
        }
    }
    ghost.ping(b"all of them?").await?;
    let replies = replies(&wire, ghost);
    for (sequence, sent) in data.iter().enumerate() {
        let back: Vec<_> = replies
            .iter()
            .filter(|(number, ..)| usize::from(*number) == sequence)
            .collect();
        let length = sent.len();
        let frame = HEADERS + length;
        let words = format!("the echo of {length} bytes (a frame of {frame}), once");
        cx.require(
            back.len() == 1,
            "echo",
            words,
            format!("{} replies to it", back.len()),
        )?;
        let got = &back[0].1;
        if got != sent {
            let at = got.iter().zip(sent).position(|(a, b)| a != b);
            let at = at.unwrap_or_else(|| got.len().min(length));
            let observed = format!(
                "{} bytes, other ones from {at} on (the frame's byte {}, {} mod 32)",
                got.len(),
                HEADERS + at,
                (HEADERS + at) % 32
            );
            let expected = format!("the {length} bytes of the request");
            cx.require(false, "content", expected, observed)?;
        }
    }
    Ok(())
}

/// Frames of every length are received and sent exactly, from the shortest to the longest.
///
/// An echo request with 0 to 1472 bytes of data, one byte more each time, comes back unchanged.
#[case(level = Must, cite = ["packet.driver.lengths", "DRV-W-01"], needs = [Cable], profile = Full, deadline_ms = 15_000)]
async fn every_length(cx: &mut Ctx) -> Outcome {
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let data: Vec<_> = (0..=MOST).map(|length| cx.data(length)).collect();
    sweep(cx, &ghost, &data).await
}

/// A frame of the board has at least 60 bytes, and what fills it up is zero: no memory leaks out.
///
/// An ARP reply, an echo reply, a datagram of one byte and the segments of a short connection are looked at.
#[case(level = Must, cite = ["packet.driver.padding", "DRV-W-02"], needs = [Cable, Tcp, Udp], profile = Quick)]
async fn padding(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    // Something to leak: long frames right before short ones.
    ghost.ping(&[0xa5; 1000]).await?;
    ghost.ping(b"1").await?;
    cx.alive().await?;

    let short = wire.frames(
        &wire::from_board().that("up to 60 bytes", |packet| packet.ip_packet().len() <= 46),
    );
    cx.require(
        !short.is_empty(),
        "short",
        "short frames of the board",
        "none",
    )?;
    for frame in short {
        let packet = frame.packet();
        let length = frame.bytes.len();
        let least = wire::MIN_FRAME;
        let expected = format!("at least {least} bytes: {packet}");
        cx.require(length >= least, "length", expected, format!("{length}"))?;
        let padding = packet.padding();
        cx.require(
            padding.iter().all(|byte| *byte == 0),
            "padding",
            format!("zeros behind {packet}"),
            hil_kit::text::bytes(padding),
        )?;
    }
    Ok(())
}

/// Padding and checksum of a frame never reach the stack: what comes back has the length that was sent.
///
/// Echo requests around the shortest frame are filled up with bytes that are not zero.
#[case(level = Must, cite = ["packet.driver.frame-tail", "DRV-W-03"], needs = [Cable], profile = Quick)]
async fn frame_tail(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for length in 0..=28_u16 {
        let data = cx.data(length.into());
        let filling = 60_usize.saturating_sub(HEADERS + data.len()) + 4;
        let request = ghost.echo_request(ID, length, data.clone());
        ghost.mark();
        ghost.send(request.padding(vec![0x5a; filling]));
        let reply = ghost
            .expect_as("echo", ghost.inbox().echo_reply(), ANSWER)
            .await?;
        let packet = reply.packet();
        let got = packet.icmp().map(|icmp| icmp.body.to_vec());
        let ip_length = 28 + usize::from(length);
        let tail = packet.padding().iter().all(|byte| *byte == 0);
        cx.require(
            got.as_deref() == Some(&data) && packet.ip_packet().len() == ip_length && tail,
            "tail",
            format!("{length} bytes of data in an IP packet of {ip_length}, zeros behind it"),
            format!("{packet}, {} bytes of frame", reply.bytes.len()),
        )?;
    }
    wire.ping().await
}

/// Frames that are too long or too short are not delivered in part, and the next good frame is received.
///
/// Whether a long frame that makes sense is served is the port's affair (jumbo frames); what comes of it is whole.
#[case(level = Must, cite = ["packet.driver.odd-sizes", "DRV-W-04"], needs = [Cable, Tcp, Udp], profile = Full)]
async fn odd_sizes(cx: &mut Ctx) -> Outcome {
    let witness = cx.witness().await?;
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    for length in [1515_usize, 1518, 1522, 1536, 2048, 9018] {
        let data = cx.data(length - HEADERS);
        let sequence = u16::try_from(length).unwrap_or(u16::MAX);
        ghost.send(ghost.echo_request(ID, sequence, data.clone()));
        ghost.ping(b"after a long frame").await?;
        for (_, back, frame) in replies(&wire, &ghost) {
            cx.require(
                back == data,
                "long",
                format!("no reply to a frame of {length} bytes, or a whole one"),
                format!("{}", frame.packet()),
            )?;
        }
    }
    let good = ghost.echo_request(ID, 1, &b"cut"[..]).bytes();
    // Those that hold the whole request may be served.
    wire.inject_all("runt", (14..60).map(|length| good[..length].to_vec()));
    ghost.ping(b"after short frames").await?;
    // Length or type 0, 802.3 with a length, and the loopback type, each in front of an IP packet.
    let inner = ghost.echo_request(ID, 2, &b"not IP"[..]).bytes();
    for ether_type in [0_u16, 46, 1500, 0x9000] {
        let inner = Packet::of(&inner).ip_packet().to_vec();
        ghost.send(Craft::ethernet(
            ghost.mac(),
            ghost.board().mac,
            ether_type,
            inner,
        ));
        ghost.ping(b"after an odd type").await?;
    }
    let served = replies(&wire, &ghost);
    cx.require(
        served.iter().all(|(number, ..)| *number != 2),
        "type",
        "no IP packet taken out of frames of other types",
        "an echo reply to one",
    )?;
    witness.check(cx).await
}

/// After a burst that is longer than a ring the board goes on receiving by itself, and keeps the order.
///
/// Frames may be lost where there is no room; the first four of a burst always have room.
#[case(level = Must, cite = ["packet.driver.bursts", "DRV-W-07"], needs = [Cable], profile = Full)]
async fn bursts(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let mut sequence = 0_u16;
    for sizes in [&[18][..], &[MOST], &[18, MOST, 200]] {
        for count in [3_u16, 4, 6, 7, 8, 16, 32] {
            let first = sequence;
            let requests: Vec<_> = (0..count)
                .map(|index| {
                    let size = sizes[usize::from(index) % sizes.len()];
                    ghost.echo_request(ID, first + index, cx.data(size)).bytes()
                })
                .collect();
            sequence += count;
            wire.inject_all("echo request in a burst", requests);
            ghost.ping(b"after the burst").await?;
            let answered: Vec<u16> = replies(&wire, &ghost)
                .into_iter()
                .map(|(number, ..)| number)
                .filter(|number| *number >= first)
                .collect();
            let words = format!("{count} frames of {sizes:?} bytes of data");
            cx.require(
                answered.is_sorted() && answered.windows(2).all(|pair| pair[0] != pair[1]),
                "order",
                format!("replies to {words} in their order, each once"),
                format!("{answered:?}, from {first} on"),
            )?;
            let sure = count.min(4);
            let there = (first..first + sure).all(|number| answered.contains(&number));
            cx.require(
                there,
                "lost",
                format!("replies to the first {sure} of {words}"),
                format!("{answered:?}, from {first} on"),
            )?;
        }
    }
    Ok(())
}

/// A storm of broadcasts does not end a transfer, and the board answers at once when it is over.
///
/// 2000 frames a second for two seconds, ARP requests for somebody else and datagrams to no port, while a stream runs.
#[case(level = Must, cite = ["packet.driver.overload", "DRV-W-08"], needs = [Cable, Tcp], profile = Full, deadline_ms = 20_000)]
async fn overload(cx: &mut Ctx) -> Outcome {
    const TOTAL: u32 = 200_000;
    const PER_BEAT: usize = 20;
    const BEATS: usize = 200;
    let wire = cx.wire()?;
    let witness = cx.witness().await?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let seed = cx.seed();
    let discard = cx.discard(seed).await?;
    let tcp = cx.tcp().await?;
    tcp.connect(discard.address()).await?.expect(Done)?;

    let arp = Craft::who_has(ghost.node(), wire.plan().host_ipv4[1].into()).bytes();
    let everybody = Node::broadcast(wire.broadcast());
    let datagram = Craft::udp(ghost.node(), 4_000, everybody, 9, cx.data(64)).bytes();
    let sending = tcp.source(seed, TOTAL, 1024).start().await?;
    for _ in 0..BEATS {
        let beat = [&arp, &datagram].into_iter().cycle().take(PER_BEAT);
        for frame in beat {
            wire.inject_quietly(frame.clone());
        }
        wire.pause(Duration::from_millis(10)).await;
    }
    ghost.ping(b"after the storm").await?;
    let sent = sending.finish().await?;
    if sent.code() >= 0 {
        discard.expect_bytes(TOTAL.into()).await?;
        tcp.close().await?.expect(Done)?;
    } else {
        cx.say("the transfer ended in an error, which it may");
        tcp.close().await?;
    }
    tcp.delete().await?;
    witness.check(cx).await
}

/// Datagrams that the board sends without a pause leave it in order, each once, complete, or an error says so.
#[case(level = Must, cite = ["packet.driver.send-burst", "DRV-W-10"], needs = [Cable, Udp], profile = Full, deadline_ms = 15_000)]
async fn send_burst(cx: &mut Ctx) -> Outcome {
    const COUNT: u32 = 200;
    let wire = cx.wire()?;
    for size in [1_u32, u32::from(cx.limits().udp_payload).min(1472)] {
        let seed = cx.seed();
        let discard = cx.udp_discard(seed).await?;
        let udp = cx.udp().await?;
        udp.connect(discard.address()).await?.expect(Done)?;
        let sent = udp.source(seed, COUNT * size, size).await?;
        let bulk = sent.bulk();
        cx.require(
            bulk.bytes > 0,
            "sent",
            "at least one datagram",
            format!("{bulk:?}"),
        )?;
        let port = discard.address().port;
        let count = (bulk.bytes / size) as usize;
        let to_port = wire::from_board().udp().dst_port(port);
        wire.expect_count(&to_port, count, ANSWER).await?;
        let expected = cx.pattern(seed, bulk.bytes as usize);
        let frames = wire.frames(&to_port);
        let got: Vec<u8> = frames
            .iter()
            .flat_map(|frame| frame.packet().payload().to_vec())
            .collect();
        cx.require(
            frames.len() == count && got == expected,
            "sequence",
            format!("{count} datagrams of {size} bytes in order, each once"),
            format!("{} frames with {} bytes", frames.len(), got.len()),
        )?;
        udp.delete().await?;
    }
    Ok(())
}

/// A single frame is served at once and without help from the next one: no interrupt is lost.
///
/// 60 echo requests with gaps of 1 to 40 ms; on the cable each reply follows its request within 50 ms (times three on
/// an emulated board) and before the next request.
#[case(level = Must, cite = ["packet.driver.single-frames", "DRV-W-11"], needs = [Cable], profile = Full, deadline_ms = 20_000)]
async fn single_frames(cx: &mut Ctx) -> Outcome {
    const COUNT: u16 = 60;
    const LATE: Duration = Duration::from_millis(150);
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let gaps = cx.data(COUNT.into());
    for (sequence, gap) in (0..COUNT).zip(gaps) {
        let gap = Duration::from_millis(1 + u64::from(gap) % 40);
        wire.inject_quietly(ghost.echo_request(ID, sequence, cx.data(32)));
        if !has_answered(&ghost, sequence).await {
            let words = format!("a reply to request {sequence} by itself");
            cx.require(false, "answered", words, "none within a second")?;
        }
        wire.pause(gap).await;
    }
    let requests = wire.frames(&Pattern::injected().echo_request());
    for (sequence, _, reply) in replies(&wire, &ghost) {
        let asked = requests.iter().find(|frame| {
            let packet = frame.packet();
            packet
                .icmp()
                .is_some_and(|icmp| icmp.echo_id() == (ID, sequence))
        });
        let Some(asked) = asked else { continue };
        let took = reply.at.saturating_sub(asked.at);
        // A rig that was late itself must not be taken for a slow board.
        cx.require_within("latency", took, LATE)?;
    }
    Ok(())
}

/// The controller's filter lets in what is for the board and nothing else.
///
/// Its own address and everybody's are served; the neighbouring address and groups that nobody joined are not.
#[case(level = Must, cite = ["packet.driver.filter", "DRV-W-12"], needs = [Cable], profile = Full)]
async fn filter(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let own = ghost.board();
    let [rest @ .., last] = own.mac.0;
    let [a, b, c, d, e] = rest;
    let neighbour = Mac([a, b, c, d, e, last.wrapping_add(1)]);
    let strangers = [
        neighbour,
        Mac([0x01, 0x00, 0x5e, 0x7f, 0x12, 0x34]),
        Mac([0x33, 0x33, 0x12, 0x34, 0x56, 0x78]),
    ];
    for mac in strangers {
        ghost.mark();
        ghost.send(Craft::echo_request(
            ghost.node(),
            own.with_mac(mac),
            ID,
            7,
            &b"not for the board"[..],
        ));
    }
    ghost
        .silence(
            ghost
                .inbox()
                .echo_reply()
                .payload(&b"not for the board"[..]),
            Duration::from_millis(500),
        )
        .await?;
    ghost.mark();
    ghost.send(Craft::who_has(ghost.node(), own.ip));
    ghost
        .expect_as("broadcast", wire::from_board().arp_reply(), ANSWER)
        .await?;
    wire.ping().await
}

/// Checksums are inserted and checked for every protocol and every length, odd ones included.
///
/// What has a wrong checksum of IPv4, ICMP, UDP or TCP is not served; what the board sends has right ones.
#[case(level = Must, cite = ["packet.driver.checksums", "DRV-W-13"], needs = [Cable, Tcp, Udp], profile = Full, deadline_ms = 15_000)]
async fn checksums(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let udp = cx.bound_udp().await?;
    udp.set_blocking(false).await?;
    let listener = cx.listener(1).await?;

    ghost.mark();
    ghost.send(ghost.echo_request(ID, 1, cx.data(33)).checksum_off_by(1));
    ghost.send(ghost.echo_request(ID, 2, cx.data(33)).ip_checksum_off_by(1));
    ghost.send(ghost.udp(4_001, udp.port(), cx.data(33)).checksum_off_by(1));
    ghost.send(
        ghost
            .segment(4_002, listener.port())
            .flags(wire::Flags::SYN)
            .checksum_off_by(1),
    );
    let served = ghost
        .inbox()
        .echo_reply()
        .that("of the spoiled requests", |packet| {
            packet.icmp().is_some_and(|icmp| icmp.echo_id().0 == ID)
        })
        .or(ghost.inbox().tcp());
    ghost.silence(served, Duration::from_millis(500)).await?;
    udp.recv_from(64)
        .await?
        .expect(hil_kit::Fails(hil_kit::Error::WOULD_BLOCK))?;

    let good = cx.data(33);
    ghost.send(ghost.udp(4_001, udp.port(), good.clone()));
    udp.set_timeout(2_000).await?;
    udp.recv_from(64).await?.expect(hil_kit::Bytes(&good))?;
    for length in [0, 1, 2, 3, 535, 536, 537, 1471, 1472] {
        ghost.ping(&cx.data(length)).await?;
    }
    cx.alive().await?;
    for frame in wire.frames(&wire::from_board()) {
        let packet = frame.packet();
        let right = packet.ip_checksum_ok() != Some(false) && packet.checksum_ok() != Some(false);
        cx.require(
            right,
            "inserted",
            "right checksums in all that the board sends",
            format!("{packet}"),
        )?;
    }
    Ok(())
}

/// Bytes stay what they are under load: no stale cache line, no byte shifted.
///
/// 1000 echo requests of random length and content, four at a time.
#[case(level = Must, cite = ["packet.driver.content", "DRV-W-14"], needs = [Cable], profile = Full, deadline_ms = 20_000)]
async fn content(cx: &mut Ctx) -> Outcome {
    const COUNT: usize = 1_000;
    let ghost = cx.ghost().await?;
    ghost.warm().await?;
    let lengths = cx.data(2 * COUNT);
    let (pairs, _) = lengths.as_chunks::<2>();
    let data: Vec<_> = pairs
        .iter()
        .map(|pair| cx.data(usize::from(u16::from_be_bytes(*pair)) % (MOST + 1)))
        .collect();
    sweep(cx, &ghost, &data).await
}
