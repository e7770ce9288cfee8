//! The type of service, as packets carry it.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::RefCell;

use nsapi::option::{IPTOS, LEVEL_SOCKET};
use nsapi::{Error, NetworkStack as _, Result, StackHandle};

use super::alloc;
use super::bench::{Bench, Host, link_local, v4};

fn set(host: &Host, socket: StackHandle, value: &[u8]) -> Result<()> {
    host.stack.setsockopt(socket, LEVEL_SOCKET, IPTOS, value)
}

/// Notes the type of service of every packet with this protocol that a host sends.
fn note(host: &Host, protocol: u8) -> Rc<RefCell<Vec<u8>>> {
    let noted = Rc::new(RefCell::new(Vec::new()));
    let notes = Rc::clone(&noted);
    host.lose(move |frame| {
        let tos = match frame[12..14] {
            [8, 0] if frame[23] == protocol => Some(frame[15]),
            [0x86, 0xdd] if frame[20] == protocol => Some(frame[14] << 4 | frame[15] >> 4),
            _ => None,
        };
        notes.borrow_mut().extend(tos);
        false
    });
    noted
}

#[test]
fn datagrams_carry_what_was_set_last() {
    let bench = Bench::new();
    let receiver = bench.b.bound_udp(7);
    let (marked, plain) = (bench.a.udp(), bench.a.udp());
    let noted = note(&bench.a, 17);
    for to in [v4(bench.b.ip, 7), link_local(2, 7)] {
        for value in [0x10, 0xb8, 0] {
            set(&bench.a, marked, &[value]).unwrap();
            bench.a.sendto(marked, to, b"first").unwrap();
            bench.a.sendto(plain, to, b"second").unwrap();
            bench.pass_ms(1_100);
            assert_eq!(noted.take(), [value, 0]);
            // The checksum is right: they arrive.
            assert_eq!(bench.b.recvfrom(receiver, 10).unwrap().0, b"first");
            assert_eq!(bench.b.recvfrom(receiver, 10).unwrap().0, b"second");
        }
    }
}

#[test]
fn connections_have_it_from_their_listener() {
    let bench = Bench::new();
    let listener = bench.b.listener(80, 4);
    set(&bench.b, listener, &[0x20]).unwrap();
    let noted = note(&bench.b, 6);
    let client = bench.connect_to(80);
    let (child, _) = bench.b.accept(listener).unwrap();
    bench.b.send(child, b"x").unwrap();
    bench.run();
    assert!(!noted.borrow().is_empty());
    assert!(noted.take().iter().all(|tos| *tos == 0x20));
    set(&bench.b, child, &[0x40]).unwrap();
    bench.b.send(child, b"y").unwrap();
    bench.run();
    assert_eq!(noted.take(), [0x40]);
    assert_eq!(bench.a.recv(client, 10).unwrap(), b"xy");
}

#[test]
fn it_is_one_byte() {
    let bench = Bench::new();
    let socket = bench.a.tcp();
    let get = |size: usize| {
        let mut out = [0xff; 4];
        let stack = &bench.a.stack;
        let length = stack.getsockopt(socket, LEVEL_SOCKET, IPTOS, &mut out[..size])?;
        Ok::<_, Error>((length, out[0]))
    };
    assert_eq!(get(4), Ok((1, 0)));
    set(&bench.a, socket, &[0x1c]).unwrap();
    for bad in [&[][..], &[1, 0, 0, 0]] {
        assert_eq!(set(&bench.a, socket, bad), Err(Error::UNSUPPORTED));
    }
    assert_eq!(get(1), Ok((1, 0x1c)));
    assert_eq!(get(0), Err(Error::PARAMETER));
}
