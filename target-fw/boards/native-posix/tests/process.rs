//! The board as a process: what needs its loop, not only its port.

use std::net::{Ipv4Addr, SocketAddrV4};

use nsapi_protocol::message::Address;
use nsapi_protocol::{Answer, Kind, Op, PROTOCOL};
use rustix::net::{AddressFamily, SocketType, bind, connect, getsockname, listen, socket};

#[path = "../../native/testing.rs"]
mod testing;

use testing::ask;

/// Calls that only a deadline of the port can end are ended though nothing else happens on the board.
#[test]
fn a_blocking_connect_that_nobody_answers_ends() {
    let mut board = testing::board(env!("CARGO_BIN_EXE_native-posix"), &[]);
    let stream = &mut board.stream;
    let hello = Op::Hello {
        protocol: PROTOCOL,
        nonce: 5,
    };
    ask(stream, hello, |_| ());

    // A listener whose queue is full drops what more comes.
    let tcp = || socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let full = tcp();
    bind(&full, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&full, 0).unwrap();
    let to = SocketAddrV4::try_from(getsockname(&full).unwrap()).unwrap();
    let _waiting: Vec<_> = (0..4)
        .map(|_| {
            let client = tcp();
            rustix::io::ioctl_fionbio(&client, true).unwrap();
            let _ = connect(&client, &to);
            client
        })
        .collect();

    let new = Op::New {
        scope: 1,
        handle: 1,
        kind: Kind::Tcp,
        open: true,
    };
    assert!(ask(stream, new, |answer| answer == Answer::Code(0)));
    let connect = Op::Connect {
        handle: 1,
        address: Address::V4(to.ip().octets(), to.port()),
    };
    // The link would tell of nothing for longer than the port waits.
    let code = ask(stream, connect, |answer| match answer {
        Answer::Code(code) => code,
        other => panic!("{other:?}"),
    });
    assert_eq!(code, -3004, "NO_CONNECTION");
}

/// A board that restarts has the same link and name, and forgets all else.
#[test]
fn a_restart_is_a_new_beginning() {
    let program = env!("CARGO_BIN_EXE_native-posix");
    let mut board = testing::board(program, &["--name", "again"]);
    let stream = &mut board.stream;
    let mut boots = Vec::new();
    for nonce in 1..=3 {
        let protocol = PROTOCOL;
        let boot = ask(
            stream,
            Op::Hello { protocol, nonce },
            |answer| match answer {
                Answer::Hello(hello) => (hello.nonce, hello.board == "again", hello.boot),
                other => panic!("{other:?}"),
            },
        );
        assert_eq!((boot.0, boot.1), (nonce, true));
        boots.push(boot.2);
        let new = Op::New {
            scope: 1,
            handle: 1,
            kind: Kind::Tcp,
            open: true,
        };
        assert!(ask(stream, new, |answer| answer == Answer::Code(0)));
        assert!(ask(stream, Op::Restart, |answer| answer == Answer::Code(0)));
    }
    boots.dedup();
    assert_eq!(boots.len(), 3, "{boots:?}");
    assert!(board.process.try_wait().unwrap().is_none());
}
