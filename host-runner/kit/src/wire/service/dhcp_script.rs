//! What a DHCP server can be told to answer, and what it saw (RFC 2131, RFC 2132).

use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::sync::Arc;

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode, UnknownOption};
use dhcproto::{Decodable, Decoder, Encodable, Encoder};

use crate::wire::{Frame, Mac, Rewrite, WirePlan};

/// Smallest BOOTP message (RFC 1542 §2.1).
const MIN_MESSAGE: usize = 300;

/// Kind of a message from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DhcpKind {
    /// Is there a server?
    Discover,
    /// I want this address, or keep it.
    Request,
    /// Somebody else uses it.
    Decline,
    /// I need it no more.
    Release,
    /// I only want options.
    Inform,
}

/// A message of a client.
#[derive(Clone, PartialEq, Eq)]
pub struct DhcpSeen {
    /// When, on the cable.
    pub at: Duration,
    /// What it is.
    pub kind: DhcpKind,
    /// Transaction id.
    pub xid: u32,
    /// Seconds since it began, as it says.
    pub secs: u16,
    /// It asks for answers by broadcast.
    pub broadcast: bool,
    /// Address that it has already.
    pub ciaddr: Ipv4Addr,
    /// Hardware address that it gives.
    pub chaddr: Mac,
    /// Address that it wants (option 50).
    pub requested: Option<Ipv4Addr>,
    /// Server that it means (option 54).
    pub server: Option<Ipv4Addr>,
    /// Its name (option 12).
    pub hostname: Option<String>,
    /// Client identifier (option 61).
    pub client_id: Option<Vec<u8>>,
    /// Options that it asks for (option 55).
    pub wants: Vec<u8>,
    /// Where it sent the message.
    pub to: (Mac, Ipv4Addr),
    /// Where it sent it from.
    pub from: (Mac, Ipv4Addr),
    /// All of the message, as it came (UDP payload).
    pub bytes: Vec<u8>,
}

impl DhcpSeen {
    /// Reads the message of a client out of a frame.
    #[must_use]
    pub fn read(frame: &Frame) -> Option<Self> {
        let packet = frame.packet();
        let udp = packet.udp()?;
        let (Some(IpAddr::V4(from)), Some(IpAddr::V4(to))) = (packet.src_ip(), packet.dst_ip())
        else {
            return None;
        };
        // The library trusts the length of the hardware address.
        if udp.dst_port != 67 || udp.data.get(2).is_none_or(|&length| length > 16) {
            return None;
        }
        let message = Message::decode(&mut Decoder::new(udp.data)).ok()?;
        let options = message.opts();
        let kind = match options.msg_type()? {
            MessageType::Discover => DhcpKind::Discover,
            MessageType::Request => DhcpKind::Request,
            MessageType::Decline => DhcpKind::Decline,
            MessageType::Release => DhcpKind::Release,
            MessageType::Inform => DhcpKind::Inform,
            _ => return None,
        };
        Some(Self {
            at: frame.at,
            kind,
            xid: message.xid(),
            secs: message.secs(),
            broadcast: message.flags().broadcast(),
            ciaddr: message.ciaddr(),
            chaddr: Mac(message.chaddr().get(..6)?.try_into().ok()?),
            requested: match options.get(OptionCode::RequestedIpAddress) {
                Some(DhcpOption::RequestedIpAddress(ip)) => Some(*ip),
                _ => None,
            },
            server: match options.get(OptionCode::ServerIdentifier) {
                Some(DhcpOption::ServerIdentifier(ip)) => Some(*ip),
                _ => None,
            },
            hostname: match options.get(OptionCode::Hostname) {
                Some(DhcpOption::Hostname(name)) => Some(name.clone()),
                _ => None,
            },
            client_id: match options.get(OptionCode::ClientIdentifier) {
                Some(DhcpOption::ClientIdentifier(id)) => Some(id.clone()),
                _ => None,
            },
            wants: match options.get(OptionCode::ParameterRequestList) {
                Some(DhcpOption::ParameterRequestList(codes)) => {
                    codes.iter().map(|code| u8::from(*code)).collect()
                }
                _ => Vec::new(),
            },
            to: (packet.destination(), to),
            from: (packet.source(), from),
            bytes: udp.data.into(),
        })
    }

    /// Whether it asks to keep an address that it has: a request with `ciaddr` (RFC 2131 §4.3.2).
    #[must_use]
    pub fn is_renewal(&self) -> bool {
        self.kind == DhcpKind::Request && !self.ciaddr.is_unspecified()
    }
}

impl fmt::Debug for DhcpSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} xid {:#010x}", self.kind, self.xid)?;
        if !self.ciaddr.is_unspecified() {
            write!(f, " of {}", self.ciaddr)?;
        }
        if let Some(ip) = self.requested {
            write!(f, " for {ip}")?;
        }
        write!(f, " to {}", self.to.1)
    }
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// As the client asked for it (RFC 2131 §4.1).
    #[default]
    AsAsked,
    /// To the leased address and the client's hardware address, whatever it asked for.
    Unicast,
    /// To everybody, whatever it asked for.
    Broadcast,
}

/// What a server leases, and how it says so. Begin with [`Lease::standard`] and change what matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Bits of the network; `None` for no mask at all.
    pub prefix: Option<u8>,
    /// Routers (option 3).
    pub routers: Vec<Ipv4Addr>,
    /// DNS servers (option 6).
    pub dns: Vec<Ipv4Addr>,
    /// Lease time in seconds (option 51); `u32::MAX` is for ever, `None` leaves it out.
    pub seconds: Option<u32>,
    /// When to renew, in seconds (option 58); `None` leaves it to the client.
    pub t1: Option<u32>,
    /// When to ask anybody, in seconds (option 59); `None` leaves it to the client.
    pub t2: Option<u32>,
    /// Server identifier (option 54).
    pub server: Ipv4Addr,
    /// More options, number and value each.
    pub more: Vec<(u8, Vec<u8>)>,
    /// How the answer is sent.
    pub form: Form,
}

impl Lease {
    /// What a board gets as long as nobody scripts anything: the address of the plan for a day, the host as router
    /// and DNS server.
    #[must_use]
    pub fn standard(plan: &WirePlan) -> Self {
        Self {
            address: plan.board_ipv4,
            prefix: Some(plan.ipv4_prefix),
            routers: vec![plan.host_ipv4[0]],
            dns: vec![plan.host_ipv4[0]],
            seconds: Some(86_400),
            t1: None,
            t2: None,
            server: WirePlan::ghost_ipv4(0),
            more: Vec::new(),
            form: Form::AsAsked,
        }
    }

    /// The same for this many seconds; T1 and T2 are left to the client.
    #[must_use]
    pub fn lasting(mut self, seconds: u32) -> Self {
        self.seconds = Some(seconds);
        self
    }

    /// The same with another address.
    #[must_use]
    pub const fn of(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }
}

/// What the server does with a message.
#[derive(Clone)]
pub enum Answer {
    /// OFFER or ACK of this lease. A request for another address gets a NAK, one that means another server nothing.
    Lease(Lease),
    /// The same, with the message's bytes changed before it is sent: malformed answers.
    Spoiled(Lease, Arc<Rewrite>),
    /// NAK.
    Nak,
    /// Nothing.
    Silence,
    /// These messages (UDP payload), whatever they are; sent as [`Form::AsAsked`].
    Raw(Vec<Vec<u8>>),
}

impl Answer {
    /// An OFFER or ACK whose bytes (UDP payload) `change` spoils.
    pub fn spoiled(lease: Lease, change: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::Spoiled(lease, Arc::new(change))
    }

    /// The messages to send, and how; where to depends on the address in the lease.
    pub(super) fn messages(&self, seen: &DhcpSeen, server: Ipv4Addr) -> Vec<(Vec<u8>, Form)> {
        let one = |kind, lease: Option<&Lease>| {
            let server = lease.map_or(server, |lease| lease.server);
            vec![(
                message(kind, seen, server, lease),
                lease.map_or(Form::Broadcast, |lease| lease.form),
            )]
        };
        match self {
            Self::Silence => Vec::new(),
            Self::Nak => one(MessageType::Nak, None),
            Self::Raw(messages) => {
                let as_asked = |bytes: &Vec<u8>| (bytes.clone(), Form::AsAsked);
                messages.iter().map(as_asked).collect()
            }
            Self::Lease(lease) => match seen.kind {
                DhcpKind::Discover => one(MessageType::Offer, Some(lease)),
                DhcpKind::Inform => one(MessageType::Ack, Some(lease)),
                DhcpKind::Request if seen.server.is_some_and(|it| it != lease.server) => Vec::new(),
                DhcpKind::Request => {
                    let wanted = seen.requested.unwrap_or(seen.ciaddr);
                    if wanted == lease.address {
                        one(MessageType::Ack, Some(lease))
                    } else {
                        one(MessageType::Nak, None)
                    }
                }
                DhcpKind::Decline | DhcpKind::Release => Vec::new(),
            },
            Self::Spoiled(lease, change) => {
                let mut messages = Self::Lease(lease.clone()).messages(seen, server);
                for (message, _) in &mut messages {
                    change(message);
                }
                messages
            }
        }
    }

    pub(super) fn address(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Lease(lease) | Self::Spoiled(lease, _) => Some(lease.address),
            Self::Nak | Self::Silence | Self::Raw(_) => None,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease(lease) => {
                write!(f, "lease {}", lease.address)?;
                lease.seconds.map_or(Ok(()), |it| write!(f, " for {it} s"))
            }
            Self::Spoiled(..) => f.write_str("a spoiled message"),
            Self::Nak => f.write_str("NAK"),
            Self::Silence => f.write_str("silence"),
            Self::Raw(messages) => write!(f, "{} raw messages", messages.len()),
        }
    }
}

fn message(kind: MessageType, seen: &DhcpSeen, server: Ipv4Addr, lease: Option<&Lease>) -> Vec<u8> {
    let nobody = Ipv4Addr::UNSPECIFIED;
    let yours = match (kind, lease) {
        (MessageType::Offer | MessageType::Ack, Some(lease)) if seen.kind != DhcpKind::Inform => {
            lease.address
        }
        _ => nobody,
    };
    let kept = if kind == MessageType::Ack {
        seen.ciaddr
    } else {
        nobody
    };
    let mut message = Message::new_with_id(seen.xid, kept, yours, nobody, nobody, &seen.chaddr.0);
    message.set_opcode(Opcode::BootReply);
    if seen.broadcast {
        message.set_flags(Flags::default().set_broadcast());
    }
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(kind));
    options.insert(DhcpOption::ServerIdentifier(server));
    if let Some(lease) = lease {
        if let Some(prefix) = lease.prefix {
            let bits = u32::MAX.checked_shl(32 - u32::from(prefix.min(32)));
            options.insert(DhcpOption::SubnetMask(bits.unwrap_or(0).into()));
        }
        if !lease.routers.is_empty() {
            options.insert(DhcpOption::Router(lease.routers.clone()));
        }
        if !lease.dns.is_empty() {
            options.insert(DhcpOption::DomainNameServer(lease.dns.clone()));
        }
        if seen.kind != DhcpKind::Inform {
            if let Some(seconds) = lease.seconds {
                options.insert(DhcpOption::AddressLeaseTime(seconds));
            }
            if let Some(t1) = lease.t1 {
                options.insert(DhcpOption::Renewal(t1));
            }
            if let Some(t2) = lease.t2 {
                options.insert(DhcpOption::Rebinding(t2));
            }
        }
        for (code, value) in &lease.more {
            let option = UnknownOption::new(OptionCode::from(*code), value.clone());
            options.insert(DhcpOption::Unknown(option));
        }
    }
    let mut bytes = Vec::new();
    // Encoding into memory fails only for messages that cannot be said; none of ours is one.
    if message.encode(&mut Encoder::new(&mut bytes)).is_err() {
        return Vec::new();
    }
    bytes.resize(bytes.len().max(MIN_MESSAGE), 0);
    bytes
}
