//! Operations of the interface.

use nsapi::Error;
use nsapi::interface::Status;
use nsapi_protocol::message::{InterfaceEvent, Property};
use nsapi_protocol::{Address, Answer, Event, FromAgent, Op, PROTOCOL};
use std::vec::Vec;

use super::*;

const UP: Answer<'static> = Answer::Peer {
    code: 0,
    peer: Some(Address::V4([192, 0, 2, 7], 0)),
};

fn failed(error: Error) -> Answer<'static> {
    Answer::Code(error.code())
}

/// What the agent's record holds, and how much it says there was.
fn recorded(bench: &mut Bench<Script>, clear: bool) -> (i32, Vec<(i32, i32)>) {
    let Answer::Bytes { code, data } = bench.ask(Op::InterfaceEvents { clear }) else {
        panic!("events are bytes");
    };
    let events = InterfaceEvent::all(data).map(|it| (it.event, it.value));
    (code, events.collect())
}

/// The answers that have come since.
fn answers(bench: &mut Bench<Script>) -> Vec<Answer<'static>> {
    let replies = bench.run().into_iter().filter_map(reply);
    replies.map(|reply| reply.answer).collect()
}

#[test]
fn connect_waits_in_blocking_mode_and_only_there() {
    let (mut bench, script) = with_script();
    let net = script.net;
    assert_eq!(
        bench.ask(Op::InterfaceConnect { scope: 1 }),
        failed(Error::IS_CONNECTED)
    );
    assert_eq!(
        bench.ask(Op::InterfaceDisconnect { scope: 1 }),
        Answer::Code(0)
    );
    assert_eq!(
        bench.ask(Op::InterfaceDisconnect { scope: 1 }),
        failed(Error::NO_CONNECTION)
    );
    bench.send(Op::InterfaceConnect { scope: 1 });
    assert_eq!(answers(&mut bench), []);
    net.becomes(Status::GlobalUp);
    assert_eq!(answers(&mut bench), [Answer::Code(0)]);

    bench.ask(Op::InterfaceDisconnect { scope: 1 });
    bench.send(Op::InterfaceConnect { scope: 1 });
    assert_eq!(answers(&mut bench), []);
    net.fails(Error::DHCP_FAILURE);
    assert_eq!(answers(&mut bench), [failed(Error::DHCP_FAILURE)]);

    bench.ask(Op::InterfaceDisconnect { scope: 1 });
    assert_eq!(
        bench.ask(Op::InterfaceSetBlocking { blocking: false }),
        Answer::Code(0)
    );
    assert_eq!(
        bench.ask(Op::InterfaceConnect { scope: 1 }),
        Answer::Code(0)
    );
    assert_eq!(
        bench.ask(Op::InterfaceConnect { scope: 1 }),
        failed(Error::BUSY)
    );
}

#[test]
fn a_waiting_connect_ends_with_its_scope() {
    let (mut bench, script) = with_script();
    bench.ask(Op::InterfaceDisconnect { scope: 1 });
    bench.send(Op::InterfaceConnect { scope: 1 });
    assert_eq!(answers(&mut bench), []);
    assert!(matches!(
        bench.ask(Op::EndScope { scope: 1 }),
        Answer::Scope(report) if report.calls == 1
    ));
    script.net.becomes(Status::GlobalUp);
    assert_eq!(answers(&mut bench), []);
}

#[test]
fn properties_come_as_the_port_has_them() {
    let (mut bench, script) = with_script();
    let mut get = |what| bench.ask(Op::InterfaceGet { what });
    assert_eq!(get(Property::Address), UP);
    let unsupported = Answer::Peer {
        code: Error::UNSUPPORTED.code(),
        peer: None,
    };
    for what in [Property::Netmask, Property::Gateway, Property::LinkLocal] {
        assert_eq!(get(what), unsupported);
    }
    let bytes = |data| Answer::Bytes {
        code: 6,
        data: { data },
    };
    assert_eq!(get(Property::Mac), bytes(&[2, 0, 0, 0, 0, 7]));
    let null = Answer::Bytes {
        code: -1,
        data: &[],
    };
    assert_eq!(get(Property::Hostname), null);
    assert_eq!(
        get(Property::Name),
        Answer::Bytes {
            code: 3,
            data: b"en0"
        }
    );
    let name = "board1";
    assert_eq!(
        bench.ask(Op::InterfaceSetHostname { name }),
        Answer::Code(0)
    );
    let what = Property::Hostname;
    assert_eq!(bench.ask(Op::InterfaceGet { what }), bytes(b"board1"));
    assert_eq!(*script.net.hostname.borrow(), name);
    // The length is judged by nobody but the port.
    let name = &"x".repeat(64);
    assert_eq!(
        bench.ask(Op::InterfaceSetHostname { name }),
        Answer::Code(0)
    );
    assert_eq!(bench.ask(Op::InterfaceGet { what }), null);
}

#[test]
fn a_hardware_address_has_six_bytes() {
    let (mut bench, _) = with_script();
    let mut set = |mac| bench.ask(Op::InterfaceSetMac { mac });
    assert_eq!(set(&[2, 0, 0, 0, 1]), failed(Error::PARAMETER));
    assert_eq!(set(&[2, 0, 0, 0, 0, 1]), failed(Error::BUSY));
}

#[test]
fn listeners_count_once_and_go_with_their_scope() {
    let (mut bench, script) = with_script();
    let net = script.net;
    let own = net.listeners();
    let add = |scope, counter| Op::InterfaceListener {
        scope,
        counter,
        add: true,
    };
    assert_eq!(bench.ask(add(1, 3)), Answer::Code(0));
    assert_eq!(bench.ask(add(2, 4)), Answer::Code(0));
    net.becomes(Status::Connecting);
    assert_eq!(bench.ask(add(1, 3)), Answer::Code(0));
    net.becomes(Status::GlobalUp);
    let count = |bench: &mut Bench<Script>, counter| bench.ask(Op::ResetCounter { counter });
    assert_eq!(count(&mut bench, 3), Answer::Code(2));
    assert_eq!(count(&mut bench, 4), Answer::Code(2));
    let remove = Op::InterfaceListener {
        scope: 1,
        counter: 3,
        add: false,
    };
    assert_eq!(bench.ask(remove), Answer::Code(0));
    let attach = |counter| Op::InterfaceAttach { scope: 2, counter };
    assert_eq!(bench.ask(attach(Some(5))), Answer::Code(0));
    net.becomes(Status::Connecting);
    assert_eq!(count(&mut bench, 3), Answer::Code(0));
    assert_eq!(count(&mut bench, 5), Answer::Code(1));
    assert_eq!(bench.ask(attach(None)), Answer::Code(0));
    assert_eq!(bench.ask(attach(Some(5))), Answer::Code(0));
    assert_eq!(net.listeners(), own + 2);
    bench.ask(Op::EndScope { scope: 2 });
    assert_eq!(net.listeners(), own);
    net.becomes(Status::GlobalUp);
    assert_eq!(count(&mut bench, 4), Answer::Code(0));
    assert_eq!(
        bench.ask(add(1, 16)),
        Answer::Rejected(nsapi_protocol::Reject::Limit)
    );
}

#[test]
fn what_the_interface_tells_is_written_down_in_order() {
    let (mut bench, script) = with_script();
    recorded(&mut bench, true);
    script.now_us.set(5_000_000);
    script.net.becomes(Status::Connecting);
    script.net.becomes(Status::GlobalUp);
    let told: Vec<_> = bench.run();
    assert!(told.contains(&FromAgent::Event(Event::Status(1))));
    script.net.becomes(Status::Disconnected);
    let expected = [(0, 3), (0, 1), (0, 2)];
    assert_eq!(recorded(&mut bench, false), (3, expected.into()));
    assert_eq!(recorded(&mut bench, true), (3, expected.into()));
    assert_eq!(recorded(&mut bench, false), (0, Vec::new()));
    for round in 0..40 {
        script.net.becomes(Status::Connecting);
        script.net.becomes(Status::GlobalUp);
        if round % 4 == 0 {
            bench.run();
        }
    }
    let (total, newest) = recorded(&mut bench, true);
    assert_eq!((total, newest.len()), (80, 32));
    for _ in 0..20 {
        script.net.becomes(Status::Connecting);
    }
    assert_eq!(recorded(&mut bench, true).0, 20, "none goes uncounted");
}

#[test]
fn a_status_is_waited_for_in_time() {
    let (mut bench, script) = with_script();
    let wait = |statuses| Op::AwaitStatus {
        scope: 1,
        statuses,
        timeout_ms: 100,
    };
    assert_eq!(bench.ask(wait(1 << 1)), Answer::Code(1));
    bench.send(wait(1 << 2 | 1 << 3));
    assert_eq!(answers(&mut bench), []);
    script.net.becomes(Status::Connecting);
    assert_eq!(answers(&mut bench), [Answer::Code(3)]);
    bench.send(wait(1 << 1));
    assert_eq!(answers(&mut bench), []);
    script.now_us.set(script.now_us.get() + 100_000);
    assert_eq!(answers(&mut bench), [Answer::Code(3)]);
}

#[test]
fn a_reset_brings_the_defaults_back() {
    let (mut bench, script) = with_script();
    let net = script.net;
    let own = net.listeners();
    let change = |bench: &mut Bench<Script>| {
        bench.ask(Op::InterfaceSetDhcp { on: false });
        bench.ask(Op::InterfaceSetHostname { name: "other" });
        bench.ask(Op::InterfaceSetBlocking { blocking: false });
        bench.ask(Op::InterfaceListener {
            scope: 1,
            counter: 0,
            add: true,
        });
    };
    change(&mut bench);
    net.lingers.set(true);
    bench.send(Op::InterfaceReset { timeout_ms: 1000 });
    assert_eq!(answers(&mut bench), [], "it waits until it is down");
    net.becomes(Status::Disconnected);
    net.lingers.set(false);
    assert_eq!(answers(&mut bench), [], "it waits until it is up");
    net.becomes(Status::GlobalUp);
    assert_eq!(answers(&mut bench), [UP]);
    assert!(net.dhcp.get() && net.hostname.borrow().is_empty());
    assert_eq!(net.listeners(), own);

    bench.send(Op::InterfaceReset { timeout_ms: 1000 });
    assert_eq!(answers(&mut bench), []);
    net.fails(Error::DHCP_FAILURE);
    let failed = |error: Error| Answer::Peer {
        code: error.code(),
        peer: None,
    };
    assert_eq!(answers(&mut bench), [failed(Error::DHCP_FAILURE)]);
    bench.send(Op::InterfaceReset { timeout_ms: 1000 });
    assert_eq!(answers(&mut bench), []);
    script.now_us.set(script.now_us.get() + 1_000_000);
    assert_eq!(answers(&mut bench), [failed(Error::TIMEOUT)]);

    // A runner that went away in the middle leaves it to the next session.
    net.becomes(Status::GlobalUp);
    change(&mut bench);
    bench.ask(Op::Hello {
        protocol: PROTOCOL,
        nonce: 2,
    });
    assert!(net.dhcp.get() && net.hostname.borrow().is_empty());
    assert_eq!(net.listeners(), own);
    let connect = Op::InterfaceConnect { scope: 1 };
    assert_eq!(
        bench.ask(connect),
        Answer::Code(Error::BUSY.code()),
        "it is on its way up"
    );
}
