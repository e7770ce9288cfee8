//! For tests: a cable in memory. The test plays the board; what goes to it waits in a queue, or is handed to a
//! responder that plays it.

use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::mpsc;

use super::{
    Action, Applied, Cable, End, Fate, Frame, Impairment, Origin, Pattern, Rule, RuleId, WirePlan,
};
use crate::rig::BoxFuture;

/// Plays the board: what it sends when it gets a frame.
pub(crate) type Responder = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>> + Send>;

struct Ruled {
    id: RuleId,
    rule: Rule,
    applied: Applied,
    held: Vec<(End, Vec<u8>)>,
}

#[derive(Default)]
struct Inside {
    frames: Vec<Frame>,
    taps: Vec<(Pattern, mpsc::UnboundedSender<Frame>)>,
    rules: Vec<Ruled>,
    next: u64,
    arrived: Vec<(End, Vec<u8>)>,
    up: bool,
    spoiled: Option<&'static str>,
}

/// The cable.
pub(crate) struct FakeCable {
    began: Instant,
    inside: Mutex<Inside>,
    responder: Mutex<Option<Responder>>,
}

impl FakeCable {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            inside: Mutex::new(Inside {
                up: true,
                ..Inside::default()
            }),
            responder: Mutex::new(None),
        })
    }

    /// From now on `responder` plays the board.
    pub(crate) fn board(&self, responder: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) {
        let mut place = self
            .responder
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *place = Some(Box::new(responder));
    }

    /// From now on the cable itself has done wrong.
    pub(crate) fn spoil(&self, what: &'static str) {
        self.inside().spoiled = Some(what);
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One end sends a frame.
    pub(crate) fn send(&self, from: End, bytes: impl Into<Vec<u8>>) {
        let bytes = bytes.into();
        let origin = Origin::Sent(from);
        let mut out = Vec::new();
        {
            let mut inside = self.inside();
            let mut fate = if inside.up {
                Fate::Passed
            } else {
                Fate::Dropped("cut")
            };
            let mut decided = false;
            for ruled in &mut inside.rules {
                if !ruled.rule.pattern.matches(origin, &bytes) || decided {
                    continue;
                }
                ruled.applied.matched += 1;
                if !ruled.rule.when.includes(ruled.applied.matched) {
                    continue;
                }
                decided = true;
                ruled.applied.applied += 1;
                fate = match &ruled.rule.action {
                    Action::Pass => Fate::Passed,
                    Action::Drop => Fate::Dropped("rule"),
                    Action::Delay(by) => Fate::Delayed(*by),
                    Action::Duplicate(times) => Fate::Duplicated(*times),
                    Action::Hold => {
                        ruled.held.push((from.other(), bytes.clone()));
                        ruled.applied.held += 1;
                        Fate::Held
                    }
                    Action::Change(change) => {
                        let mut changed = bytes.clone();
                        change(&mut changed);
                        Fate::Changed(changed.into())
                    }
                };
            }
            let frame = Frame {
                at: self.began.elapsed(),
                origin,
                bytes: bytes.into(),
                fate,
            };
            let times = match frame.fate {
                Fate::Held => 0,
                Fate::Duplicated(times) => times,
                _ => 1,
            };
            if let Some(bytes) = frame.delivered() {
                for _ in 0..times {
                    out.push((from.other(), bytes.to_vec()));
                }
            }
            inside.record(frame);
        }
        self.arrive(out);
    }

    /// What has arrived at the ends since the last call.
    pub(crate) fn arrived(&self) -> Vec<(End, Vec<u8>)> {
        core::mem::take(&mut self.inside().arrived)
    }

    fn arrive(&self, out: Vec<(End, Vec<u8>)>) {
        let mut replies = Vec::new();
        for (end, bytes) in out {
            if end == End::Board {
                let mut responder = self
                    .responder
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if let Some(responder) = responder.as_mut() {
                    replies.extend(responder(&bytes));
                }
            }
            self.inside().arrived.push((end, bytes));
        }
        for reply in replies {
            self.send(End::Board, reply);
        }
    }
}

impl Inside {
    fn record(&mut self, frame: Frame) {
        self.taps.retain(|(pattern, tap)| {
            !pattern.matches(frame.origin, &frame.bytes) || tap.send(frame.clone()).is_ok()
        });
        self.frames.push(frame);
    }
}

impl Cable for FakeCable {
    fn plan(&self) -> WirePlan {
        WirePlan::STANDARD
    }

    fn inject(&self, to: End, frame: Vec<u8>) {
        self.inside().record(Frame {
            at: self.began.elapsed(),
            origin: Origin::Injected(to),
            bytes: frame.clone().into(),
            fate: Fate::Passed,
        });
        self.arrive(vec![(to, frame)]);
    }

    fn tap(&self, pattern: Pattern) -> mpsc::UnboundedReceiver<Frame> {
        let (send, receive) = mpsc::unbounded_channel();
        self.inside().taps.push((pattern, send));
        receive
    }

    fn add_rule(&self, rule: Rule) -> RuleId {
        let mut inside = self.inside();
        inside.next += 1;
        let id = RuleId(inside.next);
        inside.rules.push(Ruled {
            id,
            rule,
            applied: Applied::default(),
            held: Vec::new(),
        });
        id
    }

    fn remove_rule(&self, id: RuleId) {
        self.release(id);
        self.inside().rules.retain(|ruled| ruled.id != id);
    }

    fn release(&self, id: RuleId) {
        let mut out = Vec::new();
        for ruled in &mut self.inside().rules {
            if ruled.id == id {
                ruled.applied.held = 0;
                out.append(&mut ruled.held);
            }
        }
        self.arrive(out);
    }

    fn applied(&self, id: RuleId) -> Applied {
        let inside = self.inside();
        let ruled = inside.rules.iter().find(|ruled| ruled.id == id);
        ruled.map_or_else(Applied::default, |ruled| ruled.applied)
    }

    fn impair(&self, _impairment: Option<Impairment>) {}

    fn set_link(&self, up: bool) -> BoxFuture<'_, io::Result<()>> {
        self.inside().up = up;
        Box::pin(async { Ok(()) })
    }

    fn begin_case(&self, _case: &str) {
        let mut inside = self.inside();
        inside.frames.clear();
        inside.rules.clear();
        inside.up = true;
    }

    fn frames(&self) -> (Vec<Frame>, bool) {
        (self.inside().frames.clone(), false)
    }

    fn spoiled(&self) -> Option<&'static str> {
        self.inside().spoiled
    }

    fn flush_neighbours(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until `holds`, as long as a test may take.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "it never came");
        tokio::task::yield_now().await;
    }
}
