//! What this machine has of what the boards of an inventory need, as data for `hil doctor`.
//!
//! Must not: install or change anything, or print.

mod host;
mod probes;
mod serial;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::path::Path;

use crate::inventory::{BoardKind, Firmware, Inventory};
use crate::lan::Lan;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// Fine.
    Ok,
    /// Works, but not as well as it could.
    Warn,
    /// Something does not work without it.
    Missing,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What.
    pub name: Cow<'static, str>,
    /// How it came out.
    pub health: Health,
    /// What was found.
    pub detail: String,
    /// What to do about it, if something is to be done.
    pub fix: Option<String>,
}

impl Check {
    fn ok(name: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            health: Health::Ok,
            detail: detail.into(),
            fix: None,
        }
    }

    fn warn(
        name: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            health: Health::Warn,
            detail: detail.into(),
            fix: Some(fix.into()),
        }
    }

    fn missing(
        name: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            health: Health::Missing,
            detail: detail.into(),
            fix: Some(fix.into()),
        }
    }
}

/// Looks at everything that the boards of this inventory need.
#[must_use]
pub fn checks(inventory: &Inventory) -> Vec<Check> {
    let boards = &inventory.boards;
    let emulated = boards
        .iter()
        .any(|board| matches!(board.kind, BoardKind::Qemu { .. }));
    let built = boards
        .iter()
        .any(|board| matches!(board.firmware, Firmware::Crate(_)));
    let native = boards
        .iter()
        .any(|board| matches!(board.kind, BoardKind::Native { .. }));
    let mut checks = vec![board_list(inventory)];
    if built {
        checks.push(host::cargo());
    }
    if emulated {
        if built {
            checks.push(host::thumb_target());
        }
        checks.extend([host::qemu(), host::pseudo_terminal()]);
    }
    checks.push(host::loopback("loopback", Ipv4Addr::LOCALHOST));
    if native {
        checks.push(host::loopback(
            "second loopback address",
            Ipv4Addr::new(127, 0, 0, 2),
        ));
    }
    if boards
        .iter()
        .any(|board| matches!(board.lan, Lan::Auto | Lan::Wire))
    {
        checks.push(host::wire(inventory));
    }
    checks.extend(probes::checks(boards));
    checks.extend(serial::checks(boards));
    let target = boards.first().map_or_else(
        || Path::new(".").into(),
        |board| board.workspace.join("target"),
    );
    checks.extend([host::free_disk(&target), host::leftovers()]);
    checks
}

fn board_list(inventory: &Inventory) -> Check {
    let names: Vec<&str> = inventory
        .boards
        .iter()
        .map(|board| board.name.as_str())
        .collect();
    Check::ok(
        "boards.toml",
        format!("{}: {}", inventory.path.display(), names.join(", ")),
    )
}
