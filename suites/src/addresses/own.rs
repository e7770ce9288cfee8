//! Binding to addresses: the board's own, somebody else's, one of the other family.

use hil_kit::{
    Bytes, Ctx, Done, Error, Fails, IpAddress, Matches, Outcome, Protocol, SocketAddress, case,
};

use crate::foreign;

/// A TCP socket can be bound to the board's own address, and connects from there.
#[case(level = Must, cite = ["addresses.own.bind", "TCPSOCKET_BIND_ADDRESS"], needs = [Tcp], profile = Quick)]
async fn tcp(cx: &mut Ctx) -> Outcome {
    let listener = cx.peer().await?;
    let tcp = cx.tcp().await?;
    let own = cx.iut_address().await?;
    let port = cx.free_port(Protocol::Tcp)?;

    tcp.bind(SocketAddress::new(own.ip, port))
        .await?
        .expect(Done)?;

    tcp.connect(listener.address()).await?.expect(Done)?;
    let mut peer = listener.accept().await?;
    tcp.send_all(b"from my own").await?;
    peer.expect_bytes(b"from my own").await?;
    Ok(())
}

/// A UDP socket can be bound to the board's own address, and receives there.
#[case(level = Must, cite = ["addresses.own.bind", "UDPSOCKET_BIND_ADDRESS"], needs = [Udp], profile = Quick)]
async fn udp(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let peer = cx.scripter().await?;
    let own = cx.iut_address().await?;
    let port = cx.free_port(Protocol::Udp)?;

    udp.bind(SocketAddress::new(own.ip, port))
        .await?
        .expect(Done)?;

    peer.send_to_port(port, b"to your own").await?;
    udp.recv_from(16)
        .await?
        .expect(Bytes(b"to your own"))?
        .expect_from(peer.address())?;
    Ok(())
}

/// Binding a TCP socket to an address the board does not have answers PARAMETER.
#[case(level = Must, cite = ["addresses.own.foreign", "TCPSOCKET_BIND_ADDRESS_INVALID"], needs = [Tcp], profile = Quick)]
async fn tcp_foreign(cx: &mut Ctx) -> Outcome {
    let tcp = cx.tcp().await?;
    let foreign = foreign::of_the_same_family(cx.iut_address().await?.ip);
    let port = cx.free_port(Protocol::Tcp)?;

    tcp.bind(SocketAddress::new(foreign, port))
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// Binding a UDP socket to an address the board does not have answers PARAMETER.
#[case(level = Must, cite = ["addresses.own.foreign", "UDPSOCKET_BIND_ADDRESS_INVALID"], needs = [Udp], profile = Quick)]
async fn udp_foreign(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let foreign = foreign::of_the_same_family(cx.iut_address().await?.ip);
    let port = cx.free_port(Protocol::Udp)?;

    udp.bind(SocketAddress::new(foreign, port))
        .await?
        .expect(Fails(Error::PARAMETER))?;
    Ok(())
}

/// Binding to an address of the family that the board does not speak answers PARAMETER or UNSUPPORTED.
///
/// A board that speaks both does not have this address either, so PARAMETER is right there too.
#[case(level = Must, cite = ["addresses.own.wrong-family", "ADR-10", "TCPSOCKET_BIND_WRONG_TYPE", "UDPSOCKET_BIND_WRONG_TYPE"], needs = [Tcp, Udp], profile = Quick)]
async fn wrong_family(cx: &mut Ctx) -> Outcome {
    let (tcp, udp) = (cx.tcp().await?, cx.udp().await?);
    let other = foreign::of_the_other_family(cx.iut_address().await?.ip);
    let refused = Fails(Error::PARAMETER).or(
        Fails(Error::UNSUPPORTED),
        "ADR-10: a stack without that family may say so",
    );

    let address = SocketAddress::new(other, cx.free_port(Protocol::Tcp)?);
    tcp.bind(address).await?.expect(refused.clone())?;
    let address = SocketAddress::new(other, cx.free_port(Protocol::Udp)?);
    udp.bind(address).await?.expect(refused)?;
    Ok(())
}

/// Binding to the all-zero address of the board's family means any address, or is UNSUPPORTED.
#[case(level = Must, cite = ["addresses.own.any", "ADR-09"], needs = [Udp], profile = Quick)]
async fn any_address(cx: &mut Ctx) -> Outcome {
    let udp = cx.udp().await?;
    let peer = cx.scripter().await?;
    let any = match cx.iut_address().await?.ip {
        IpAddress::V6(_) => IpAddress::V6([0; 16]),
        IpAddress::V4(_) | IpAddress::Unspec => IpAddress::V4([0; 4]),
    };
    let port = cx.free_port(Protocol::Udp)?;

    let answer = udp
        .bind(SocketAddress::new(any, port))
        .await?
        .expect(Done.or(
            Fails(Error::UNSUPPORTED),
            "ADR-09: modems bind to ports only",
        ))?;
    if answer.code() != 0 {
        udp.bind_port(port).await?.expect(Done)?;
    }

    peer.send_to_port(port, b"to any").await?;
    udp.recv_from(16).await?.expect(Bytes(b"to any"))?;
    Ok(())
}

/// Binding to an address of many, broadcast or multicast, is refused, or takes the port there.
///
/// Refused, the socket is unbound as before.
#[case(level = Must, cite = ["addresses.own.many", "ADR-11"], needs = [Udp], profile = Quick)]
async fn addresses_of_many(cx: &mut Ctx) -> Outcome {
    let peer = cx.scripter().await?;
    let many = match cx.iut_address().await?.ip {
        IpAddress::V6(_) => {
            let mut all_nodes = [0; 16];
            (all_nodes[0], all_nodes[1], all_nodes[15]) = (0xff, 0x02, 1);
            vec![IpAddress::V6(all_nodes)]
        }
        IpAddress::V4(_) | IpAddress::Unspec => {
            vec![IpAddress::V4([255; 4]), IpAddress::V4([224, 0, 0, 1])]
        }
    };
    for ip in many {
        let (udp, another) = (cx.udp().await?, cx.udp().await?);
        let port = cx.free_port(Protocol::Udp)?;
        let address = SocketAddress::new(ip, port);

        let answer = udp.bind(address).await?.expect(Fails(Error::PARAMETER).or(
            Done,
            "ADR-11: a stack may let it receive only what is for many",
        ))?;

        if answer.code() == 0 {
            another
                .bind(address)
                .await?
                .expect(Fails(Error::PARAMETER))?;
        } else {
            udp.bind_port(port).await?.expect(Done)?;
            peer.send_to_port(port, b"to me").await?;
            udp.recv_from(16).await?.expect(Bytes(b"to me"))?;
        }
        udp.delete().await?.expect(Done)?;
        another.delete().await?.expect(Done)?;
    }
    Ok(())
}

/// The board's own address is the one that it answers for on the cable, at the hardware address it tells and sends from.
#[case(level = Must, cite = ["addresses.own.reported", "ADR-14"], needs = [Udp, Ipv4, Cable], profile = Quick)]
async fn reported(cx: &mut Ctx) -> Outcome {
    let wire = cx.wire()?;
    let own = cx.iut_address().await?;
    // Found by asking who has the address that the API tells.
    let board = wire.board().await?;
    let mut peer = cx.scripter().await?;
    let udp = cx.udp().await?;
    let told = cx.interface().mac().await?;
    if let [a, b, c, d, e, f] = *told.data() {
        let told = hil_kit::wire::Mac([a, b, c, d, e, f]);
        let (expected, observed) = (board.mac.to_string(), told.to_string());
        cx.require(told == board.mac, "mac", expected, observed)?;
    }

    udp.send_to(peer.address(), b"whence")
        .await?
        .expect(hil_kit::Size(6))?;
    peer.expect(b"whence").await?;
    let datagram = hil_kit::wire::from_board().udp().payload(*b"whence");
    let frame = wire
        .expect(datagram, core::time::Duration::from_secs(1))
        .await?;
    let packet = frame.packet();
    let right = match own.ip {
        IpAddress::V4(ip) => packet.src_ip() == Some(core::net::IpAddr::from(ip)),
        IpAddress::V6(ip) => packet.src_ip() == Some(core::net::IpAddr::from(ip)),
        IpAddress::Unspec => false,
    };
    let right = right && packet.source() == board.mac;
    let expected = format!("from {} at {}", hil_kit::text::address(own), board.mac);
    cx.require(right, "source", expected, packet.to_string())
}
