//! The DHCP client on its way to an address: what it asks, and which answers it takes (RFC 2131, RFC 2132).

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::expect::Peer;
use hil_kit::wire::service::{Answer, Dhcp, DhcpKind, DhcpSeen, Form, Lease};
use hil_kit::wire::{Craft, Mac, Node, WirePlan, from_board};
use hil_kit::{Ctx, Done, IpAddress, Outcome, SocketAddress, Status, Stop, case, text};

/// How soon a client that goes up talks, and goes on after an answer.
pub(super) const SOON: Duration = Duration::from_secs(3);
/// How soon it begins anew after a refusal, or asks again. Some wait ten seconds, as they must after DECLINE only
/// (RFC 2131 §3.1); the second question comes after four (§4.1).
pub(super) const ANEW: Duration = Duration::from_secs(12);
/// Offset of the options in a message, behind the cookie (RFC 2131 §3).
pub(super) const OPTIONS: usize = 240;
/// Smallest BOOTP message (RFC 1542 §2.1).
const LEAST: usize = 300;

/// Takes the interface down, so that the client begins anew at the next connect.
pub(super) async fn down(cx: &Ctx) -> Outcome {
    cx.interface().disconnect().await?.expect(Done)?;
    Ok(())
}

/// The interface goes up with this address.
pub(super) async fn up_with(cx: &Ctx, address: Ipv4Addr) -> Outcome {
    cx.interface().connect().await?.expect(Done)?;
    has(cx, address).await
}

/// The interface is up, or will be soon, with this address.
pub(super) async fn comes_up_with(cx: &Ctx, address: Ipv4Addr) -> Outcome {
    comes_up_later_with(cx, address, SOON).await
}

/// The interface is up, or will be within this time, with this address.
pub(super) async fn comes_up_later_with(cx: &Ctx, address: Ipv4Addr, within: Duration) -> Outcome {
    cx.interface().becomes(Status::GlobalUp, within).await?;
    has(cx, address).await
}

async fn has(cx: &Ctx, address: Ipv4Addr) -> Outcome {
    let address = SocketAddress::new(IpAddress::V4(address.octets()), 0);
    cx.interface().ip_address().await?.expect(Peer(address))?;
    Ok(())
}

/// A new connection works in both directions.
pub(super) async fn reaches_the_host(cx: &Ctx) -> Outcome {
    let (tcp, mut peer) = cx.connected().await?;
    tcp.send_all(b"there").await?;
    peer.expect_bytes(b"there").await?;
    peer.send(b"back").await?;
    tcp.recv_all(b"back").await?;
    tcp.delete().await?.expect(Done)?;
    Ok(())
}

/// The interface begins to go up while the server says nothing by itself: the client's first DISCOVER. What it is
/// answered is the case's business.
pub(super) async fn discovering(cx: &Ctx, dhcp: &Dhcp) -> Result<DhcpSeen, Stop> {
    down(cx).await?;
    dhcp.silent();
    cx.interface().set_blocking(false).await?.expect(Done)?;
    cx.interface().connect().await?.expect(Done)?;
    dhcp.expect(DhcpKind::Discover, SOON).await
}

/// Whom the answer to `seen` goes to, as the client asked for it.
pub(super) fn as_asked(seen: &DhcpSeen, address: Ipv4Addr) -> Node {
    if !seen.ciaddr.is_unspecified() {
        Node::new(seen.chaddr, seen.ciaddr)
    } else if seen.broadcast {
        Node::broadcast(Ipv4Addr::BROADCAST)
    } else {
        Node::new(seen.chaddr, address)
    }
}

/// The message that answers `seen` with this lease.
pub(super) fn message(dhcp: &Dhcp, lease: &Lease, seen: &DhcpSeen) -> Vec<u8> {
    let answer = Answer::Lease(lease.clone());
    dhcp.compose(&answer, seen).pop().unwrap_or_default()
}

/// Answers `seen` with this lease.
pub(super) fn answer(dhcp: &Dhcp, lease: &Lease, seen: &DhcpSeen) {
    dhcp.send(as_asked(seen, lease.address), message(dhcp, lease, seen));
}

/// DISCOVER and REQUEST are well formed: from nowhere to everybody, for the own hardware address, with the cookie, an end
/// and a right checksum; the transaction is another one at each connect, and within one it is kept, as is the list of
/// wanted options.
#[case(level = Must, cite = ["packet.dhcp.form", "DHC-W-01", "DHC-W-05"], needs = [Interface, Cable], profile = Quick, tags = ["exclusive"])]
async fn form(cx: &mut Ctx) -> Outcome {
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    let own = cx.interface().mac().await?;
    let own = text::bytes(own.data());
    let mut transactions = Vec::new();

    for _ in 0..2 {
        wire.mark();
        down(cx).await?;
        up_with(cx, dhcp.standard_lease().address).await?;
        let discover = dhcp.expect(DhcpKind::Discover, SOON).await?;
        let request = dhcp.expect(DhcpKind::Request, SOON).await?;
        for seen in [&discover, &request] {
            let frame = wire.expect(from_board().dhcp(), SOON).await?;
            let sum = frame.packet().checksum_ok();
            cx.require(sum == Some(true), "checksum", "right", format!("{sum:?}"))?;
            well_formed(cx, seen, &own)?;
        }

        let same = (discover.xid, &discover.wants) == (request.xid, &request.wants);
        let observed = format!("{discover:?}, {request:?}");
        cx.require(same, "transaction", "one id, the same wishes", observed)?;
        let means = (request.requested, request.server);
        let lease = dhcp.standard_lease();
        let right = means == (Some(lease.address), Some(lease.server));
        let expected = format!("options 50 and 54: {} of {}", lease.address, lease.server);
        cx.require(right, "selecting", expected, format!("{means:?}"))?;
        transactions.push(discover.xid);
    }

    let fresh = transactions.first() != transactions.last();
    cx.require(
        fresh,
        "xid",
        "another one each time",
        format!("{transactions:x?}"),
    )
}

fn well_formed(cx: &Ctx, seen: &DhcpSeen, own: &str) -> Outcome {
    let everybody = (Mac::BROADCAST, Ipv4Addr::BROADCAST);
    let observed = format!("to {} {}", seen.to.0, seen.to.1);
    cx.require(seen.to == everybody, "to", "everybody", observed)?;
    let nowhere = seen.from == (seen.chaddr, Ipv4Addr::UNSPECIFIED);
    let observed = format!("{} {} for {}", seen.from.0, seen.from.1, seen.chaddr);
    cx.require(
        nowhere,
        "from",
        "0.0.0.0, for the sender's hardware address",
        observed,
    )?;
    let chaddr = text::bytes(&seen.chaddr.0);
    cx.require(chaddr == own, "chaddr", own, chaddr)?;
    let head = seen.bytes.get(..4).unwrap_or_default();
    cx.require(
        head == [1, 1, 6, 0],
        "head",
        "op 1, htype 1, hlen 6, hops 0",
        text::bytes(head),
    )?;
    // ciaddr, yiaddr, siaddr, giaddr.
    let addresses = seen.bytes.get(12..28).unwrap_or_default();
    cx.require(
        addresses == [0; 16],
        "addresses",
        "none",
        text::bytes(addresses),
    )?;
    let options = seen.bytes.get(OPTIONS..).unwrap_or_default();
    cx.require(
        ends(options),
        "end",
        "options up to an end",
        text::bytes(options),
    )
}

/// Whether options go on without a flaw up to an end.
fn ends(mut options: &[u8]) -> bool {
    loop {
        options = match options {
            [255, ..] => return true,
            [0, rest @ ..] => rest,
            [_, length, rest @ ..] if rest.len() >= usize::from(*length) => {
                rest.split_at(usize::from(*length)).1
            }
            _ => return false,
        };
    }
}

/// A message has at least 300 bytes: relays may drop shorter ones.
#[case(level = Must, cite = ["packet.dhcp.length", "DHC-W-01"], needs = [Interface, Cable], profile = Quick, tags = ["exclusive"])]
async fn length(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    down(cx).await?;
    up_with(cx, dhcp.standard_lease().address).await?;
    for kind in [DhcpKind::Discover, DhcpKind::Request] {
        let bytes = dhcp.expect(kind, SOON).await?.bytes.len();
        let observed = format!("{kind:?} of {bytes} bytes");
        cx.require(
            bytes >= LEAST,
            "length",
            format!("{LEAST} bytes or more"),
            observed,
        )?;
    }
    Ok(())
}

/// Answers are taken in the form that the client asked for, before it has any address, and by broadcast in any case.
#[case(level = Must, cite = ["packet.dhcp.answer-form", "DHC-W-03"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn answer_form(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    for (form, last) in [(Form::AsAsked, 41), (Form::Broadcast, 42)] {
        let mut lease = dhcp.standard_lease().of(Ipv4Addr::new(192, 0, 2, last));
        lease.form = form;
        let address = lease.address;
        dhcp.lease(lease);
        down(cx).await?;
        up_with(cx, address).await?;
        reaches_the_host(cx).await?;
    }
    Ok(())
}

/// Spoils a message.
type Spoil = fn(&mut [u8]);

/// Ways in which an answer is for somebody else, or no answer.
const FOREIGN: [(&str, Spoil); 4] = [
    ("another transaction", |it| flip(it, 4..8)),
    ("another hardware address", |it| flip(it, 28..34)),
    ("a request", |it| set(it, 0, 1)),
    ("another cookie", |it| flip(it, 236..240)),
];
/// Ports that are not those of DHCP, from and to.
const FOREIGN_PORTS: [(u16, u16); 3] = [(68, 68), (6767, 68), (67, 6868)];
/// Last byte of the address in the first answer that is not the client's.
const FIRST_FOREIGN: u8 = 60;

pub(super) fn flip(message: &mut [u8], bytes: core::ops::Range<usize>) {
    for byte in message.get_mut(bytes).unwrap_or_default() {
        *byte ^= 0x5a;
    }
}

pub(super) fn set(message: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = message.get_mut(at) {
        *byte = value;
    }
}

/// Answers with another transaction, hardware address, kind, cookie or port are ignored, offers and acknowledgements
/// alike; the right one among them is taken.
#[case(level = Must, cite = ["packet.dhcp.foreign", "DHC-W-04"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn foreign_answers(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let good = dhcp.standard_lease();
    let discover = discovering(cx, &dhcp).await?;

    send_foreign(cx, &dhcp, &discover)?;
    answer(&dhcp, &good, &discover);
    let request = dhcp.expect(DhcpKind::Request, SOON).await?;
    let observed = format!("{:?}", request.requested);
    let right = request.requested == Some(good.address);
    cx.require(
        right,
        "offer",
        format!("a request for {}", good.address),
        observed,
    )?;

    send_foreign(cx, &dhcp, &request)?;
    answer(&dhcp, &good, &request);
    comes_up_with(cx, good.address).await?;
    reaches_the_host(cx).await
}

/// Answers `seen` by everything that is not for the client, each with an address of its own.
fn send_foreign(cx: &Ctx, dhcp: &Dhcp, seen: &DhcpSeen) -> Outcome {
    let wire = cx.wire()?;
    let lease = dhcp.standard_lease();
    let to = as_asked(seen, lease.address);
    let mut last = FIRST_FOREIGN..;
    let mut next = || {
        let mut bytes = message(dhcp, &lease, seen);
        // Last byte of yiaddr.
        set(&mut bytes, 19, last.next().unwrap_or_default());
        bytes
    };
    for (words, spoil) in FOREIGN {
        let mut bytes = next();
        spoil(&mut bytes);
        cx.say(format!("{words}:"));
        dhcp.send(to, bytes);
    }
    for (from, to_port) in FOREIGN_PORTS {
        wire.inject(Craft::udp(dhcp.node(), from, to, to_port, next()));
    }
    Ok(())
}

/// Of the offers of two servers the client takes one, asks everybody for that address of that server, and gets it.
#[case(level = Must, cite = ["packet.dhcp.two-servers", "DHC-W-05"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn two_servers(cx: &mut Ctx) -> Outcome {
    const OTHER: u8 = 9;
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    let one = dhcp.standard_lease().of(Ipv4Addr::new(192, 0, 2, 43));
    let mut two = dhcp.standard_lease().of(Ipv4Addr::new(192, 0, 2, 44));
    two.server = WirePlan::ghost_ipv4(OTHER);
    let other = Node::new(WirePlan::ghost_mac(OTHER), two.server);
    let discover = discovering(cx, &dhcp).await?;

    answer(&dhcp, &one, &discover);
    let offer = message(&dhcp, &two, &discover);
    wire.inject(Craft::udp(
        other,
        67,
        as_asked(&discover, two.address),
        68,
        offer,
    ));

    let request = dhcp.expect(DhcpKind::Request, SOON).await?;
    let means = (request.requested, request.server);
    let of = |lease: &Lease| (Some(lease.address), Some(lease.server));
    let expected = "an address and the server that offered it";
    let taken = [(&one, dhcp.node()), (&two, other)]
        .into_iter()
        .find(|(it, _)| of(it) == means);
    let Some((lease, server)) = taken else {
        return cx.require(false, "selecting", expected, format!("{means:?}"));
    };
    let everybody = request.to == (Mac::BROADCAST, Ipv4Addr::BROADCAST);
    let observed = format!("to {}", request.to.1);
    cx.require(
        everybody && request.ciaddr.is_unspecified(),
        "selecting",
        "to everybody",
        observed,
    )?;
    let acknowledgement = message(&dhcp, lease, &request);
    let to = as_asked(&request, lease.address);
    wire.inject(Craft::udp(server, 67, to, 68, acknowledgement));
    comes_up_with(cx, lease.address).await?;
    reaches_the_host(cx).await
}
