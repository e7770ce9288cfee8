//! The DNS client on the cable: queries that nobody can guess, answers that are not believed, broken messages.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::BTreeMap;

use hil_kit::expect::Peer;
use hil_kit::wire::{Craft, DNS_PORT, DnsQuery, DnsServer, dns_record};
use hil_kit::{
    Ctx, FailsSomehow, Family, IpAddress, Matches as _, Open, Outcome, SocketAddress, Status, Stop,
    case,
};

/// QR and opcode, which are 0 in a query, and RD, which is set in ours (RFC 1035 §4.1.1).
const FLAGS: u16 = 0xf900;
const WANTED_FLAGS: u16 = 0x0100;
/// Types of records (RFC 1035 §3.2.2).
const A: u16 = 1;
const CNAME: u16 = 5;
const TXT: u16 = 16;
/// A pointer to the name of the question.
const NAME: [u8; 2] = pointer(12);
/// The answer of nobody who is to be believed.
const WRONG: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 66);

const fn pointer(to: u16) -> [u8; 2] {
    (0xc000 | to).to_be_bytes()
}

/// The right address for lookup `n` of a case: each has its own, so that what is left of another one shows.
fn right(n: usize) -> Ipv4Addr {
    let [.., high, low] = (n + 1).to_be_bytes();
    Ipv4Addr::new(198, 18, high, low)
}

fn found(ip: Ipv4Addr) -> Peer {
    Peer(SocketAddress::new(IpAddress::V4(ip.octets()), 0))
}

/// A lookup whose query has come.
struct Asked<'a> {
    lookup: Open<'a>,
    query: DnsQuery,
}

async fn ask<'a>(cx: &Ctx, dns: &DnsServer, name: &'a str) -> Result<Asked<'a>, Stop> {
    let lookup = cx.resolve(name, Family::V4).start().await?;
    let query = dns.query(name).await?;
    Ok(Asked { lookup, query })
}

/// Makes `count` lookups, which succeed, and requires each query to be one question that wants recursion.
async fn lookups(cx: &Ctx, dns: &DnsServer, count: usize) -> Result<Vec<DnsQuery>, Stop> {
    let mut queries = Vec::new();
    for n in 0..count {
        let name = format!("n{n}.guess.test");
        let Asked { lookup, query } = ask(cx, dns, &name).await?;
        let [questions, answers, authorities, _] = query.counts;
        let observed = format!("flags {:#06x}, counts {:?}", query.flags, query.counts);
        cx.require(
            query.flags & FLAGS == WANTED_FLAGS && (questions, answers, authorities) == (1, 0, 0),
            "form",
            "a query with one question and RD",
            observed,
        )?;
        dns.reply(&query, query.answer(right(n)));
        lookup.finish().await?.expect(found(right(n)))?;
        queries.push(query);
    }
    Ok(queries)
}

/// Whether numbers follow each other as those of a counter or a constant do: most steps are small, or some step is
/// frequent. Of 19 random steps half a one is small, and no two are the same.
fn guessable(numbers: &[u16]) -> bool {
    const SMALL: u16 = 64;
    const FREQUENT: usize = 5;
    let steps = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let mut often = BTreeMap::<u16, usize>::new();
    let mut small = 0;
    for step in steps {
        *often.entry(step).or_default() += 1;
        small += usize::from(step.min(step.wrapping_neg()) <= SMALL);
    }
    2 * small >= numbers.len() || often.values().any(|&times| times >= FREQUENT)
}

/// Id and source port of a query cannot be told from those before; it is one question and wants recursion.
#[case(level = Must, cite = ["packet.dns.unguessable", "DNS-W-01"], needs = [Dns, Cable], profile = Full)]
async fn unguessable(cx: &mut Ctx) -> Outcome {
    const LOOKUPS: usize = 20;
    let dns = cx.dns_server().await?;
    let queries = lookups(cx, &dns, LOOKUPS).await?;
    let ids: Vec<u16> = queries.iter().map(|query| query.id).collect();
    let ports: Vec<u16> = queries.iter().map(|query| query.src_port).collect();
    cx.require(!guessable(&ids), "ids", "ids anywhere", format!("{ids:?}"))?;
    let observed = format!("{ports:?}");
    cx.require(!guessable(&ports), "ports", "ports anywhere", observed)
}

/// Ids and source ports do not repeat after a restart: the first lookups after one are compared with the first after
/// another.
#[case(level = Must, cite = ["packet.dns.restart", "DNS-W-01"], needs = [Dns, Cable], profile = Full, tags = ["exclusive"], deadline_ms = 60_000)]
async fn unguessable_after_restart(cx: &mut Ctx) -> Outcome {
    const UP: Duration = Duration::from_secs(15);
    const LOOKUPS: usize = 5;
    let mut boots = Vec::new();
    for _ in 0..2 {
        cx.restart().await?;
        cx.interface().becomes(Status::GlobalUp, UP).await?;
        cx.wire()?.forget_board().await;
        let dns = cx.dns_server().await?;
        boots.push(lookups(cx, &dns, LOOKUPS).await?);
    }
    let [one, two] = &boots[..] else {
        return Ok(());
    };
    for (what, number) in [
        ("ids", (|query| query.id) as fn(&DnsQuery) -> u16),
        ("ports", |query| query.src_port),
    ] {
        let [one, two] = [one, two].map(|it| it.iter().map(number).collect::<Vec<u16>>());
        // One in 10⁴ pairs of random numbers is the same; two in five of them are a sequence.
        let same = one.iter().zip(&two).filter(|(one, two)| one == two).count();
        let expected = "other numbers after the second restart";
        cx.require(same < 2, what, expected, format!("{one:?}, then {two:?}"))?;
    }
    Ok(())
}

/// Something that looks like the answer to a query.
type Spoof<'a> = &'a (dyn Fn(&DnsQuery) -> Craft + Sync);

/// Only a reply of the server that was asked, from its port to ours, with our id and question, is believed; the
/// genuine one that comes after others is.
#[case(level = Must, cite = ["packet.dns.genuine", "DNS-W-02"], needs = [Dns, Cable], profile = Full)]
async fn genuine(cx: &mut Ctx) -> Outcome {
    let (wire, dns) = (cx.wire()?, cx.dns_server().await?);
    let server = &dns.ghost;
    let other = cx.ghost().await?;
    let say = |query: &DnsQuery| query.answer(WRONG);
    let asking = |query: &DnsQuery, question: &[u8]| {
        let record = dns_record(&NAME, A, &WRONG.octets());
        query.reply(1, 1, &[question, &record].concat())
    };
    let with_id = |query: &DnsQuery, id: u16| {
        let id = id.to_be_bytes();
        [&id[..], &say(query)[2..]].concat()
    };
    let spoofs: [(&str, Spoof<'_>); 10] = [
        ("another host", &|q| other.udp(DNS_PORT, q.src_port, say(q))),
        ("another host, port 5353", &|q| {
            other.udp(5353, q.src_port, say(q))
        }),
        ("port 5353", &|q| server.udp(5353, q.src_port, say(q))),
        ("port 5300", &|q| server.udp(5300, q.src_port, say(q))),
        ("to another port", &|q| {
            server.udp(DNS_PORT, q.src_port ^ 1, say(q))
        }),
        ("the next id", &|q| {
            let id = q.id.wrapping_add(1);
            server.udp(DNS_PORT, q.src_port, with_id(q, id))
        }),
        ("the id with its bytes swapped and inverted", &|q| {
            let id = !q.id.swap_bytes();
            // The same for few ids; then only one bit is wrong.
            let id = if id == q.id { id ^ 1 } else { id };
            server.udp(DNS_PORT, q.src_port, with_id(q, id))
        }),
        ("another name", &|q| {
            let question = b"\x05other\x05genuine\x04test\0\0\x01\0\x01";
            server.udp(DNS_PORT, q.src_port, asking(q, question))
        }),
        ("another type", &|q| {
            let mut question = q.question.clone();
            // TXT instead of A.
            let at = question.len() - 3;
            question[at] = 16;
            server.udp(DNS_PORT, q.src_port, asking(q, &question))
        }),
        ("no question", &|q| {
            let owner = &q.question[..q.question.len() - 4];
            let record = dns_record(owner, A, &WRONG.octets());
            server.udp(DNS_PORT, q.src_port, q.reply(0, 1, &record))
        }),
    ];
    for (n, (words, spoof)) in spoofs.into_iter().enumerate() {
        cx.say(format!("a reply with {words} first"));
        let name = format!("n{n}.genuine.test");
        let Asked { lookup, query } = ask(cx, &dns, &name).await?;
        server.send(spoof(&query));
        // The board has seen it once it answers.
        wire.ping().await?;
        dns.reply(&query, query.answer(right(n)));
        lookup.finish().await?.expect(found(right(n)))?;
    }
    Ok(())
}

/// Makes a lookup that is told something broken, and the right thing right after it: it may fail or find the right
/// address, never anything else.
async fn survives(
    cx: &Ctx,
    dns: &DnsServer,
    n: usize,
    words: &str,
    broken: impl FnOnce(&DnsQuery) -> Vec<u8>,
) -> Outcome {
    cx.say(format!("a reply with {words}"));
    let name = format!("n{n}.broken.test");
    let Asked { lookup, query } = ask(cx, dns, &name).await?;
    dns.reply(&query, broken(&query));
    dns.reply(&query, query.answer(right(n)));
    lookup.finish().await?.expect(found(right(n)).or(
        FailsSomehow,
        "RFC 5452 §9.1: id, question and server are right, so a client may take the broken reply for the answer",
    ))?;
    Ok(())
}

/// Requires that a lookup without anything broken finds the right address.
async fn finds(cx: &Ctx, dns: &DnsServer, n: usize) -> Outcome {
    let name = format!("n{n}.good.test");
    let Asked { lookup, query } = ask(cx, dns, &name).await?;
    dns.reply(&query, query.answer(right(n)));
    lookup.finish().await?.expect(found(right(n)))?;
    Ok(())
}

/// A reply whose answer has this name as its owner; `made` is given the name's place in the message.
fn owned(query: &DnsQuery, ip: Ipv4Addr, made: impl FnOnce(u16) -> Vec<u8>) -> Vec<u8> {
    let record = dns_record(&made(end_of_question(query)), A, &ip.octets());
    query.reply(1, 1, &[&query.question[..], &record].concat())
}

/// Where the first record begins.
fn end_of_question(query: &DnsQuery) -> u16 {
    12 + u16::try_from(query.question.len()).unwrap_or_default()
}

/// Two records refer to each other's name for ever, before the right one.
fn two_cycle(query: &DnsQuery, ip: Ipv4Addr) -> Vec<u8> {
    let at = end_of_question(query);
    // Behind the owner's name, type, class, time to live and length.
    let data = at + 2 + 10;
    let cycle = dns_record(&pointer(data), CNAME, &pointer(at));
    let good = dns_record(&NAME, A, &ip.octets());
    query.reply(1, 2, &[&query.question[..], &cycle, &good].concat())
}

/// The right name, but at the end of a chain of 100 pointers.
fn chain(query: &DnsQuery, ip: Ipv4Addr) -> Vec<u8> {
    let first = end_of_question(query) + 2 + 10;
    let links = (0..100).map(|n| if n == 0 { 12 } else { first + 2 * (n - 1) });
    let links: Vec<u8> = links.flat_map(pointer).collect();
    let text = dns_record(&NAME, TXT, &links);
    let good = dns_record(&pointer(first + 2 * 99), A, &ip.octets());
    query.reply(1, 2, &[&query.question[..], &text, &good].concat())
}

/// Names that point anywhere do no harm: the lookup fails or finds the right address, and the next one does.
#[case(level = Must, cite = ["packet.dns.compression", "DNS-W-03"], needs = [Dns, Cable, Tcp, Udp], profile = Full)]
async fn compression(cx: &mut Ctx) -> Outcome {
    type Broken = fn(&DnsQuery, Ipv4Addr) -> Vec<u8>;
    const NAMES: [(&str, Broken); 14] = [
        ("a pointer to itself", |q, ip| {
            owned(q, ip, |at| pointer(at).into())
        }),
        ("a label and a pointer back to it", |q, ip| {
            owned(q, ip, |at| [&b"\x01a"[..], &pointer(at)].concat())
        }),
        ("a pointer forward", |q, ip| {
            owned(q, ip, |at| pointer(at + 2).into())
        }),
        ("a pointer beyond the end", |q, ip| {
            owned(q, ip, |_| pointer(0x3fff).into())
        }),
        ("pointers in a circle", two_cycle),
        ("a pointer to the id", |q, ip| {
            owned(q, ip, |_| pointer(0).into())
        }),
        ("a pointer to the counts", |q, ip| {
            owned(q, ip, |_| pointer(5).into())
        }),
        ("a chain of 100 pointers", chain),
        ("label type 01", |q, ip| {
            owned(q, ip, |_| b"\x41a\0".to_vec())
        }),
        ("label type 10", |q, ip| {
            owned(q, ip, |_| b"\x81a\0".to_vec())
        }),
        ("a name of more than 255 bytes", |q, ip| {
            let label = [&[63][..], &[b'a'; 63]].concat();
            owned(q, ip, |_| [label.repeat(6), vec![0]].concat())
        }),
        ("half a pointer at the end", |q, _| {
            q.reply(1, 1, &[&q.question[..], &[0xc0]].concat())
        }),
        ("a label that does not end", |q, _| {
            q.reply(1, 1, &[&q.question[..], &b"\x3fa"[..]].concat())
        }),
        ("a question that is a pointer to itself", |q, ip| {
            let record = dns_record(&NAME, A, &ip.octets());
            q.reply(1, 1, &[&NAME[..], &[0, 1, 0, 1], &record].concat())
        }),
    ];
    let witness = cx.witness().await?;
    let dns = cx.dns_server().await?;
    for (n, (words, broken)) in NAMES.into_iter().enumerate() {
        survives(cx, &dns, n, words, |query| broken(query, right(n))).await?;
    }
    finds(cx, &dns, NAMES.len()).await?;
    witness.check(cx).await
}

/// A reply is not believed more than it holds: cut anywhere, or with counts and lengths that lie, it never yields an
/// address that is not in it.
#[case(level = Must, cite = ["packet.dns.lengths", "DNS-W-04"], needs = [Dns, Cable, Tcp, Udp], profile = Full)]
async fn lengths(cx: &mut Ctx) -> Outcome {
    let witness = cx.witness().await?;
    let dns = cx.dns_server().await?;
    finds(cx, &dns, 0).await?;
    let mut n = 0;
    let mut length = 0;
    loop {
        n += 1;
        let mut whole = 0;
        let words = format!("only its first {length} bytes");
        survives(cx, &dns, n, &words, |query| {
            let mut reply = query.answer(right(n));
            whole = reply.len();
            reply.truncate(length);
            reply
        })
        .await?;
        length += 1;
        if length >= whole {
            break;
        }
    }
    for count in 0..4 {
        n += 1;
        let words = format!("count {count} of 65535");
        survives(cx, &dns, n, &words, |query| {
            let mut reply = query.answer(right(n));
            reply[4 + 2 * count..][..2].fill(0xff);
            reply
        })
        .await?;
    }
    // How long the data are said to be, and how much of the address there is.
    for (said, there) in [(0, 0), (0, 4), (3, 3), (3, 4), (4, 3), (5, 4), (65_535, 4)] {
        n += 1;
        let words = format!("{there} bytes of address, said to be {said}");
        survives(cx, &dns, n, &words, |query| {
            let mut reply = query.answer(right(n));
            let data = reply.len() - 4;
            reply[data - 2..data].copy_from_slice(&u16::to_be_bytes(said));
            reply.truncate(data + there);
            reply
        })
        .await?;
    }
    finds(cx, &dns, n + 1).await?;
    witness.check(cx).await
}
