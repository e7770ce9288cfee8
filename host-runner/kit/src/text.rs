//! Values as people read them: codes by name, bytes as text or hex, requests as calls.
//!
//! Must not: decide anything.

use core::fmt::Write as _;
use core::time::Duration;

use nsapi::{IpAddress, SocketAddress, strerror};
use nsapi_protocol::message::{Handle, Property};
use nsapi_protocol::{Address, BulkReport, CrashKind, Event, Op, Payload};

use crate::dut::Returned;

/// Code of a null pointer in place of bytes.
pub(crate) const NULL: i32 = -1;

/// Bytes shown of a longer buffer.
const SHOWN: usize = 24;

/// A code by its name, a size as a number.
#[must_use]
pub fn code(code: i32) -> String {
    match strerror(code) {
        Some("OK") => "OK".into(),
        Some(name) => format!("{name} ({code})"),
        None if code < 0 => format!("unknown code {code}"),
        None => code.to_string(),
    }
}

/// A status of the interface by its name, an error by its own.
#[must_use]
pub fn status(status: i32) -> String {
    match status {
        0 => "LOCAL_UP".into(),
        1 => "GLOBAL_UP".into(),
        2 => "DISCONNECTED".into(),
        3 => "CONNECTING".into(),
        other => code(other),
    }
}

/// Bytes: their number, and text or hexadecimal digits of the first ones.
#[must_use]
pub fn bytes(data: &[u8]) -> String {
    let head = &data[..data.len().min(SHOWN)];
    let rest = if data.len() > SHOWN { "…" } else { "" };
    let shown = match core::str::from_utf8(head) {
        Ok(text) if !text.chars().any(char::is_control) => format!("{text:?}{rest}"),
        _ => {
            let mut hex = String::new();
            for byte in head {
                let _ = write!(hex, "{byte:02x}");
            }
            format!("{hex}{rest}")
        }
    };
    match data.len() {
        0 => "no bytes".into(),
        1 => format!("1 byte {shown}"),
        n => format!("{n} bytes {shown}"),
    }
}

/// An address and port.
#[must_use]
pub fn address(address: SocketAddress) -> String {
    match address.ip {
        IpAddress::Unspec => format!("*:{}", address.port),
        IpAddress::V4(ip) => format!("{}:{}", core::net::Ipv4Addr::from(ip), address.port),
        IpAddress::V6(ip) => format!("[{}]:{}", core::net::Ipv6Addr::from(ip), address.port),
    }
}

/// A duration with a unit that suits it.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 10.0 {
        format!("{ms:.1} ms")
    } else if ms < 10_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.1} s", ms / 1e3)
    }
}

fn payload(payload: &Payload<'_>) -> String {
    match payload {
        Payload::Bytes(data) => bytes(data),
        Payload::Pattern { seed, len } => format!("{len} bytes of pattern {seed:#x}"),
    }
}

/// A request as a call; `name` names a handle.
#[must_use]
pub fn op(op: &Op<'_>, name: impl Fn(Handle) -> String) -> String {
    let at = |a: &Address| address((*a).into());
    match op {
        Op::Hello { protocol, nonce } => format!("hello protocol {protocol} nonce {nonce:#x}"),
        Op::Ping => "ping".into(),
        Op::EndScope { scope } => format!("end scope {scope}"),
        Op::New { handle, open, .. } => {
            format!("new {}{}", name(*handle), if *open { ", open" } else { "" })
        }
        Op::Delete { handle } => format!("delete {}", name(*handle)),
        Op::Open {
            handle,
            null: false,
        } => format!("open {}", name(*handle)),
        Op::Open { handle, null: true } => format!("open {} on a null stack", name(*handle)),
        Op::Close { handle } => format!("close {}", name(*handle)),
        Op::Bind { handle, address } => format!("bind {} to {}", name(*handle), at(address)),
        Op::Listen { handle, backlog } => format!("listen({backlog}) on {}", name(*handle)),
        Op::Accept { handle, child } => format!("accept on {} as {}", name(*handle), name(*child)),
        Op::Connect { handle, address } => format!("connect {} to {}", name(*handle), at(address)),
        Op::Send { handle, data } => format!("send {} on {}", payload(data), name(*handle)),
        Op::Recv { handle, size } => format!("recv({size}) on {}", name(*handle)),
        Op::SendTo {
            handle,
            address,
            data,
        } => {
            format!(
                "sendto {} {} on {}",
                at(address),
                payload(data),
                name(*handle)
            )
        }
        Op::RecvFrom {
            handle,
            size,
            null_address,
        } => {
            format!(
                "recvfrom({size}{}) on {}",
                if *null_address { ", null" } else { "" },
                name(*handle)
            )
        }
        Op::RecvPattern {
            handle,
            size,
            seed,
            offset,
        } => {
            format!(
                "recv({size}) of pattern {seed:#x} from {offset} on {}",
                name(*handle)
            )
        }
        Op::Source {
            handle,
            total,
            chunk,
            seed,
            ..
        } => {
            format!(
                "send {total} bytes of pattern {seed:#x} in {chunk}s on {}",
                name(*handle)
            )
        }
        Op::Sink {
            handle,
            total,
            chunk,
            seed,
            ..
        } => {
            format!(
                "recv {total} bytes of pattern {seed:#x} in {chunk}s on {}",
                name(*handle)
            )
        }
        Op::SetBlocking { handle, blocking } => {
            format!("set_blocking({blocking}) on {}", name(*handle))
        }
        Op::SetTimeout { handle, timeout_ms } => {
            format!("set_timeout({timeout_ms}) on {}", name(*handle))
        }
        Op::Sigio {
            handle,
            counter: Some(counter),
        } => {
            format!("sigio(counter {counter}) on {}", name(*handle))
        }
        Op::Sigio {
            handle,
            counter: None,
        } => format!("sigio(null) on {}", name(*handle)),
        Op::AwaitCounter {
            counter,
            at_least,
            timeout_ms,
            ..
        } => {
            format!("wait up to {timeout_ms} ms for counter {counter} to reach {at_least}")
        }
        Op::ResetCounter { counter } => format!("zero counter {counter}"),
        Op::SetOption {
            handle,
            level,
            name: option,
            value,
        } => {
            format!(
                "setsockopt({level}, {option}, {}) on {}",
                bytes(value),
                name(*handle)
            )
        }
        Op::GetOption {
            handle,
            level,
            name: option,
            size,
        } => {
            format!(
                "getsockopt({level}, {option}, size {size}) on {}",
                name(*handle)
            )
        }
        Op::GetPeerName { handle } => format!("getpeername on {}", name(*handle)),
        Op::Multicast {
            handle,
            join,
            group,
        } => {
            format!(
                "{} {} on {}",
                if *join { "join" } else { "leave" },
                at(group),
                name(*handle)
            )
        }
        Op::ControlData { handle } => format!("sendto_control on {}", name(*handle)),
        Op::ParseAddress { text } => format!("set_ip_address({text:?})"),
        Op::FormatAddress { address } => format!("get_ip_address of {}", at(address)),
        Op::LegacyBind { handle, host, port } => {
            format!("bind {} to text {host:?}:{port}", name(*handle))
        }
        Op::LegacyConnect { handle, host, port } => {
            format!("connect {} to text {host:?}:{port}", name(*handle))
        }
        Op::LegacySendTo {
            handle,
            host,
            port,
            data,
        } => {
            format!(
                "sendto text {host:?}:{port} {} on {}",
                payload(data),
                name(*handle)
            )
        }
        Op::LegacyAccept { server, into } => {
            format!("accept on {} into {}", name(*server), name(*into))
        }
        Op::SetStackOption { level, name, value } => {
            format!("setstackopt({level}, {name}, {})", bytes(value))
        }
        Op::GetStackOption { level, name, size } => {
            format!("getstackopt({level}, {name}, size {size})")
        }
        Op::Resolve { family, name, .. } => format!("gethostbyname({name:?}, {family:?})"),
        Op::AddDnsServer { address } => format!("add_dns_server({})", ip(address)),
        Op::Restart => "restart".into(),
        Op::Crash { how } => format!("crash: {}", crash(*how)),
        Op::InterfaceUp { .. }
        | Op::InterfaceStatus
        | Op::InterfaceAddress
        | Op::InterfaceConnect { .. }
        | Op::InterfaceDisconnect { .. }
        | Op::InterfaceSetBlocking { .. }
        | Op::InterfaceGet { .. }
        | Op::InterfaceSetNetwork { .. }
        | Op::InterfaceSetDhcp { .. }
        | Op::InterfaceSetMac { .. }
        | Op::InterfaceSetHostname { .. }
        | Op::InterfaceSetAsDefault
        | Op::InterfaceListener { .. }
        | Op::InterfaceAttach { .. }
        | Op::InterfaceEvents { .. }
        | Op::AwaitStatus { .. }
        | Op::InterfaceReset { .. } => interface(op),
        Op::Load { data, size } => format!("load: {} bytes there, {size} back", data.len()),
    }
}

/// A request to the interface as a call.
fn interface(op: &Op<'_>) -> String {
    let call = match op {
        Op::InterfaceUp { timeout_ms } => format!("up within {timeout_ms} ms"),
        Op::InterfaceStatus => "get_connection_status".into(),
        Op::InterfaceAddress => "get_ip_address".into(),
        Op::InterfaceConnect { .. } => "connect".into(),
        Op::InterfaceDisconnect { .. } => "disconnect".into(),
        Op::InterfaceSetBlocking { blocking } => format!("set_blocking({blocking})"),
        Op::InterfaceGet { what } => match what {
            Property::Address => "get_ip_address",
            Property::Netmask => "get_netmask",
            Property::Gateway => "get_gateway",
            Property::LinkLocal => "get_ipv6_link_local_address",
            Property::Mac => "get_mac_address",
            Property::Hostname => "get_hostname",
            Property::Name => "get_interface_name",
            Property::Ipv6Address => "global IPv6 address",
        }
        .into(),
        Op::InterfaceSetNetwork {
            ip: own,
            netmask,
            gateway,
        } => {
            format!("set_network({}, {}, {})", ip(own), ip(netmask), ip(gateway))
        }
        Op::InterfaceSetDhcp { on } => format!("set_dhcp({on})"),
        Op::InterfaceSetMac { mac } => format!("set_mac_address({})", bytes(mac)),
        Op::InterfaceSetHostname { name } => format!("set_hostname({name:?})"),
        Op::InterfaceSetAsDefault => "set_as_default".into(),
        Op::InterfaceListener {
            counter, add: true, ..
        } => format!("add_event_listener(counter {counter})"),
        Op::InterfaceListener {
            counter,
            add: false,
            ..
        } => format!("remove_event_listener(counter {counter})"),
        Op::InterfaceAttach {
            counter: Some(counter),
            ..
        } => format!("attach(counter {counter})"),
        Op::InterfaceAttach { counter: None, .. } => "attach(null)".into(),
        Op::InterfaceEvents { clear: false } => "events so far".into(),
        Op::InterfaceEvents { clear: true } => "events so far, and forget them".into(),
        Op::AwaitStatus {
            statuses,
            timeout_ms,
            ..
        } => {
            let names = (0..4).filter(|n| statuses & (1 << n) != 0).map(status);
            let names: Vec<String> = names.collect();
            format!("wait up to {timeout_ms} ms for {}", names.join(" or "))
        }
        Op::InterfaceReset { timeout_ms } => format!("reset within {timeout_ms} ms"),
        other => format!("{other:?}"),
    };
    format!("{call} on the interface")
}

/// An address of the link without its port.
fn ip(address: &Address) -> String {
    match address {
        Address::Unset(_) => "*".into(),
        Address::V4(ip, _) => core::net::Ipv4Addr::from(*ip).to_string(),
        Address::V6(ip, _) => core::net::Ipv6Addr::from(*ip).to_string(),
    }
}

fn bulk(report: &BulkReport) -> String {
    let mut text = format!(
        "{} bytes in {} calls, last answer {}",
        report.bytes,
        report.calls,
        code(report.code)
    );
    if report.would_block > 0 {
        let _ = write!(text, ", {} times WOULD_BLOCK", report.would_block);
    }
    if let Some(at) = report.mismatch_at {
        let _ = write!(text, ", wrong byte at {at}");
    }
    if report.oversize {
        text += ", a call returned more than it was given";
    }
    text
}

/// What came out of a call.
#[must_use]
pub fn returned(returned: &Returned) -> String {
    match returned {
        Returned::Code(c) => code(*c),
        Returned::Hello(hello) => format!(
            "hello from {} with {} (boot {:#x}, protocol {})",
            hello.board, hello.port, hello.boot, hello.protocol
        ),
        Returned::Bytes { code: c, data } => received(*c, data),
        Returned::Datagram {
            code: c,
            from: Some(from),
            data,
        } => {
            format!("{} from {}", received(*c, data), address(*from))
        }
        Returned::Datagram {
            code: c,
            from: None,
            data,
        } => received(*c, data),
        Returned::Peer {
            code: c,
            peer: Some(peer),
        } => format!("{}, peer {}", code(*c), address(*peer)),
        Returned::Peer {
            code: c,
            peer: None,
        } => format!("{}, no peer", code(*c)),
        Returned::Bulk(report) => bulk(report),
        Returned::Scope(report) => format!(
            "{} sockets and {} calls left, jitter {} µs",
            report.open, report.calls, report.jitter_us
        ),
        Returned::Rejected(reason) => format!("rejected: {reason:?}"),
    }
}

/// A receive: the code, and the bytes if there are any.
#[must_use]
pub fn received(answer: i32, data: &[u8]) -> String {
    match answer {
        0 => return "0".into(),
        NULL => return "null".into(),
        ..0 => return code(answer),
        1.. => {}
    }
    if usize::try_from(answer) == Ok(data.len()) {
        bytes(data)
    } else {
        format!("size {answer} with {}", bytes(data))
    }
}

/// A way to break a board.
const fn crash(how: CrashKind) -> &'static str {
    match how {
        CrashKind::BusFault => "read an address where nothing is",
        CrashKind::UndefinedInstruction => "execute an undefined instruction",
        CrashKind::StackOverflow => "overflow the stack",
        CrashKind::Panic => "panic",
        CrashKind::Loop => "loop for ever",
        CrashKind::Lockup => "fault in the fault handler",
    }
}

/// An unsolicited message.
#[must_use]
pub fn event(event: &Event<'_>) -> String {
    match event {
        Event::Boot { boot, crashed } => {
            format!(
                "boot {boot:#x}{}",
                if *crashed { " after a fault" } else { "" }
            )
        }
        Event::Working { id } => format!("#{id} is still in flight"),
        Event::Status(number) => format!("interface status {}", status((*number).into())),
        Event::Log(line) => format!("log: {line}"),
    }
}
