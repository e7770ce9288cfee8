//! The wire by itself: its namespace, its addresses, its sockets.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hil::lan::Wire;
use hil::lan::wire::{is_required, use_program};
use hil_kit::rig::{HostAddress, SocketFactory};
use socket2::{Domain, Socket, Type};

use crate::bench::run;

const PATIENCE: Duration = Duration::from_secs(5);

/// Loud, because a machine that refuses it proves nothing here.
fn wire() -> Option<Wire> {
    use_program(env!("CARGO_BIN_EXE_hil"));
    match Wire::make(None) {
        Ok(wire) => Some(wire),
        Err(refusal) => {
            assert!(!is_required(), "{refusal}");
            eprintln!("NOT TESTED: {refusal}");
            None
        }
    }
}

fn bound(wire: &Wire, address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = wire.socket(Domain::for_address(address), Type::DGRAM)?;
    socket.bind(&address.into())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket.into())
}

#[test]
fn its_addresses_are_there_and_nowhere_else() {
    run(async {
        let Some(wire) = wire() else { return };
        let mut which = vec![HostAddress::First, HostAddress::Second];
        if wire.properties().host_ipv6 {
            which.extend([
                HostAddress::FirstIpv6,
                HostAddress::SecondIpv6,
                HostAddress::LinkLocal,
            ]);
        } else {
            eprintln!("NOT TESTED: IPv6 on the wire: this machine has none");
        }
        for which in which {
            let address = wire.bind_address(which);
            let (one, other) = (
                bound(&wire, address).expect("its own"),
                bound(&wire, address).expect("its own"),
            );
            let to = other.local_addr().expect("an address");
            one.send_to(b"x", to).expect("a way");
            let (length, from) = other.recv_from(&mut [0; 8]).expect("it arrives");
            assert_eq!((length, from.ip()), (1, address.ip()));
            // The IPv4 ones are for documentation: some machine may have them all the same.
            if address.is_ipv6() {
                let outside = Socket::new(Domain::IPV6, Type::DGRAM, None).expect("a socket");
                let bound = outside.bind(&address.into());
                assert!(bound.is_err(), "{address} is one of this machine's");
            }
        }
    });
}

#[test]
fn ordinary_services_have_their_ordinary_ports() {
    run(async {
        let Some(wire) = wire() else { return };
        for port in [7, 53, 67] {
            let mut address = wire.bind_address(HostAddress::First);
            address.set_port(port);
            bound(&wire, address).expect("nobody else has it");
        }
    });
}

/// Fixtures make their sockets inside of timed cases.
#[test]
fn sockets_are_cheap_and_wires_are_made_fast() {
    run(async {
        let began = Instant::now();
        let Some(wire) = wire() else { return };
        let made = began.elapsed();
        let mut costs: Vec<Duration> = (0..200)
            .map(|_| {
                let began = Instant::now();
                wire.socket(Domain::IPV4, Type::STREAM).expect("a socket");
                began.elapsed()
            })
            .collect();
        costs.sort();
        eprintln!(
            "wire made in {made:?}; a socket p50 {:?} p99 {:?}",
            costs[100], costs[198]
        );
        assert!(made < Duration::from_secs(3), "{made:?}");
        assert!(costs[100] < Duration::from_millis(5), "{:?}", costs[100]);
    });
}

#[test]
fn two_wires_do_not_meet() {
    run(async {
        let (Some(one), Some(other)) = (wire(), wire()) else {
            return;
        };
        let mut address = one.bind_address(HostAddress::First);
        address.set_port(2000);
        let _first = bound(&one, address).expect("nobody else has it");
        bound(&other, address).expect("nobody else has it here");
    });
}
