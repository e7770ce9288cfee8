//! Expectations: what an answer has to be, and the violation if it is not.
//!
//! A failed call is not an error here: it is an answer like any other, and only an expectation makes a
//! violation of it. Must not: talk to the agent; decide on verdicts.

use core::time::Duration;
use std::sync::Arc;

use nsapi::interface::Status;
use nsapi::{Error, SocketAddress};
use nsapi_protocol::BulkReport;

use crate::ctx::State;
use crate::dut::Returned;
use crate::{Violation, text};

#[cfg(test)]
mod tests;

/// Alternatives an expectation may have, pending answers (`IN_PROGRESS`, `ALREADY`, `WOULD_BLOCK`) not counted.
const MOST_ALTERNATIVES: usize = 4;

/// The answer to a call, whatever it is.
#[derive(Clone, Debug)]
pub struct Answered {
    pub(crate) state: Arc<State>,
    /// The call in words: `recv(64) on tcp#3`.
    pub call: String,
    /// What came out.
    pub returned: Returned,
    /// How long the call took, measured on the target.
    pub elapsed: Duration,
}

/// Success without a value: code 0.
#[derive(Clone, Copy, Debug)]
pub struct Done;
/// This error.
#[derive(Clone, Copy, Debug)]
pub struct Fails(pub Error);
/// Any error at all. Only together with a check of the effect.
#[derive(Clone, Copy, Debug)]
pub struct FailsSomehow;
/// Exactly this size.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub usize);
/// A size from 1 to this one.
#[derive(Clone, Copy, Debug)]
pub struct SizeUpTo(pub usize);
/// Exactly these bytes, and their number as the size.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);
/// Success and this address.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddress);
/// A count of at least this much.
#[derive(Clone, Copy, Debug)]
pub struct Counts(pub u32);
/// A bulk operation that moved all of this many bytes, every one of them right.
#[derive(Clone, Copy, Debug)]
pub struct Moved(pub u32);

/// This status of the interface.
#[derive(Clone, Copy, Debug)]
pub struct StatusIs(pub Status);
/// A null pointer in place of a text.
#[derive(Clone, Copy, Debug)]
pub struct Null;

#[derive(Clone, Debug)]
enum Matcher {
    Done,
    Fails(Error),
    FailsSomehow,
    Size(usize),
    SizeUpTo(usize),
    Bytes(Vec<u8>),
    Peer(SocketAddress),
    Counts(u32),
    Moved(u32),
    StatusIs(Status),
    Null,
}

#[derive(Clone, Debug)]
struct Alternative {
    matcher: Matcher,
    reason: Option<String>,
    lenient: bool,
}

/// What an answer has to be: one thing, or one of a few.
#[derive(Clone, Debug)]
pub struct Expect {
    alternatives: Vec<Alternative>,
}

macro_rules! expectations {
    ($($type:ty, $self:ident => $matcher:expr;)+) => {$(
        impl From<$type> for Expect {
            fn from($self: $type) -> Self {
                let first = Alternative { matcher: $matcher, reason: None, lenient: false };
                Self { alternatives: vec![first] }
            }
        }

        impl Matches for $type {}
    )+};
}

expectations! {
    Done, _done => Matcher::Done;
    Fails, it => Matcher::Fails(it.0);
    FailsSomehow, _it => Matcher::FailsSomehow;
    Size, it => Matcher::Size(it.0);
    SizeUpTo, it => Matcher::SizeUpTo(it.0);
    Bytes<'_>, it => Matcher::Bytes(it.0.into());
    Peer, it => Matcher::Peer(it.0);
    Counts, it => Matcher::Counts(it.0);
    Moved, it => Matcher::Moved(it.0);
    StatusIs, it => Matcher::StatusIs(it.0);
    Null, _null => Matcher::Null;
}

impl Matches for Expect {}

/// Ways to combine expectations.
pub trait Matches: Into<Expect> {
    /// An equal alternative: the contract allows a set. The reason says where and why.
    #[must_use]
    fn or(self, other: impl Into<Expect>, reason: &str) -> Expect {
        join(self.into(), other.into(), reason, false)
    }

    /// An alternative that departs from what should be: the case passes, but leniently, with this reason.
    #[must_use]
    fn or_leniently(self, other: impl Into<Expect>, reason: &str) -> Expect {
        join(self.into(), other.into(), reason, true)
    }
}

fn join(mut expect: Expect, other: Expect, reason: &str, lenient: bool) -> Expect {
    expect.alternatives.extend(
        other
            .alternatives
            .into_iter()
            .map(|alternative| Alternative {
                matcher: alternative.matcher,
                reason: Some(alternative.reason.unwrap_or_else(|| reason.into())),
                lenient: alternative.lenient || lenient,
            }),
    );
    let counted = expect
        .alternatives
        .iter()
        .filter(|alternative| !alternative.matcher.is_pending());
    assert!(
        counted.count() <= MOST_ALTERNATIVES,
        "an expectation with more than {MOST_ALTERNATIVES} alternatives checks nothing"
    );
    expect
}

impl Matcher {
    const fn is_pending(&self) -> bool {
        matches!(
            self,
            Self::Fails(Error::IN_PROGRESS | Error::ALREADY | Error::WOULD_BLOCK)
        )
    }

    fn matches(&self, returned: &Returned) -> bool {
        let code = code(returned);
        match self {
            Self::Done => code == 0 && bulk(returned).is_none(),
            Self::Fails(error) => code == error.code(),
            Self::FailsSomehow => code < 0,
            Self::Size(size) => usize::try_from(code) == Ok(*size),
            Self::SizeUpTo(most) => {
                usize::try_from(code).is_ok_and(|size| (1..=*most).contains(&size))
            }
            Self::Bytes(expected) => {
                usize::try_from(code) == Ok(expected.len()) && data(returned) == Some(expected)
            }
            Self::Peer(expected) => {
                code == 0 && peer(returned).is_some_and(|peer| same_address(peer, *expected))
            }
            Self::Counts(least) => u32::try_from(code).is_ok_and(|count| count >= *least),
            Self::StatusIs(status) => code == i32::from(*status as u8),
            Self::Null => code == text::NULL,
            Self::Moved(total) => bulk(returned).is_some_and(|report| {
                report.bytes == *total && report.mismatch_at.is_none() && !report.oversize
            }),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Done => "OK".into(),
            Self::Fails(error) => text::code(error.code()),
            Self::FailsSomehow => "any error".into(),
            Self::Size(size) => format!("size {size}"),
            Self::SizeUpTo(most) => format!("a size from 1 to {most}"),
            Self::Bytes(expected) if expected.is_empty() => "0 (the end, or nothing)".into(),
            Self::Bytes(expected) => text::bytes(expected),
            Self::Peer(address) => format!("OK, peer {}", text::address(*address)),
            Self::Counts(least) => format!("a count of at least {least}"),
            Self::StatusIs(status) => text::status(i32::from(*status as u8)),
            Self::Null => "null".into(),
            Self::Moved(total) => format!("all {total} bytes, every one right"),
        }
    }
}

impl Expect {
    /// All alternatives in words.
    #[must_use]
    pub fn text(&self) -> String {
        let one = |alternative: &Alternative| match &alternative.reason {
            None => alternative.matcher.text(),
            Some(reason) => format!("{} ({reason})", alternative.matcher.text()),
        };
        self.alternatives
            .iter()
            .map(one)
            .collect::<Vec<_>>()
            .join(", or ")
    }
}

impl Returned {
    /// The code, size or count.
    pub(crate) fn code(&self) -> i32 {
        code(self)
    }
}

fn code(returned: &Returned) -> i32 {
    match returned {
        Returned::Code(code)
        | Returned::Bytes { code, .. }
        | Returned::Datagram { code, .. }
        | Returned::Peer { code, .. } => *code,
        Returned::Bulk(report) => report.code,
        Returned::Hello(_) | Returned::Scope(_) => 0,
        Returned::Rejected(_) => i32::MIN,
    }
}

fn data(returned: &Returned) -> Option<&Vec<u8>> {
    match returned {
        Returned::Bytes { data, .. } | Returned::Datagram { data, .. } => Some(data),
        _ => None,
    }
}

const fn peer(returned: &Returned) -> Option<SocketAddress> {
    match returned {
        Returned::Peer { peer, .. } => *peer,
        Returned::Datagram { from, .. } => *from,
        _ => None,
    }
}

const fn bulk(returned: &Returned) -> Option<&BulkReport> {
    match returned {
        Returned::Bulk(report) => Some(report),
        _ => None,
    }
}

/// Address and port both equal.
#[must_use]
pub fn same_address(a: SocketAddress, b: SocketAddress) -> bool {
    a.ip == b.ip && a.port == b.port
}

impl Answered {
    /// The code, size or count.
    #[must_use]
    pub fn code(&self) -> i32 {
        code(&self.returned)
    }

    /// The bytes that came, if the call brings bytes.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        data(&self.returned).map_or(&[], Vec::as_slice)
    }

    /// The address that came: a peer, or the source of a datagram.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddress> {
        peer(&self.returned)
    }

    /// The ledger of a bulk operation.
    #[must_use]
    pub fn bulk(&self) -> BulkReport {
        bulk(&self.returned).copied().unwrap_or_default()
    }

    /// Whether the answer is this error.
    #[must_use]
    pub fn failed_with(&self, error: Error) -> bool {
        self.code() == error.code()
    }

    /// Requires the answer to be as expected. Uses of a lenient alternative are recorded.
    #[track_caller]
    pub fn expect(self, expect: impl Into<Expect>) -> Result<Self, Box<Violation>> {
        let expect = expect.into();
        match expect
            .alternatives
            .iter()
            .find(|it| it.matcher.matches(&self.returned))
        {
            Some(Alternative {
                lenient: true,
                reason,
                ..
            }) => {
                let reason = reason.as_deref().unwrap_or_default();
                self.state.lenient(format!(
                    "{}: {} ({reason})",
                    self.call,
                    text::returned(&self.returned)
                ));
                Ok(self)
            }
            Some(_) => Ok(self),
            None => {
                let of_status = |it: &Alternative| matches!(it.matcher, Matcher::StatusIs(_));
                let observed = if expect.alternatives.iter().any(of_status) {
                    text::status(self.code())
                } else {
                    text::returned(&self.returned)
                };
                Err(self.violation(None, expect.text(), observed))
            }
        }
    }

    /// Requires the datagram (or the peer) to come from `source`.
    #[track_caller]
    pub fn expect_from(self, source: SocketAddress) -> Result<Self, Box<Violation>> {
        if self
            .address()
            .is_some_and(|address| same_address(address, source))
        {
            return Ok(self);
        }
        let observed = self
            .address()
            .map_or_else(|| "no address".into(), text::address);
        Err(self.violation(
            Some("source"),
            format!("source {}", text::address(source)),
            observed,
        ))
    }

    /// Requires the call to have taken at least `least`, measured on the target. Strict: a call that comes
    /// back early broke its promise however slow the rig is.
    #[track_caller]
    pub fn elapsed_at_least(self, least: Duration) -> Result<Self, Box<Violation>> {
        if self.elapsed >= least {
            return Ok(self);
        }
        let expected = format!("at least {}", text::duration(least));
        let observed = format!(
            "{} after {}",
            text::returned(&self.returned),
            text::duration(self.elapsed)
        );
        Err(self.violation(Some("too-early"), expected, observed))
    }

    /// Requires the call to have taken at most `limit` plus `slack`, measured on the target. The engine
    /// judges this only if the rig was quiet compared with `slack`.
    #[track_caller]
    pub fn elapsed_at_most(self, limit: Duration, slack: Duration) -> Result<Self, Box<Violation>> {
        if self.elapsed <= limit + slack {
            return Ok(self);
        }
        let expected = format!("at most {}", text::duration(limit + slack));
        let observed = format!(
            "{} after {}",
            text::returned(&self.returned),
            text::duration(self.elapsed)
        );
        let mut violation = self.violation(Some("too-late"), expected, observed);
        violation.slack = Some(slack);
        Err(violation)
    }

    #[track_caller]
    fn violation(&self, what: Option<&str>, expected: String, observed: String) -> Box<Violation> {
        let what = what.unwrap_or_else(|| verb(&self.call));
        self.state.violation(what, &self.call, expected, observed)
    }
}

/// First word of a call: `recv` of `recv(64) on tcp#3`.
pub(crate) fn verb(call: &str) -> &str {
    call.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .next()
        .unwrap_or("call")
}

impl State {
    /// A violation that is nothing but a wait of `waited` in vain: judged only if the rig was quiet compared with
    /// it, since a rig that stalled so long would have missed what came.
    #[track_caller]
    pub(crate) fn in_vain(
        &self,
        waited: Duration,
        what: &str,
        call: &str,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) -> Box<Violation> {
        let mut violation = self.violation(what, call, expected, observed);
        violation.slack = Some(waited);
        violation
    }

    /// A violation noticed at the caller's line, under the case's requirement.
    #[track_caller]
    pub(crate) fn violation(
        &self,
        what: &str,
        call: &str,
        expected: impl Into<String>,
        observed: impl Into<String>,
    ) -> Box<Violation> {
        let key = format!("{}/{what}", self.requirement);
        self.steps.say(format!("violation of {key}: {call}"));
        Box::new(Violation::new(key, call, expected, observed))
    }
}
