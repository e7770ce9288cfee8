//! Rules about a single TCP segment: options.

use super::{PassiveViolation, View};
use crate::wire::Flags;

/// Kind of the MSS option.
const MSS: u8 = 2;

pub(super) fn check(view: &View<'_>) -> Option<PassiveViolation> {
    let tcp = view.packet.tcp()?;
    if let Some(observed) = malformed(tcp.options) {
        return Some(view.breaks("tcp-options", "a well-formed list of options", observed));
    }
    if tcp.option(MSS).is_some() && !tcp.flags.contains(Flags::SYN) {
        let observed = format!("one on {}", tcp.flags);
        return Some(view.breaks("mss-without-syn", "an MSS option on SYN only", observed));
    }
    None
}

/// TCP-W-08: lengths fit, known options have theirs, nothing but zeros behind the end of the list (MUST-69).
fn malformed(options: &[u8]) -> Option<String> {
    let mut rest = options;
    loop {
        match *rest {
            [] => return None,
            [0, ref padding @ ..] => {
                let dirty = padding.iter().any(|&byte| byte != 0);
                return dirty.then(|| "bytes behind the end of the list".into());
            }
            [1, ref more @ ..] => rest = more,
            [kind, length, ..] if length >= 2 && usize::from(length) <= rest.len() => {
                let right = match kind {
                    MSS => length == 4,
                    3 => length == 3,
                    4 => length == 2,
                    5 => length % 8 == 2,
                    8 => length == 10,
                    _ => true,
                };
                if !right {
                    return Some(format!("option {kind} of length {length}"));
                }
                rest = &rest[length.into()..];
            }
            [kind, ..] => return Some(format!("option {kind} with a length that does not fit")),
        }
    }
}
