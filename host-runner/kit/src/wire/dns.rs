//! A DNS server that only the case plays: a ghost that is the first server of the IUT's list. Queries come in order,
//! every reply is the case's own, good or broken, from here or elsewhere.
//!
//! ```ignore
//! let dns = cx.dns_server().await?;
//! let lookup = cx.resolve("host.test", Family::V4).start().await?;
//! let query = dns.query("host.test").await?;
//! dns.reply(&query, query.answer(Ipv4Addr::new(203, 0, 113, 1)));
//! lookup.finish().await?;
//! ```
//!
//! Must not: answer on its own.

use core::net::Ipv4Addr;
use core::time::Duration;

use super::{Ghost, udp};
use crate::{Ctx, Done, Stop};

/// Where servers listen (RFC 1035 §4.2.1).
pub const DNS_PORT: u16 = 53;
/// Length of a message's header.
const HEADER: usize = 12;
/// How long a query may take, on the reference.
const PATIENCE: Duration = Duration::from_secs(2);

/// A server of the case's own.
#[derive(Debug)]
pub struct DnsServer {
    /// Who plays it.
    pub ghost: Ghost,
}

/// A query as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuery {
    /// Port that it came from.
    pub src_port: u16,
    /// Its id.
    pub id: u16,
    /// Its flags: all 16 bits behind the id.
    pub flags: u16,
    /// Numbers of questions, answers, authorities and additional records.
    pub counts: [u16; 4],
    /// The name asked for, as text.
    pub name: String,
    /// The first question as it is in the message.
    pub question: Vec<u8>,
}

impl Ctx {
    /// A server of the case's own, which the IUT asks first from now on.
    ///
    /// # Errors
    /// As [`Ctx::ghost`]; a violation if the IUT refuses the server.
    pub async fn dns_server(&self) -> Result<DnsServer, Stop> {
        let ghost = self.ghost().await?;
        ghost.warm().await?;
        let address = ghost.address(DNS_PORT);
        self.add_dns_server(address).await?.expect(Done)?;
        Ok(DnsServer { ghost })
    }
}

impl DnsServer {
    /// Waits for the next query for `name`.
    ///
    /// # Errors
    /// A violation `…/query`.
    pub async fn query(&self, name: &str) -> Result<DnsQuery, Stop> {
        let wanted = name.to_owned();
        let words = format!("that asks for {name}");
        let pattern = udp().dst_port(DNS_PORT).that(words, move |packet| {
            let query = DnsQuery::parse(0, packet.payload());
            query.is_some_and(|query| query.name.eq_ignore_ascii_case(&wanted))
        });
        let frame = self.ghost.expect_as("query", pattern, PATIENCE).await?;
        let packet = frame.packet();
        let (src_port, _) = packet.ports().unwrap_or_default();
        // The pattern has parsed it.
        Ok(DnsQuery::parse(src_port, packet.payload()).unwrap_or_else(|| DnsQuery::none(src_port)))
    }

    /// Sends bytes as a server does: from its port to where the query came from.
    pub fn reply(&self, query: &DnsQuery, message: impl Into<Vec<u8>>) {
        let datagram = self.ghost.udp(DNS_PORT, query.src_port, message);
        self.ghost.send(datagram);
    }
}

impl DnsQuery {
    fn none(src_port: u16) -> Self {
        Self {
            src_port,
            id: 0,
            flags: 0,
            counts: [0; 4],
            name: String::new(),
            question: Vec::new(),
        }
    }

    fn parse(src_port: u16, message: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let bytes = message.get(at..at + 2)?;
            Some(u16::from_be_bytes([bytes[0], bytes[1]]))
        };
        let mut labels = Vec::new();
        let mut at = HEADER;
        loop {
            let length = usize::from(*message.get(at)?);
            at += 1;
            match length {
                0 => break,
                1..64 => labels.push(String::from_utf8_lossy(message.get(at..at + length)?)),
                // A pointer: there is nothing yet that a question could point to.
                _ => return None,
            }
            at += length;
        }
        Some(Self {
            src_port,
            id: word(0)?,
            flags: word(2)?,
            counts: [word(4)?, word(6)?, word(8)?, word(10)?],
            name: labels.join("."),
            question: message.get(HEADER..at + 4)?.to_vec(),
        })
    }

    /// A reply without error to it that says to hold this many questions and answers, and holds `body`.
    #[must_use]
    pub fn reply(&self, questions: u16, answers: u16, body: &[u8]) -> Vec<u8> {
        let words = [self.id, 0x8180, questions, answers, 0, 0];
        let mut message: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
        message.extend_from_slice(body);
        message
    }

    /// The good reply: the name asked for has this address.
    #[must_use]
    pub fn answer(&self, ip: Ipv4Addr) -> Vec<u8> {
        let record = dns_record(&[0xc0, 0x0c], 1, &ip.octets());
        self.reply(1, 1, &[&self.question[..], &record].concat())
    }
}

/// A record of class IN as it is in a message: its owner's name, type, a minute to live, and data with their length.
///
/// # Panics
/// More data than a record can have: a bug of the case.
#[must_use]
pub fn dns_record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("data fit into a record");
    let mut record = owner.to_vec();
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 60]);
    record.extend(length.to_be_bytes());
    record.extend_from_slice(data);
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUERY: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x02bc\0\0\x01\0\x01";

    #[test]
    fn a_query_is_understood_and_answered() {
        let query = DnsQuery::parse(1025, QUERY).unwrap();
        assert_eq!(
            (query.id, query.flags, query.counts),
            (0x1234, 0x100, [1, 0, 0, 0])
        );
        assert_eq!(query.name, "a.bc");
        let answer = query.answer(Ipv4Addr::new(192, 0, 2, 7));
        let end = b"\x01a\x02bc\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x07";
        assert_eq!(
            answer,
            [&b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0"[..], end].concat()
        );
    }

    #[test]
    fn pieces_of_a_query_are_none() {
        for length in 0..QUERY.len() {
            assert_eq!(DnsQuery::parse(1025, &QUERY[..length]), None, "{length}");
        }
    }
}
