//! Every row of the table against `vectors/*.txt`, which other languages test themselves with.
//!
//! `BLESS=1 cargo test -p nsapi-protocol` rewrites the files. An old line never changes while
//! [`crate::PROTOCOL`] stays.

use std::format;
use std::path::Path;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{env, fs};

use proptest::prelude::*;

use super::*;
use crate::PROTOCOL;
use crate::frame::{Deframer, MAX_BODY, MAX_FRAME, encode};

const V4: Address = Address::V4([10, 0, 2, 2], 7);
const V6: Address = Address::V6(
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    65535,
);
const BYTES: Payload<'_> = Payload::Bytes(&[0, 1, 0xff]);
const PATTERN: Payload<'_> = Payload::Pattern { seed: 7, len: 2048 };

fn ops() -> Vec<Op<'static>> {
    let then = Then::AwaitSigio(1000);
    std::vec![
        Op::Hello {
            protocol: PROTOCOL,
            nonce: 0x0123_4567_89ab_cdef
        },
        Op::Ping,
        Op::EndScope { scope: 300 },
        Op::New {
            scope: 1,
            handle: 2,
            kind: Kind::Tcp,
            open: true
        },
        Op::New {
            scope: 1,
            handle: 2,
            kind: Kind::Udp,
            open: false
        },
        Op::New {
            scope: 1,
            handle: 2,
            kind: Kind::TcpServer,
            open: true
        },
        Op::Delete { handle: 2 },
        Op::Open {
            handle: 2,
            null: true
        },
        Op::Close { handle: 2 },
        Op::Bind {
            handle: 2,
            address: Address::Unset(8080)
        },
        Op::Listen {
            handle: 2,
            backlog: -1
        },
        Op::Accept {
            handle: 2,
            child: 3
        },
        Op::Connect {
            handle: 2,
            address: V4
        },
        Op::Send {
            handle: 2,
            data: BYTES
        },
        Op::Recv {
            handle: 2,
            size: 512
        },
        Op::SendTo {
            handle: 2,
            address: V6,
            data: PATTERN
        },
        Op::RecvFrom {
            handle: 2,
            size: 64,
            null_address: true
        },
        Op::RecvPattern {
            handle: 2,
            size: 2048,
            seed: 7,
            offset: 4096
        },
        Op::Source {
            handle: 2,
            total: 100_000,
            chunk: 1024,
            seed: 7,
            then: Then::Stop
        },
        Op::Sink {
            handle: 2,
            total: u32::MAX,
            chunk: 1024,
            seed: 7,
            then
        },
        Op::SetBlocking {
            handle: 2,
            blocking: false
        },
        Op::SetTimeout {
            handle: 2,
            timeout_ms: -1
        },
        Op::Sigio {
            handle: 2,
            counter: Some(5)
        },
        Op::Sigio {
            handle: 2,
            counter: None
        },
        Op::AwaitCounter {
            scope: 1,
            counter: 5,
            at_least: 1,
            timeout_ms: 1000
        },
        Op::ResetCounter { counter: 5 },
        Op::SetOption {
            handle: 2,
            level: 7000,
            name: 1,
            value: &[1, 0, 0, 0]
        },
        Op::GetOption {
            handle: 2,
            level: 7000,
            name: 1,
            size: 4
        },
        Op::GetPeerName { handle: 2 },
        Op::Multicast {
            handle: 2,
            join: true,
            group: Address::V4([224, 0, 0, 251], 0)
        },
        Op::ControlData { handle: 2 },
        Op::ParseAddress { text: "1.2.3.4" },
        Op::FormatAddress { address: V6 },
        Op::InterfaceUp { timeout_ms: 10_000 },
        Op::InterfaceStatus,
        Op::InterfaceAddress,
        Op::LegacyBind {
            handle: 2,
            host: "10.0.2.15",
            port: 7
        },
        Op::LegacyConnect {
            handle: 2,
            host: "10.0.2.2",
            port: 7
        },
        Op::LegacySendTo {
            handle: 2,
            host: "10.0.2.2",
            port: 7,
            data: BYTES
        },
        Op::LegacyAccept { server: 2, into: 3 },
        Op::Load {
            data: &[0, 1, 0xff],
            size: 512
        },
        Op::InterfaceConnect { scope: 1 },
        Op::InterfaceDisconnect { scope: 1 },
        Op::InterfaceSetBlocking { blocking: false },
        Op::InterfaceGet {
            what: Property::Address
        },
        Op::InterfaceGet {
            what: Property::Netmask
        },
        Op::InterfaceGet {
            what: Property::Gateway
        },
        Op::InterfaceGet {
            what: Property::LinkLocal
        },
        Op::InterfaceGet {
            what: Property::Mac
        },
        Op::InterfaceGet {
            what: Property::Hostname
        },
        Op::InterfaceGet {
            what: Property::Name
        },
        Op::InterfaceSetNetwork {
            ip: Address::V4([192, 0, 2, 2], 0),
            netmask: Address::V4([255, 255, 255, 0], 0),
            gateway: Address::Unset(0)
        },
        Op::InterfaceSetDhcp { on: false },
        Op::InterfaceSetMac {
            mac: &[2, 0, 0, 0, 1]
        },
        Op::InterfaceSetHostname { name: "board" },
        Op::InterfaceSetAsDefault,
        Op::InterfaceListener {
            scope: 1,
            counter: 5,
            add: true
        },
        Op::InterfaceAttach {
            scope: 1,
            counter: Some(5)
        },
        Op::InterfaceAttach {
            scope: 1,
            counter: None
        },
        Op::InterfaceEvents { clear: true },
        Op::AwaitStatus {
            scope: 1,
            statuses: 0b0110,
            timeout_ms: 1000
        },
        Op::InterfaceReset { timeout_ms: 10_000 },
        Op::Restart,
        Op::SetStackOption {
            level: 5000,
            name: 0,
            value: &[0xdc, 5, 0, 0]
        },
        Op::GetStackOption {
            level: 5000,
            name: 0,
            size: 4
        },
        Op::InterfaceGet {
            what: Property::Ipv6Address
        },
        Op::Resolve {
            scope: 1,
            family: Family::V4,
            name: "host.test"
        },
        Op::AddDnsServer { address: V4 },
        Op::Crash {
            how: CrashKind::BusFault
        },
        Op::Crash {
            how: CrashKind::UndefinedInstruction
        },
        Op::Crash {
            how: CrashKind::StackOverflow
        },
        Op::Crash {
            how: CrashKind::Panic
        },
        Op::Crash {
            how: CrashKind::Loop
        },
        Op::Crash {
            how: CrashKind::Lockup
        },
    ]
}

fn answers() -> Vec<Answer<'static>> {
    let limits = Limits {
        tcp_sockets: 8,
        udp_sockets: 6,
        sockets: 12,
        backlog: 8,
        udp_payload: 1472,
        udp_queue: 8,
        tcp_send_buffer: 4096,
        connect_timeout_ms: 3000,
    };
    let hello = Hello {
        protocol: PROTOCOL,
        nonce: 0x0123_4567_89ab_cdef,
        board: "native-null",
        port: "null",
        build_id: &[0xde, 0xad, 0xbe, 0xef],
        boot: 1,
        capabilities: 0x07cf,
        options: 0x2003,
        ip: true,
        max_frame: 576,
        credits: 8,
        lanes: 6,
        counters: 16,
        max_inline: 512,
        max_io: 2048,
        limits,
        beacon: None,
    };
    let beacon = Beacon {
        kind: "panic",
        pc: 0x1234,
        lr: 0x5678,
        cfsr: 0x8200,
        message: "boom",
        returns: &[0x10, 0x32, 0x00, 0x00, 0x54, 0x76, 0x01, 0x00],
    };
    let bulk = BulkReport {
        code: -3001,
        bytes: 70_000,
        calls: 70,
        would_block: 1,
        mismatch_at: Some(5),
        oversize: false,
    };
    let mut answers = std::vec![
        Answer::Code(0),
        Answer::Code(-3001),
        Answer::Hello(hello),
        Answer::Hello(Hello {
            beacon: Some(beacon),
            ..hello
        }),
        Answer::Bytes {
            code: 3,
            data: &[0, 1, 0xff]
        },
        Answer::Datagram {
            code: 1,
            from: Some(V4),
            data: &[0]
        },
        Answer::Datagram {
            code: -3005,
            from: None,
            data: &[]
        },
        Answer::Peer {
            code: 0,
            peer: Some(V6)
        },
        Answer::Peer {
            code: -3004,
            peer: None
        },
        Answer::Bulk(bulk),
        Answer::Scope(ScopeReport {
            open: 1,
            calls: 2,
            jitter_us: 300
        }),
    ];
    let rejects = [
        Reject::NoSession,
        Reject::Handle,
        Reject::Lanes,
        Reject::Limit,
        Reject::Unclaimed,
        Reject::Kind,
        Reject::Forgotten,
    ];
    answers.extend(rejects.map(Answer::Rejected));
    answers
}

fn events() -> Vec<Event<'static>> {
    std::vec![
        Event::Boot {
            boot: 0xffff_ffff,
            crashed: true
        },
        Event::Working { id: 300 },
        Event::Status(1),
        Event::Log("link up"),
    ]
}

/// Compares lines of frame and meaning with a file, or writes it.
fn check(file: &str, head: &str, lines: &[(Vec<u8>, String)]) {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let mut text =
        format!("# {head}\n# One per line: the bytes in hexadecimal, a blank, what they mean.\n");
    for (frame, meaning) in lines {
        text += &format!("{} {meaning}\n", hex(frame));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(file);
    if env::var_os("BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    for (found, wanted) in found.lines().zip(text.lines()) {
        assert_eq!(found, wanted, "{}", path.display());
    }
    assert_eq!(found, text, "{}", path.display());
}

/// Encodes, decodes, compares; returns the frame.
fn there_and_back<'f, T>(message: &T, frame: &'f mut [u8]) -> &'f [u8]
where
    T: Serialize + PartialEq + core::fmt::Debug + for<'d> Deserializable<'d>,
{
    let frame = encode(message, frame).unwrap();
    assert!(frame.len() <= MAX_FRAME);
    T::same_after(message, frame);
    frame
}

/// Comparison of a message with what a frame holds, for types that borrow.
trait Deserializable<'d> {
    fn same_after(&self, frame: &[u8]);
}

macro_rules! deserializable {
    ($($type:ident),+) => {$(
        impl Deserializable<'_> for $type<'_> {
            fn same_after(&self, mut frame: &[u8]) {
                let mut deframer = Deframer::<MAX_FRAME>::new();
                assert_eq!(deframer.next::<$type<'_>>(&mut frame), Some(Ok(*self)));
            }
        }
    )+};
}

deserializable!(Request, FromAgent);

#[test]
fn requests_are_as_ever() {
    let line = |(id, op)| {
        let request = Request { id, op };
        let mut frame = [0; MAX_FRAME];
        (
            there_and_back(&request, &mut frame).to_vec(),
            format!("{request:?}"),
        )
    };
    let lines: Vec<_> = (1..).zip(ops()).map(line).collect();
    check(
        "requests.txt",
        "Requests of protocol 2, towards the agent, as frames.",
        &lines,
    );
}

#[test]
fn messages_from_the_agent_are_as_ever() {
    let replies = (1..).zip(answers()).map(|(id, answer)| {
        FromAgent::Reply(Reply {
            id,
            elapsed_us: 1500,
            answer,
        })
    });
    let messages = replies.chain(events().into_iter().map(FromAgent::Event));
    let line = |message: FromAgent<'static>| {
        let mut frame = [0; MAX_FRAME];
        (
            there_and_back(&message, &mut frame).to_vec(),
            format!("{message:?}"),
        )
    };
    let lines: Vec<_> = messages.map(line).collect();
    check(
        "from-agent.txt",
        "Messages of protocol 2, towards the runner, as frames.",
        &lines,
    );
}

#[test]
fn patterns_are_as_ever() {
    let line = |(seed, offset): (u32, u64)| {
        let mut bytes = [0; 24];
        crate::pattern::Pattern::new(seed).fill(offset, &mut bytes);
        (
            bytes.to_vec(),
            format!("seed {seed}, bytes from number {offset} on"),
        )
    };
    let rows = [
        (0, 0),
        (1, 0),
        (u32::MAX, 0),
        (7, 1),
        (7, 4094),
        (7, 4_294_967_295),
    ];
    check(
        "patterns.txt",
        "Patterns: bytes that are not sent but made and checked on both sides.",
        &rows.map(line),
    );
}

/// The numbers of the rows present, and one past the last row, which nobody must understand.
fn all_rows<'d, T: Deserialize<'d>>(
    numbers: impl Iterator<Item = u8>,
    bytes: &'d mut [u8],
    at: usize,
) {
    let mut numbers: Vec<u8> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    let count = u8::try_from(numbers.len()).unwrap();
    assert_eq!(numbers, (0..count).collect::<Vec<_>>());
    bytes[at] = count;
    assert!(
        postcard::take_from_bytes::<T>(bytes).is_err(),
        "row {count} has no vector"
    );
}

fn body<T: Serialize>(message: &T) -> [u8; MAX_BODY] {
    let mut body = [0; MAX_BODY];
    postcard::to_slice(message, &mut body).unwrap();
    body
}

#[test]
fn no_row_is_missing() {
    let numbers = ops().into_iter().map(|op| body(&op)[0]);
    all_rows::<Op<'_>>(numbers, &mut [0; MAX_BODY], 0);
    let numbers = answers().into_iter().map(|answer| body(&answer)[0]);
    all_rows::<Answer<'_>>(numbers, &mut [0; MAX_BODY], 0);
    let numbers = events().into_iter().map(|event| body(&event)[0]);
    all_rows::<Event<'_>>(numbers, &mut [0; MAX_BODY], 0);
}

/// The first word of a value's debug text: the name of its variant.
fn name(value: &dyn core::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_string()
}

#[test]
fn the_document_has_every_row() {
    let document = include_str!("../../../../docs/src/protocol.md");
    let rows = ops().into_iter().map(|op| (body(&op)[0], name(&op)));
    let rows = rows.chain(
        answers()
            .into_iter()
            .map(|answer| (body(&answer)[0], name(&answer))),
    );
    let rows = rows.chain(
        events()
            .into_iter()
            .map(|event| (body(&event)[0], name(&event))),
    );
    for (number, name) in rows {
        let row = format!("| {number} | `{name}");
        assert!(document.contains(&row), "protocol.md lacks {row}");
    }
}

#[test]
fn the_largest_reply_fits() {
    let data = &[0; 512];
    let answer = Answer::Datagram {
        code: i32::MIN,
        from: Some(V6),
        data,
    };
    let reply = FromAgent::Reply(Reply {
        id: u16::MAX,
        elapsed_us: u32::MAX,
        answer,
    });
    let mut frame = [0; MAX_FRAME];
    assert!(encode(&reply, &mut frame).unwrap().len() <= MAX_FRAME);
    let text = "x".repeat(480).to_string();
    let data = Payload::Bytes(&[0; 32]);
    let op = Op::LegacySendTo {
        handle: u16::MAX,
        host: &text,
        port: u16::MAX,
        data,
    };
    assert!(encode(&Request { id: u16::MAX, op }, &mut frame).is_ok());
}

#[test]
fn events_of_the_interface_come_back() {
    let events = [
        InterfaceEvent {
            event: 0,
            value: 3,
            at_ms: 4_000_000_000,
        },
        InterfaceEvent {
            event: 0x1006,
            value: -3002,
            at_ms: 7,
        },
    ];
    let mut bytes = events.map(InterfaceEvent::to_bytes).concat();
    bytes.push(9);
    assert!(InterfaceEvent::all(&bytes).eq(events));
}

#[test]
fn return_addresses_are_words() {
    let beacon = Beacon {
        kind: "",
        pc: 0,
        lr: 0,
        cfsr: 0,
        message: "",
        returns: &[1, 2, 3, 4, 0xff, 0, 0, 0, 9],
    };
    assert!(beacon.return_addresses().eq([0x0403_0201, 0xff]));
}

proptest! {
    /// Whatever decodes is understood: written again it means the same.
    #[test]
    fn what_decodes_encodes_again(mut bytes in prop::collection::vec(prop_oneof![0_u8..60, any::<u8>()], 1..60)) {
        if let Ok((request, _)) = postcard::take_from_bytes::<Request<'_>>(&bytes) {
            there_and_back(&request, &mut [0; MAX_FRAME]);
        }
        bytes[0] &= 1;
        if let Ok((message, _)) = postcard::take_from_bytes::<FromAgent<'_>>(&bytes) {
            there_and_back(&message, &mut [0; MAX_FRAME]);
        }
    }
}
