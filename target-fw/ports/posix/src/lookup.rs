//! One lookup on its way: the question, and what counts as its answer (RFC 1035 §4, §7; RFC 5452 §9.1).
//!
//! Every try is a query of its own, with a socket, a source port and an id that nobody can guess. What comes from
//! elsewhere, is not about the question or cannot be parsed is as if it had not come. Must not: wait.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};
use nsapi::dns::Version;
use nsapi::{Error, IpAddress, Result, SocketAddress};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketAddrAny, SocketType, connect, recvfrom, send};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::epoll::{Epoll, Interest, Token};
use crate::errno::error;
use crate::host::Host;
use crate::new_socket;

/// Longest name, in characters (contract §11.1).
const NAME: usize = 255;
/// Longest reply over UDP (RFC 1035 §4.2.1); no larger ones are asked for.
const REPLY: usize = 512;
/// Names from the question to the address at most.
const CHAIN: usize = 8;

/// One lookup.
#[derive(Debug)]
pub(crate) struct Lookup {
    pub(crate) key: u32,
    /// Queries so far.
    pub(crate) tries: usize,
    question: Query,
    sent: Option<Sent>,
}

/// The newest query.
#[derive(Debug)]
struct Sent {
    socket: OwnedFd,
    server: SocketAddr,
    id: u16,
}

impl Lookup {
    /// The lookup of a name that is not an address: `PARAMETER` for none or too long a one.
    pub(crate) fn new(key: u32, host: &str, version: Version) -> Result<Self> {
        if host.is_empty() || host.chars().count() > NAME {
            return Err(Error::PARAMETER);
        }
        let mut name = Name::from_ascii(host).map_err(|_| Error::DNS_FAILURE)?;
        name.set_fqdn(true);
        let kind = match version {
            Version::Unspec | Version::Ipv4 => RecordType::A,
            Version::Ipv6 => RecordType::AAAA,
        };
        Ok(Self {
            key,
            tries: 0,
            question: Query::query(name, kind),
            sent: None,
        })
    }

    /// Asks `server`; an earlier query is given up.
    pub(crate) fn ask(&mut self, server: SocketAddress, host: &Host, epoll: &Epoll) -> Result<()> {
        self.tries += 1;
        self.sent = None;
        let server = host.remote(&server)?;
        let socket = new_socket(host, SocketType::DGRAM)?;
        connect(&socket, &server).map_err(error)?;
        epoll.watch(&socket, Token::Lookup, Interest::Read)?;
        let mut id = [0; 2];
        let random = getrandom(&mut id, GetRandomFlags::empty()).map_err(error)?;
        if random != id.len() {
            return Err(Error::DEVICE_ERROR);
        }
        let id = u16::from_ne_bytes(id);
        let mut query = Message::new(id, MessageType::Query, OpCode::Query);
        query.metadata.recursion_desired = true;
        query.add_query(self.question.clone());
        let query = query.to_vec().map_err(|_| Error::DNS_FAILURE)?;
        send(&socket, &query, SendFlags::DONTWAIT).map_err(error)?;
        self.sent = Some(Sent { socket, server, id });
        Ok(())
    }

    /// What has come, if it ends the lookup.
    pub(crate) fn answer(&self) -> Option<Result<SocketAddress>> {
        let sent = self.sent.as_ref()?;
        let mut buffer = [0_u8; REPLY];
        loop {
            let (length, from) = match recvfrom(&sent.socket, &mut buffer[..], RecvFlags::DONTWAIT)
            {
                Ok((_, length, from)) => (length, from),
                // Something refused a query; only the server's own word counts.
                Err(Errno::CONNREFUSED | Errno::INTR) => continue,
                Err(_) => return None,
            };
            // The kernel keeps what came before the socket was connected.
            let genuine = from == Some(SocketAddrAny::from(sent.server));
            let reply = buffer.get(..length).filter(|_| genuine);
            if let Some(result) = reply.and_then(|reply| self.judge(sent.id, reply)) {
                return Some(result);
            }
        }
    }

    /// What the reply says; `None` if it is none to this query.
    fn judge(&self, id: u16, reply: &[u8]) -> Option<Result<SocketAddress>> {
        let message = Message::from_vec(reply).ok()?;
        let head = &message.metadata;
        let ours = head.id == id
            && head.message_type == MessageType::Response
            && head.op_code == OpCode::Query
            && message.queries == [self.question.clone()];
        if !ours {
            return None;
        }
        if head.response_code != ResponseCode::NoError || head.truncation {
            return Some(Err(Error::DNS_FAILURE));
        }
        Some(self.address(&message).ok_or(Error::DNS_FAILURE))
    }

    /// The first address of the name asked for, or of the one that it stands for; records may be in any order.
    fn address(&self, message: &Message) -> Option<SocketAddress> {
        let mut name = &self.question.name;
        for _ in 0..CHAIN {
            let mut next = None;
            let of_name = message
                .answers
                .iter()
                .filter(|it| it.dns_class == DNSClass::IN && it.name == *name);
            for record in of_name {
                let ip = match (&record.data, self.question.query_type) {
                    (RData::A(ip), RecordType::A) => IpAddress::V4(ip.0.octets()),
                    (RData::AAAA(ip), RecordType::AAAA) => IpAddress::V6(ip.0.octets()),
                    (RData::CNAME(other), _) => {
                        next = Some(&other.0);
                        continue;
                    }
                    _ => continue,
                };
                return Some(SocketAddress::new(ip, 0));
            }
            name = next?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply to a lookup of "a.b", with these counts of questions and answers, and this behind the header.
    fn reply(counts: [u8; 2], body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            0x12, 0x34, 0x81, 0x80, 0, counts[0], 0, counts[1], 0, 0, 0, 0,
        ];
        bytes.extend(body);
        bytes
    }

    fn judged(id: u16, reply: &[u8]) -> Option<Result<SocketAddress>> {
        Lookup::new(1, "A.b", Version::Unspec)
            .unwrap()
            .judge(id, reply)
    }

    const QUESTION: &[u8] = b"\x01a\x01b\0\0\x01\0\x01";
    const RECORD: &[u8] = b"\xc0\x0c\0\x01\0\x01\0\0\0\x09\0\x04\xc0\0\x02\x07";

    #[test]
    fn only_an_answer_to_the_question_counts() {
        let good = reply([1, 1], &[QUESTION, RECORD].concat());
        let ip = IpAddress::V4([192, 0, 2, 7]);
        assert_eq!(judged(0x1234, &good), Some(Ok(SocketAddress::new(ip, 0))));
        assert_eq!(judged(0x1235, &good), None);
        assert_eq!(judged(0x1234, &reply([0, 1], RECORD)), None);
        let other = b"\x01a\x01c\0\0\x01\0\x01";
        assert_eq!(
            judged(0x1234, &reply([1, 1], &[&other[..], RECORD].concat())),
            None
        );
        for length in 0..good.len() {
            assert_eq!(judged(0x1234, &good[..length]), None, "{length}");
        }
        assert_eq!(
            judged(0x1234, &reply([1, 0], QUESTION)),
            Some(Err(Error::DNS_FAILURE))
        );
    }

    #[test]
    fn records_of_other_names_do_not_count_and_aliases_in_any_order_do() {
        // "x.b" has the address, and "a.b" stands for it only in the second reply.
        let address = b"\x01x\xc0\x0e\0\x01\0\x01\0\0\0\x09\0\x04\xc0\0\x02\x07";
        let alias = b"\xc0\x0c\0\x05\0\x01\0\0\0\x09\0\x04\x01x\xc0\x0e";
        let alone = reply([1, 1], &[QUESTION, address].concat());
        assert_eq!(judged(0x1234, &alone), Some(Err(Error::DNS_FAILURE)));
        let both = reply([1, 2], &[QUESTION, address, alias].concat());
        assert!(matches!(judged(0x1234, &both), Some(Ok(_))));
    }

    #[test]
    fn names_are_bounded() {
        let fails = |name: &str| Lookup::new(1, name, Version::Ipv4).err();
        assert_eq!(fails(""), Some(Error::PARAMETER));
        assert_eq!(fails(&"a".repeat(256)), Some(Error::PARAMETER));
        assert_eq!(fails(&"a".repeat(64)), Some(Error::DNS_FAILURE));
        assert_eq!(fails("host.test."), None);
    }
}
