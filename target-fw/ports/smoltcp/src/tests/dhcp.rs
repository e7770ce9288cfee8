//! Addresses by DHCP, from a scripted server at the other end of the cable.

use alloc::vec;
use alloc::vec::Vec;

use nsapi::interface::{NetworkInterface as _, Status};
use nsapi::{Error, IpAddress, NetworkStack as _};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, DhcpMessageType, DhcpOption, DhcpPacket, DhcpRepr,
    EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr, IpProtocol, Ipv4Address,
    Ipv4Packet, Ipv4Repr, UdpPacket, UdpRepr,
};

use super::alloc;
use super::bench::{Bench, Counter, Frame, v4};
use crate::Config;

const SERVER: Ipv4Address = Ipv4Address::new(192, 168, 5, 1);
const OFFERED: Ipv4Address = Ipv4Address::new(192, 168, 5, 40);
const SERVER_MAC: EthernetAddress = EthernetAddress([2, 0, 0, 0, 0, 99]);

/// What the client said: the kind of message, its id and its host name.
struct Said {
    kind: DhcpMessageType,
    id: u32,
    mac: EthernetAddress,
    host_name: Option<Vec<u8>>,
}

fn parse(frame: &Frame) -> Option<Said> {
    let ethernet = EthernetFrame::new_checked(&frame[..]).ok()?;
    if ethernet.ethertype() != EthernetProtocol::Ipv4 {
        return None;
    }
    let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
    let udp = UdpPacket::new_checked(ip.payload()).ok()?;
    if ip.next_header() != IpProtocol::Udp || udp.dst_port() != 67 {
        return None;
    }
    let packet = DhcpPacket::new_checked(udp.payload()).ok()?;
    let repr = DhcpRepr::parse(&packet).ok()?;
    let host_name = packet
        .options()
        .find(|option| option.kind == 12)
        .map(|option| option.data.to_vec());
    Some(Said {
        kind: repr.message_type,
        id: repr.transaction_id,
        mac: ethernet.src_addr(),
        host_name,
    })
}

fn answer(said: &Said, kind: DhcpMessageType, lease_s: u32) -> Frame {
    answer_with(said, kind, lease_s, Some(SERVER), &[])
}

fn answer_with(
    said: &Said,
    kind: DhcpMessageType,
    lease_s: u32,
    router: Option<Ipv4Address>,
    additional_options: &[DhcpOption<'_>],
) -> Frame {
    let dhcp = DhcpRepr {
        message_type: kind,
        transaction_id: said.id,
        secs: 0,
        client_hardware_address: said.mac,
        client_ip: Ipv4Address::UNSPECIFIED,
        your_ip: OFFERED,
        server_ip: SERVER,
        router,
        subnet_mask: Some(Ipv4Address::new(255, 255, 255, 0)),
        relay_agent_ip: Ipv4Address::UNSPECIFIED,
        broadcast: true,
        requested_ip: None,
        client_identifier: None,
        server_identifier: Some(SERVER),
        parameter_request_list: None,
        dns_servers: None,
        max_size: None,
        lease_duration: Some(lease_s),
        renew_duration: None,
        rebind_duration: None,
        additional_options,
    };
    let udp = UdpRepr {
        src_port: 67,
        dst_port: 68,
    };
    let ip = Ipv4Repr {
        src_addr: SERVER,
        dst_addr: Ipv4Address::BROADCAST,
        next_header: IpProtocol::Udp,
        payload_len: udp.header_len() + dhcp.buffer_len(),
        hop_limit: 64,
    };
    let ethernet = EthernetRepr {
        src_addr: SERVER_MAC,
        dst_addr: EthernetAddress::BROADCAST,
        ethertype: EthernetProtocol::Ipv4,
    };
    let mut bytes = vec![0; ethernet.buffer_len() + ip.buffer_len() + ip.payload_len];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes[..]);
    ethernet.emit(&mut frame);
    let checksums = ChecksumCapabilities::default();
    let mut packet = Ipv4Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet, &checksums);
    udp.emit(
        &mut UdpPacket::new_unchecked(packet.payload_mut()),
        &SERVER.into(),
        &Ipv4Address::BROADCAST.into(),
        dhcp.buffer_len(),
        |payload| dhcp.emit(&mut DhcpPacket::new_unchecked(payload)).unwrap(),
        &checksums,
    );
    bytes
}

/// Serves for some time: `reply` decides over each message. Returns what the client said, and how often it
/// asked for the server's hardware address.
fn serve(
    bench: &Bench,
    ms: u64,
    mut reply: impl FnMut(&Said) -> Option<Frame>,
) -> (Vec<Said>, usize) {
    let (mut all, mut questions) = (Vec::new(), 0);
    // B stays out of it: only its end of the cable is used.
    for _ in 0..ms {
        bench.a.poll();
        let frames: Vec<Frame> = bench.b.inbox.borrow_mut().drain(..).collect();
        for frame in frames {
            if asks_for_server(&frame) {
                questions += 1;
            } else if let Some(said) = parse(&frame) {
                bench.a.inbox.borrow_mut().extend(reply(&said));
                all.push(said);
            }
        }
        bench.a.poll();
        bench.advance_ms(1);
    }
    (all, questions)
}

fn asks_for_server(frame: &Frame) -> bool {
    let Ok(ethernet) = EthernetFrame::new_checked(&frame[..]) else {
        return false;
    };
    let arp = ArpPacket::new_checked(ethernet.payload()).and_then(|arp| ArpRepr::parse(&arp));
    matches!(
        (ethernet.ethertype(), arp),
        (
            EthernetProtocol::Arp,
            Ok(ArpRepr::EthernetIpv4 {
                operation: ArpOperation::Request,
                target_protocol_addr: SERVER,
                ..
            })
        )
    )
}

const fn reply_kind(kind: DhcpMessageType) -> DhcpMessageType {
    match kind {
        DhcpMessageType::Discover => DhcpMessageType::Offer,
        _ => DhcpMessageType::Ack,
    }
}

#[test]
fn a_lease_brings_the_interface_up() {
    let bench = Bench::down(Config {
        hostname: "board-7",
        ..Config::default()
    });
    let stack = &bench.a.stack;
    let news = Counter::new();
    stack.add_event_listener(news.callback()).unwrap();
    stack.connect().unwrap();
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::Connecting)));
    let (said, questions) = serve(&bench, 100, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    let kinds: Vec<_> = said.iter().map(|said| said.kind).collect();
    assert_eq!(kinds, [DhcpMessageType::Discover, DhcpMessageType::Request]);
    assert!(
        said.iter()
            .all(|said| said.host_name.as_deref() == Some(b"board-7"))
    );
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::GlobalUp)));
    assert_eq!(
        stack.get_ip_address().unwrap().ip,
        IpAddress::V4(OFFERED.octets())
    );
    assert_eq!(
        stack.get_netmask().unwrap().ip,
        IpAddress::V4([255, 255, 255, 0])
    );
    assert_eq!(
        stack.get_gateway().unwrap().ip,
        IpAddress::V4(SERVER.octets())
    );
    assert_eq!(questions, 1, "the gateway is asked for at once");
    assert_eq!(stack.connect(), Err(Error::IS_CONNECTED));
}

#[test]
fn a_lost_offer_is_asked_for_again() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    stack.connect().unwrap();
    let news = Counter::new();
    stack.add_event_listener(news.callback()).unwrap();
    let (said, _) = serve(&bench, 3_400, |_| None);
    assert_eq!(said.len(), 2, "after two seconds, then after four");
    assert_eq!((news.take(), stack.connect_result()), (0, None));
    assert!(
        said.iter()
            .all(|said| said.kind == DhcpMessageType::Discover && said.host_name.is_none())
    );
    assert_eq!(stack.status(), Ok(Status::Connecting));
    assert_eq!(stack.get_ip_address().unwrap_err(), Error::NO_CONNECTION);
    serve(&bench, 200, |_| None);
    assert_eq!(news.take(), 1);
    assert_eq!(stack.connect_result(), Some(Err(Error::DHCP_FAILURE)));
    assert_eq!(stack.connect(), Err(Error::BUSY));
    // It goes on all the same.
    serve(&bench, 2_500, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    assert_eq!(stack.status(), Ok(Status::GlobalUp));
    assert_eq!(stack.connect_result(), Some(Ok(())));
}

#[test]
fn a_lease_that_runs_out_takes_the_addresses_away() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    stack.connect().unwrap();
    serve(&bench, 100, |said| {
        Some(answer(said, reply_kind(said.kind), 60))
    });
    assert_eq!(stack.status(), Ok(Status::GlobalUp));
    let news = Counter::new();
    stack.add_event_listener(news.callback()).unwrap();
    serve(&bench, 61_000, |_| None);
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::Connecting)));
    serve(&bench, 11_000, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    assert_eq!((news.take(), stack.status()), (1, Ok(Status::GlobalUp)));
}

#[test]
fn going_down_is_possible_at_any_time() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    for _ in 0..50 {
        stack.connect().unwrap();
        serve(&bench, 10, |_| None);
        stack.disconnect().unwrap();
        let (said, _) = serve(&bench, 10, |_| None);
        assert!(said.is_empty(), "silent while down");
    }
    // Fixed addresses turn the client off.
    stack
        .set_network(
            &v4([10, 0, 0, 1], 0),
            &v4([255, 0, 0, 0], 0),
            &v4([10, 9, 9, 9], 0),
        )
        .unwrap();
    stack.connect().unwrap();
    let (said, _) = serve(&bench, 100, |_| None);
    assert!(said.is_empty());
    assert_eq!(stack.status(), Ok(Status::GlobalUp));
    let socket = bench.a.udp();
    assert_eq!(stack.socket_bind(socket, &v4([10, 0, 0, 1], 5)), Ok(()));
}

/// The address by DHCP.
fn lease(bench: &Bench) {
    bench.a.stack.connect().unwrap();
    serve(bench, 100, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    assert_eq!(bench.a.stack.status(), Ok(Status::GlobalUp));
}

#[test]
fn after_the_cable_was_out_the_address_is_asked_for_again() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    lease(&bench);
    let socket = bench.a.tcp();
    let to = v4([192, 168, 5, 1], 80);
    assert_eq!(bench.a.connect(socket, to), Err(Error::IN_PROGRESS));
    let begun = || bench.a.connect(socket, to) == Err(Error::ALREADY);
    stack.set_link(false);
    let (said, _) = serve(&bench, 500, |_| None);
    assert!(said.is_empty());
    assert!(begun());
    stack.set_link(true);
    let (said, questions) = serve(&bench, 100, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    assert_eq!(said.len(), 2, "from the beginning");
    assert!(questions >= 1, "for the gateway");
    assert_eq!(stack.status(), Ok(Status::GlobalUp));
    assert!(begun(), "the same address: connections go on");
    // Nobody answers any more: first it is kept, then given up.
    stack.set_link(false);
    serve(&bench, 100, |_| None);
    stack.set_link(true);
    serve(&bench, 500, |_| None);
    assert_eq!(stack.status(), Ok(Status::Connecting));
    assert!(begun());
    serve(&bench, 3_500, |_| None);
    assert_eq!(stack.connect_result(), Some(Err(Error::DHCP_FAILURE)));
    assert_eq!(bench.a.connect(socket, to), Err(Error::NO_CONNECTION));
}

#[test]
fn the_host_name_can_be_changed_while_down() {
    let bench = Bench::down(Config {
        hostname: "first",
        ..Config::default()
    });
    let stack = &bench.a.stack;
    let name = || {
        let mut text = [0; 63];
        let length = stack.get_hostname(&mut text)?;
        Some(text[..length].to_vec())
    };
    assert_eq!(name().as_deref(), Some(&b"first"[..]));
    let longest = core::str::from_utf8(&[b'n'; 63]).unwrap();
    assert_eq!(
        stack.set_hostname(core::str::from_utf8(&[b'n'; 64]).unwrap()),
        Err(Error::PARAMETER)
    );
    for wanted in [longest, "x", ""] {
        stack.set_hostname(wanted).unwrap();
        assert_eq!(name().unwrap_or_default(), wanted.as_bytes());
        stack.connect().unwrap();
        assert_eq!(stack.set_hostname("late"), Err(Error::BUSY));
        let (said, _) = serve(&bench, 100, |said| {
            Some(answer(said, reply_kind(said.kind), 3600))
        });
        assert_eq!(said.len(), 2);
        for said in said {
            assert_eq!(said.host_name.unwrap_or_default(), wanted.as_bytes());
        }
        assert_eq!(stack.status(), Ok(Status::GlobalUp));
        stack.disconnect().unwrap();
    }
    stack.restore_defaults();
    assert_eq!(name().as_deref(), Some(&b"first"[..]));
}

#[test]
fn messages_are_as_long_as_relays_want_them() {
    let bench = Bench::down(Config::default());
    bench.a.stack.connect().unwrap();
    bench.a.poll();
    let frames = bench.b.inbox.take();
    let message = frames.iter().find(|frame| parse(frame).is_some()).unwrap();
    assert!(message.len() >= 14 + 20 + 8 + 300);
    let ethernet = EthernetFrame::new_checked(&message[..]).unwrap();
    let ip = Ipv4Packet::new_checked(ethernet.payload()).unwrap();
    let udp = UdpPacket::new_checked(ip.payload()).unwrap();
    assert!(udp.verify_checksum(&ip.src_addr().into(), &ip.dst_addr().into()));
}

#[test]
fn the_hardware_address_can_be_changed_while_down() {
    let bench = Bench::down(Config::default());
    let stack = &bench.a.stack;
    assert_eq!(stack.get_interface_name(), None);
    for bad in [[0; 6], [0xff; 6], [1, 0, 0, 0, 0, 1]] {
        assert_eq!(stack.set_mac_address(bad), Err(Error::PARAMETER));
    }
    let mac = [2, 0, 0, 0, 7, 7];
    stack.set_mac_address(mac).unwrap();
    assert_eq!(stack.get_mac_address(), Some(mac));
    stack.connect().unwrap();
    assert_eq!(stack.set_mac_address([2; 6]), Err(Error::BUSY));
    let (said, _) = serve(&bench, 100, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    assert!(!said.is_empty() && said.iter().all(|said| said.mac.0 == mac));
    assert_eq!(
        stack.get_ipv6_link_local_address().unwrap().ip,
        IpAddress::V6([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 7, 7])
    );
    assert_eq!(stack.get_interface_name(), Some("en0"));
    stack.disconnect().unwrap();
    assert_eq!(stack.get_interface_name(), Some("en0"));
    stack.restore_defaults();
    assert_eq!(stack.get_mac_address(), Some([2, 0, 0, 0, 0, 1]));
}

#[test]
fn of_several_routers_the_first_is_the_gateway() {
    // Behind an option of either parity, as checksums are about words.
    for before in [&[1_u8, 2, 3][..], &[1, 2, 3, 4]] {
        let bench = Bench::down(Config::default());
        let routers = [192, 168, 5, 77, 192, 168, 5, 78, 192, 168, 5, 79];
        let option = |kind, data| DhcpOption { kind, data };
        let options = [option(43, before), option(3, &routers)];
        bench.a.stack.connect().unwrap();
        serve(&bench, 100, |said| {
            Some(answer_with(
                said,
                reply_kind(said.kind),
                3600,
                None,
                &options,
            ))
        });
        assert_eq!(
            bench.a.stack.get_gateway().unwrap().ip,
            IpAddress::V4([192, 168, 5, 77])
        );
    }
}

#[test]
fn a_lease_of_no_time_is_none() {
    let bench = Bench::down(Config::default());
    bench.a.stack.connect().unwrap();
    let (said, _) = serve(&bench, 1000, |said| {
        Some(answer(said, reply_kind(said.kind), 0))
    });
    assert_eq!(said.len(), 1, "no storm");
    serve(&bench, 3000, |said| {
        Some(answer(said, reply_kind(said.kind), 3600))
    });
    assert_eq!(bench.a.stack.status(), Ok(Status::GlobalUp));
}

#[test]
fn a_time_to_renew_of_no_time_is_not_taken() {
    // Behind an option of either parity, as checksums are about words.
    for before in [&[1_u8, 2, 3][..], &[1, 2, 3, 4]] {
        let bench = Bench::down(Config::default());
        bench.a.stack.connect().unwrap();
        let option = |kind, data| DhcpOption { kind, data };
        let options = [option(43, before), option(58, &[0; 4]), option(59, &[0; 4])];
        let reply = |said: &Said| {
            let kind = reply_kind(said.kind);
            Some(answer_with(said, kind, 4, None, &options))
        };
        let (said, questions) = serve(&bench, 1900, reply);
        assert_eq!((said.len(), questions), (2, 0), "no storm");
        let (_, questions) = serve(&bench, 200, reply);
        assert_eq!(questions, 1, "half of the lease: where is the server?");
    }
}
