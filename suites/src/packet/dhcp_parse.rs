//! The DHCP client and the options it is given: those it uses, and messages that are not as they should be.

use core::net::Ipv4Addr;
use core::time::Duration;

use hil_kit::expect::Peer;
use hil_kit::wire::WirePlan;
use hil_kit::wire::service::{Dhcp, DhcpKind, DhcpSeen, Lease};
use hil_kit::{Ctx, Done, IpAddress, Outcome, SocketAddress, Status, case, text};

use super::dhcp::{
    OPTIONS, SOON, answer, as_asked, comes_up_with, discovering, down, message, reaches_the_host,
    up_with,
};
use crate::exhaust::count_tcp;

/// What a long message may have (the MTU of Ethernet less the headers of IP and UDP).
const LONG: usize = 1400;
const END: u8 = 255;
const OVERLOAD: u8 = 52;
/// An option that has no meaning (RFC 3942: site-specific).
const NO_MEANING: u8 = 224;

/// Makes another message of one that is right: from its fixed part and the options up to their end.
type Spoil = fn(&[u8], &[u8]) -> Vec<u8>;

fn with(fixed: &[u8], options: &[&[u8]]) -> Vec<u8> {
    [fixed, &options.concat()].concat()
}

/// Every way in which a message is broken or unusual.
const BROKEN: [(&str, Spoil); 16] = [
    ("empty", |_, _| Vec::new()),
    ("cut within the cookie: 235 bytes", |it, _| {
        it.get(..235).unwrap_or(it).into()
    }),
    ("cut within the cookie: 239 bytes", |it, _| {
        it.get(..239).unwrap_or(it).into()
    }),
    ("cut before the options", |it, _| it.into()),
    ("a length past the end", |it, good| {
        with(it, &[good, &[NO_MEANING, 250, 1, 2]])
    }),
    ("a number without a length", |it, good| {
        with(it, &[good, &[NO_MEANING]])
    }),
    ("no end", |it, good| with(it, &[good])),
    ("an end before everything", |it, good| {
        with(it, &[&[END], good, &[END]])
    }),
    ("every option twice", |it, good| {
        with(it, &[good, good, &[END]])
    }),
    ("padding", |it, good| {
        with(it, &[&[0; 30], good, &[0; 30], &[END], &[0; 30]])
    }),
    ("options of length 0", |it, good| {
        with(
            it,
            &[
                &[1, 0, 3, 0, 6, 0, 12, 0, 15, 0, 51, 0, 54, 0, 58, 0, 59, 0],
                good,
                &[END],
            ],
        )
    }),
    ("options of odd lengths", |it, good| {
        let odd = [
            1, 3, 255, 255, 255, 3, 5, 1, 2, 3, 4, 5, 51, 2, 0, 9, 54, 1, 7, 58, 3, 0, 0, 9,
        ];
        with(it, &[good, &odd, &[END]])
    }),
    (
        "63 DNS servers, and a name that points to itself",
        |it, good| {
            with(
                it,
                &[
                    good,
                    &[6, 252],
                    &[192; 252],
                    &[119, 2, 0xc0, 0],
                    &[15, 2, 0xc0, 0],
                    &[END],
                ],
            )
        },
    ),
    ("1400 bytes", |it, good| {
        let mut long = with(it, &[good]);
        while long.len() + 257 < LONG {
            long.extend([NO_MEANING, 255]);
            long.extend([0xa5; 255]);
        }
        long.resize(LONG - 1, 0);
        long.push(END);
        long
    }),
    ("options in the fields of the names", |it, good| {
        let mut message = with(it, &[good, &[OVERLOAD, 1, 3], &[END]]);
        // sname and file, the second with an option that goes past its end
        for (to, from) in message.iter_mut().skip(44).zip([12, 1, b'x', END]) {
            *to = from;
        }
        for (to, from) in message.iter_mut().skip(108).zip([12, 200, b'y', b'y']) {
            *to = from;
        }
        message
    }),
    ("a hardware address of 255 bytes", |it, good| {
        let mut message = with(it, &[good, &[END]]);
        if let Some(length) = message.get_mut(2) {
            *length = 255;
        }
        message
    }),
];

/// Offers and acknowledgements with broken options or of odd lengths are ignored or read as far as they go: the client
/// takes them or the right ones that follow, goes up each time, and afterwards everything works with as many sockets as
/// before.
#[case(level = Must, cite = ["packet.dhcp.broken", "DHC-W-07"], needs = [Interface, Tcp, Udp, Cable], profile = Full, tags = ["exclusive"])]
async fn broken_messages(cx: &mut Ctx) -> Outcome {
    let (wire, dhcp) = (cx.wire()?, cx.dhcp()?);
    let lease = dhcp.standard_lease();
    let sockets = count_tcp(cx).await?;

    for (words, spoil) in BROKEN {
        cx.say(format!("broken: {words}"));
        let discover = discovering(cx, &dhcp).await?;
        broken_and_right(&dhcp, &lease, &discover, spoil);
        let request = dhcp.expect(DhcpKind::Request, SOON).await?;
        broken_and_right(&dhcp, &lease, &request, spoil);
        comes_up_with(cx, lease.address).await?;
    }

    // With the last acknowledgement alone.
    let interface = cx.interface();
    interface.set_blocking(true).await?.expect(Done)?;
    dhcp.lease(lease.clone());
    interface.disconnect().await?.expect(Done)?;
    interface.connect().await?.expect(Done)?;
    comes_up_with(cx, lease.address).await?;
    wire.ping().await?;
    reaches_the_host(cx).await?;
    let now = count_tcp(cx).await?;
    cx.require(
        now == sockets,
        "leak",
        format!("{sockets} TCP sockets"),
        now.to_string(),
    )
}

fn broken_and_right(dhcp: &Dhcp, lease: &Lease, seen: &DhcpSeen, spoil: Spoil) {
    let right = message(dhcp, lease, seen);
    let (fixed, options) = right.split_at(OPTIONS.min(right.len()));
    let end = end_of(options);
    dhcp.send(
        as_asked(seen, lease.address),
        spoil(fixed, options.get(..end).unwrap_or_default()),
    );
    answer(dhcp, lease, seen);
}

/// Where the end of options is.
fn end_of(options: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match options.get(at..) {
            None | Some([] | [END, ..]) => return at,
            Some([0, ..]) => at += 1,
            Some([_, length, ..]) => at += 2 + usize::from(*length),
            Some([_]) => return at,
        }
    }
}

/// Of several routers the first is the gateway; several DNS servers and unknown options do not disturb.
#[case(level = Must, cite = ["packet.dhcp.options", "DHC-W-06"], needs = [Interface, Tcp, Cable], profile = Quick, tags = ["exclusive"])]
async fn several_of_each(cx: &mut Ctx) -> Outcome {
    let dhcp = cx.dhcp()?;
    let [host, other] = WirePlan::STANDARD.host_ipv4;
    let mut lease = dhcp.standard_lease().of(Ipv4Addr::new(192, 0, 2, 45));
    lease.routers = vec![other, host];
    lease.dns = (1..=5).map(|last| Ipv4Addr::new(192, 0, 2, last)).collect();
    lease.more = vec![(43, vec![1, 2, 3]), (224, vec![0xff; 40])];
    let address = lease.address;
    dhcp.lease(lease);

    down(cx).await?;
    up_with(cx, address).await?;

    let gateway = SocketAddress::new(IpAddress::V4(other.octets()), 0);
    cx.interface().gateway().await?.expect(Peer(gateway))?;
    reaches_the_host(cx).await
}

/// Noted: what becomes of a lease without a network mask.
///
/// The control: with a mask the interface goes up, before and afterwards.
#[case(level = Must, cite = ["packet.dhcp.no-mask", "DHC-W-06"], needs = [Interface, Tcp, Cable], profile = Full, tags = ["exclusive"])]
async fn without_mask(cx: &mut Ctx) -> Outcome {
    let interface = cx.interface();
    let dhcp = cx.dhcp()?;
    down(cx).await?;
    up_with(cx, dhcp.standard_lease().address).await?;
    let mut lease = dhcp.standard_lease();
    lease.prefix = None;

    let discover = discovering(cx, &dhcp).await?;
    answer(&dhcp, &lease, &discover);
    let request = dhcp.expect(DhcpKind::Request, Duration::from_secs(1)).await;
    let word = if let Ok(request) = request {
        answer(&dhcp, &lease, &request);
        let status = interface
            .wait(&[Status::GlobalUp], Duration::from_secs(1))
            .await?;
        if status.code() == Status::GlobalUp as i32 {
            let mask = interface.netmask().await?;
            mask.address()
                .map_or_else(|| "no mask".into(), text::address)
        } else {
            "acknowledgement ignored".into()
        }
    } else {
        "offer ignored".into()
    };

    interface.set_blocking(true).await?.expect(Done)?;
    dhcp.lease(dhcp.standard_lease());
    down(cx).await?;
    up_with(cx, dhcp.standard_lease().address).await?;
    reaches_the_host(cx).await?;
    cx.positive_control();
    cx.note("dhcp.lease-without-mask", word);
    Ok(())
}
