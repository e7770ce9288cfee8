//! `hil doctor`: what is missing on this machine, and how to get it.

use std::fmt::Write;

use super::args::Doctor as Arguments;
use super::{Failure, Shell, locate, print};
use crate::doctor::{Check, Health, checks};
use crate::event::Exit;
use crate::report::Paint;

/// Runs the command.
pub(super) fn doctor(arguments: &Arguments, shell: &Shell) -> Result<Exit, Failure> {
    let mut inventory = locate::inventory(arguments.inventory.file.as_deref(), shell)?;
    if !arguments.boards.is_empty() {
        let wanted: Vec<_> = locate::boards(&inventory, &arguments.boards)?
            .into_iter()
            .cloned()
            .collect();
        inventory.boards = wanted;
    }
    let checks = checks(&inventory);
    print(&render(&checks, shell.paint()))?;
    let worst = checks.iter().map(|check| check.health).max();
    Ok(if worst == Some(Health::Missing) {
        Exit::RigTrouble
    } else {
        Exit::Conforms
    })
}

fn render(checks: &[Check], paint: Paint) -> String {
    let mut out = String::new();
    let width = checks
        .iter()
        .map(|check| check.name.len())
        .max()
        .unwrap_or(0);
    for check in checks {
        let mark = match check.health {
            Health::Ok => paint.good("✓"),
            Health::Warn => paint.warn("!"),
            Health::Missing => paint.bad("✗"),
        };
        let _ = writeln!(out, "{mark} {:<width$}  {}", check.name, check.detail);
        for line in check.fix.iter().flat_map(|fix| fix.lines()) {
            let _ = writeln!(out, "  {:<width$}  → {line}", "");
        }
    }
    let count = |health| checks.iter().filter(|check| check.health == health).count();
    let verdict = match (count(Health::Missing), count(Health::Warn)) {
        (0, 0) => paint.good("everything is there"),
        (0, warnings) => paint.warn(&format!("nothing is missing; {warnings} could be better")),
        (missing, _) => paint.bad(&format!("{missing} missing")),
    };
    let _ = writeln!(out, "\n{verdict}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_fixes() {
        let check = |name, health, detail: &str, fix: Option<&str>| Check {
            name: std::borrow::Cow::Borrowed(name),
            health,
            detail: detail.into(),
            fix: fix.map(str::to_owned),
        };
        let checks = [
            check("cargo", Health::Ok, "1.95.0", None),
            check("disk", Health::Warn, "1 GiB left", Some("make room")),
            check("qemu", Health::Missing, "not found", Some("ci/setup")),
        ];
        let expected = "✓ cargo  1.95.0\n! disk   1 GiB left\n         → make room\n✗ qemu   not found\n         → ci/setup\n\n1 missing\n";
        assert_eq!(render(&checks, Paint::new(false)), expected);
    }
}
