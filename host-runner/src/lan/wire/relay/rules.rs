//! The list of rules: which one decides about a frame, and what it holds.
//!
//! Every rule counts what its pattern matches, whichever rule decides: so "the first" and "the third" can be two
//! rules with the same pattern.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use hil_kit::wire::{Action, Applied, End, Fate, Origin, Pattern, Rule, RuleId};

/// Bytes that all rules together may hold; what comes beyond is dropped, and counted as such.
const MOST_HELD: usize = 32 << 20;
/// Copies of one frame at most: more is a storm, not a duplicate.
const MOST_COPIES: u32 = 1000;

/// Rules in order.
#[derive(Default)]
pub(super) struct Rules {
    list: Vec<Entry>,
    last_id: u64,
    held: usize,
}

struct Entry {
    id: RuleId,
    rule: Rule,
    applied: Applied,
    held: VecDeque<(End, Arc<[u8]>)>,
}

impl Rules {
    pub(super) fn add(&mut self, rule: Rule) -> RuleId {
        self.last_id += 1;
        let id = RuleId(self.last_id);
        self.list.push(Entry {
            id,
            rule,
            applied: Applied::default(),
            held: VecDeque::new(),
        });
        id
    }

    /// Removes a rule; what it held is handed back.
    pub(super) fn remove(&mut self, id: RuleId) -> VecDeque<(End, Arc<[u8]>)> {
        let held = self.release(id);
        self.list.retain(|it| it.id != id);
        held
    }

    /// What a rule holds.
    pub(super) fn release(&mut self, id: RuleId) -> VecDeque<(End, Arc<[u8]>)> {
        let Some(entry) = self.list.iter_mut().find(|it| it.id == id) else {
            return VecDeque::new();
        };
        entry.applied.held = 0;
        let held = core::mem::take(&mut entry.held);
        self.held -= held.iter().map(|(_, it)| super::size(it)).sum::<usize>();
        held
    }

    pub(super) fn applied(&self, id: RuleId) -> Applied {
        self.list
            .iter()
            .find(|it| it.id == id)
            .map(|it| it.applied)
            .unwrap_or_default()
    }

    /// Forgets all rules, and says how many frames they held.
    pub(super) fn clear(&mut self) -> usize {
        let held = self.list.iter().map(|it| it.held.len()).sum();
        self.list.clear();
        self.held = 0;
        held
    }

    /// The fate of a frame, if a rule decides about it. A held frame is kept here. The word is trouble with a rule.
    pub(super) fn decide(
        &mut self,
        origin: Origin,
        bytes: &Arc<[u8]>,
    ) -> (Option<Fate>, Option<&'static str>) {
        let mut trouble = None;
        let mut decided = None;
        for (index, entry) in self.list.iter_mut().enumerate() {
            match matches(&entry.rule.pattern, origin, bytes) {
                Some(true) => {}
                Some(false) => continue,
                None => {
                    trouble = Some("a pattern of the case panicked: taken as no match");
                    continue;
                }
            }
            entry.applied.matched += 1;
            if decided.is_none() && entry.rule.when.includes(entry.applied.matched) {
                entry.applied.applied += 1;
                decided = Some(index);
            }
        }
        let Some(entry) = decided.and_then(|index| self.list.get_mut(index)) else {
            return (None, trouble);
        };
        let fate = match &entry.rule.action {
            Action::Pass => Fate::Passed,
            Action::Drop => Fate::Dropped("rule"),
            Action::Delay(by) => Fate::Delayed(*by),
            Action::Duplicate(times) => Fate::Duplicated((*times).min(MOST_COPIES)),
            Action::Hold if self.held + super::size(bytes) > MOST_HELD => Fate::Dropped("full"),
            Action::Hold => {
                self.held += super::size(bytes);
                entry.applied.held += 1;
                entry.held.push_back((origin.towards(), Arc::clone(bytes)));
                Fate::Held
            }
            Action::Change(change) => {
                let mut changed = bytes.to_vec();
                match catch_unwind(AssertUnwindSafe(|| change(&mut changed))) {
                    Ok(()) => Fate::Changed(changed.into()),
                    Err(_) => {
                        trouble =
                            Some("a change of the case panicked: the frame went on as it was");
                        Fate::Passed
                    }
                }
            }
        };
        (Some(fate), trouble)
    }
}

/// Whether a pattern matches; `None` if it panicked, which must not end the cable.
pub(super) fn matches(pattern: &Pattern, origin: Origin, bytes: &[u8]) -> Option<bool> {
    catch_unwind(AssertUnwindSafe(|| pattern.matches(origin, bytes))).ok()
}
