//! The events themselves. A field that is added raises [`SCHEMA`]; fields are never renamed or reused.

use std::collections::BTreeMap;

use hil_kit::Violation;
use serde::{Deserialize, Serialize};

use super::{CrashReport, LogLine, Verdict};

/// Version of the event stream, in every [`RunStarted`].
pub const SCHEMA: u32 = 3;

/// An event and when it happened: a line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// Milliseconds since the run began.
    pub at_ms: u64,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// First event of every run.
    RunStarted(RunStarted),
    /// A board's image is being built or checked, which may take minutes.
    BoardPreparing(BoardPreparing),
    /// A board is up and its agent has been greeted.
    BoardStarted(Box<BoardStarted>),
    /// A board did not come up; its cases follow as `infra`.
    BoardFailed(BoardFailed),
    /// A case begins on a board.
    CaseStarted(CaseStarted),
    /// A case has its verdict.
    CaseFinished(Box<CaseFinished>),
    /// A board went away.
    BoardLost(BoardLost),
    /// A step was taken to get a lost board back.
    BoardRecovery(BoardRecovery),
    /// A lost board is back.
    BoardRestarted(BoardRestarted),
    /// An entry of a deviations file that no longer holds.
    DeviationProblem(DeviationProblem),
    /// Last event of every run.
    RunFinished(RunFinished),
}

/// See [`Event::RunStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// Id of the run, which is also the name of its directory.
    pub run: String,
    /// Directory of the run.
    pub dir: String,
    /// Boards asked for.
    pub boards: Vec<String>,
    /// How many cases were selected, per board.
    pub cases: u64,
    /// How often each of them runs (`--repeat`).
    pub repeat: u32,
    /// Seed of all randomness.
    pub seed: u64,
    /// What the cable does to every frame (`--impair`), if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impair: Option<String>,
    /// The command line, without the program.
    pub argv: Vec<String>,
    /// Version of the runner.
    pub version: String,
    /// Start, RFC 3339 in UTC.
    pub started: String,
}

/// See [`Event::BoardPreparing`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoardPreparing {
    /// Name in `boards.toml`.
    pub board: String,
}

/// Who answered on a board.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Name the agent gives its board.
    pub board: String,
    /// Name the agent gives its port.
    pub port: String,
    /// GNU build id, hexadecimal.
    pub build_id: String,
    /// Protocol number of the agent.
    pub protocol: u16,
    /// Claimed classes: `ip`, `nidd`.
    pub classes: Vec<String>,
    /// Claimed capabilities and options, by name.
    pub capabilities: Vec<String>,
}

/// See [`Event::BoardStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardStarted {
    /// Name in `boards.toml`.
    pub board: String,
    /// Who answered.
    pub identity: Identity,
    /// Kind of link.
    pub link: String,
    /// How the image got onto the board, where the runner had to do with it: `flashed in 0.6 s` or `already there`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Kind of lan.
    pub lan: String,
    /// Why it is no better one, where the runner chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lan_reason: Option<String>,
    /// From the decision to start it up to the end of the greeting.
    pub start_to_ready_ms: f64,
    /// What the target wrote to its log until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
}

/// See [`Event::BoardFailed`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardFailed {
    /// Name in `boards.toml`.
    pub board: String,
    /// Why, with what to do about it.
    pub reason: String,
    /// How many cases cannot run because of it.
    pub cases: u64,
}

/// See [`Event::CaseStarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseStarted {
    /// Board.
    pub board: String,
    /// Id of the case.
    pub case: String,
    /// Which repetition of `--repeat`, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// Which attempt, from 1.
    pub attempt: u32,
}

/// See [`Event::CaseFinished`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseFinished {
    /// Board.
    pub board: String,
    /// Id of the case.
    pub case: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What kind of it: `crash`, `hang`, `silent`, `rig-slow`, `fixture` and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How long all attempts took.
    pub elapsed_ms: f64,
    /// Why, in a sentence; `null` where the verdict says it all.
    pub reason: Option<String>,
    /// Suite.
    pub suite: String,
    /// The requirement as one sentence.
    pub title: String,
    /// Level of the requirement: `MUST`, `SHOULD` or `MAY`.
    pub level: String,
    /// Requirements and catalogue entries it cites.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cites: Vec<String>,
    /// Where the case stands, `file:line`.
    pub source: String,
    /// Which repetition of `--repeat`, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// How often it was tried.
    pub attempts: u32,
    /// What was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
    /// Reason of the deviations entry that applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<String>,
    /// Reasons of allowed alternatives that were used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lenient: Vec<String>,
    /// Traits that characterisation found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<Trait>,
    /// Longest delay that runner and board saw for something planned, in microseconds.
    #[serde(default)]
    pub jitter_us: u64,
    /// Sockets that the case left open.
    #[serde(default, skip_serializing_if = "is_zero_u16")]
    pub left_open: u16,
    /// Calls that the case left in flight.
    #[serde(default, skip_serializing_if = "is_zero_u16")]
    pub left_calls: u16,
    /// What both sides did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The fault, panic, lockup or endless loop that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crash: Option<Box<CrashReport>>,
    /// What the target wrote to its log meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
    /// The link's transcript of this case (its end), where somebody has to look at it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub transcript: Vec<String>,
    /// Files with more, relative to the directory of the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
    /// The command that repeats just this case.
    pub again: String,
}

impl CaseFinished {
    /// Verdict with its cause: `fail(crash)`.
    #[must_use]
    pub fn verdict_word(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}({cause})", self.verdict),
            None => self.verdict.name().into(),
        }
    }
}

/// One thing that one side did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds since the case began.
    pub at_ms: f64,
    /// What.
    pub text: String,
}

/// Something characteristic of a port.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trait {
    /// Name.
    pub name: String,
    /// Value.
    pub value: String,
}

/// See [`Event::BoardLost`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardLost {
    /// Board.
    pub board: String,
    /// Case that was running, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// How it showed.
    pub reason: String,
}

/// See [`Event::BoardRecovery`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardRecovery {
    /// Board.
    pub board: String,
    /// `resync`, `reset`, `reflash`, `power` or `start-again`: each does more than the one before.
    pub step: String,
    /// Whether the agent was there afterwards.
    pub ok: bool,
    /// How long it took.
    pub elapsed_ms: f64,
    /// Why it did not help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// See [`Event::BoardRestarted`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoardRestarted {
    /// Board.
    pub board: String,
    /// How many restarts there were, this one included.
    pub restarts: u32,
    /// From the decision to start it up to the end of the greeting.
    pub start_to_ready_ms: f64,
    /// What the target wrote to its log until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<LogLine>,
}

/// See [`Event::DeviationProblem`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeviationProblem {
    /// Board whose port the file belongs to.
    pub board: String,
    /// The file and line of the entry.
    pub at: String,
    /// Its case pattern.
    pub pattern: String,
    /// `stale` or `expired`.
    pub problem: String,
    /// In words, with what to do.
    pub text: String,
}

/// See [`Event::RunFinished`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFinished {
    /// How many cases got which verdict; every word is present.
    pub verdicts: BTreeMap<String, u64>,
    /// Exit code of the run.
    pub exit: u8,
    /// How long it took.
    pub elapsed_ms: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references to these predicates"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands references to these predicates"
)]
fn is_zero_u16(number: &u16) -> bool {
    *number == 0
}
