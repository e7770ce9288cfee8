//! Every reporter over the same canned run, as snapshots; and reading a journal back.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use hil_kit::Violation;

use super::*;
use crate::event::{
    BoardFailed, BoardLost, BoardPreparing, BoardRecovery, BoardRestarted, BoardStarted,
    CaseFinished, CaseStarted, CrashReport, DeviationProblem, Event, Frame, Identity, LogLine,
    RunFinished, RunStarted, SCHEMA, Step, Tally, Trace, Trait, Verdict,
};

/// A buffer that can be looked at while somebody else owns the writing end.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics here").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("nobody panics here").clone())
            .expect("reports are text")
    }
}

fn case(name: &str, verdict: Verdict) -> CaseFinished {
    CaseFinished {
        board: "bench".into(),
        case: format!("tcp/recv/{name}"),
        verdict,
        cause: None,
        elapsed_ms: 12.345,
        reason: None,
        suite: "tcp".into(),
        title: "recv does what it should.".into(),
        level: "MUST".into(),
        cites: vec!["tcp.recv.it".into(), "STR-01".into()],
        source: "suites/src/tcp/recv.rs:8".into(),
        round: 0,
        attempts: 1,
        violation: None,
        deviation: None,
        lenient: Vec::new(),
        traits: Vec::new(),
        jitter_us: 120,
        left_open: 0,
        left_calls: 0,
        steps: Vec::new(),
        transcript: Vec::new(),
        crash: None,
        log: Vec::new(),
        evidence: Vec::new(),
        again: format!("cargo hil run --board bench --seed 7 tcp/recv/{name}"),
    }
}

fn because(verdict: Verdict, name: &str, cause: Option<&str>, reason: &str) -> CaseFinished {
    CaseFinished {
        cause: cause.map(str::to_owned),
        reason: Some(reason.into()),
        ..case(name, verdict)
    }
}

fn said(at_us: u64, level: &str, text: &str) -> LogLine {
    LogLine {
        at_us: Some(at_us),
        level: Some(level.into()),
        text: text.into(),
        at: Some("target-fw/agent/src/work.rs:7".into()),
    }
}

fn failed() -> CaseFinished {
    CaseFinished {
        violation: Some(Violation {
            key: "recv.after-reset".into(),
            call: "recv(64) on tcp#3".into(),
            expected: "NO_CONNECTION".into(),
            observed: "OK, 0 bytes".into(),
            at: "suites/src/tcp/recv.rs:41".into(),
            slack: None,
        }),
        left_open: 1,
        steps: (1..40)
            .map(|n| Step {
                at_ms: f64::from(n),
                text: format!("iut: step {n}"),
            })
            .collect(),
        transcript: vec![
            "     0.100 ms  → #7 recv".into(),
            "     0.200 ms  ← #7 OK".into(),
        ],
        crash: None,
        log: (0..20)
            .map(|n| said(1_500_000 + n, "debug", &format!("turn {n}")))
            .chain([said(1_600_000, "error", "recv failed\nin two lines")])
            .collect(),
        evidence: vec!["bench/link.log".into(), "bench/target.log".into()],
        ..because(
            Verdict::Fail,
            "after-reset",
            None,
            "recv(64) on tcp#3: expected NO_CONNECTION, observed OK, 0 bytes",
        )
    }
}

fn frame(address: u32, function: &str, place: Option<(&str, u32)>, inlined: bool) -> Frame {
    Frame {
        address,
        function: function.into(),
        file: place.map(|(file, _)| file.into()),
        line: place.map(|(_, line)| line),
        inlined,
    }
}

/// As a probe sees it.
fn bus_fault() -> CrashReport {
    CrashReport {
        kind: "bus fault".into(),
        message: None,
        fault: vec![
            "precise data access error at 0x30000000".into(),
            "escalated to a hard fault: its own handler is off, or was at work".into(),
        ],
        registers: (0..6)
            .map(|number| (format!("r{number}"), number << 28))
            .collect(),
        frames: vec![
            frame(0x400, "HardFault", Some(("board/src/fault.rs", 51)), false),
            frame(
                0x1234,
                "core::ptr::read_volatile",
                Some(("core/src/ptr/mod.rs", 2155)),
                true,
            ),
            frame(
                0x1234,
                "board::crash::read<& more>",
                Some(("board/src/crash.rs", 31)),
                false,
            ),
            frame(0x2345, "main", None, false),
        ],
        trace: Trace::Unwound,
    }
}

/// As the stack tells it.
fn overflow() -> CrashReport {
    CrashReport {
        kind: "stack overflow".into(),
        message: Some("down to 0x20fffff0".into()),
        fault: vec!["data access that memory protection forbids at 0x20fffff8".into()],
        frames: (0..20)
            .map(|number| frame(number, "board::crash::deeper", None, false))
            .collect(),
        registers: Vec::new(),
        trace: Trace::StackScan,
    }
}

fn all_verdicts() -> Vec<CaseFinished> {
    vec![
        CaseFinished {
            steps: vec![Step {
                at_ms: 0.2,
                text: "iut: recv → OK, 10 bytes".into(),
            }],
            log: vec![said(1_400_123, "info", "10 bytes")],
            ..case("passes", Verdict::Pass)
        },
        because(
            Verdict::Lenient,
            "lenient",
            None,
            "D-06: AT modems keep saying 0",
        ),
        CaseFinished {
            traits: vec![Trait {
                name: "backlog".into(),
                value: "4".into(),
            }],
            ..case("noted", Verdict::Noted)
        },
        failed(),
        CaseFinished {
            violation: failed().violation,
            crash: Some(Box::new(bus_fault())),
            ..because(
                Verdict::Fail,
                "crashes",
                Some("crash"),
                &bus_fault().to_string(),
            )
        },
        CaseFinished {
            crash: Some(Box::new(overflow())),
            ..because(
                Verdict::Fail,
                "overflows",
                Some("crash"),
                &overflow().to_string(),
            )
        },
        CaseFinished {
            deviation: Some("the kernel forgets".into()),
            ..because(Verdict::Xfail, "known", None, "the kernel forgets")
        },
        because(
            Verdict::Xpass,
            "repaired",
            None,
            "the deviation \"x\" (posix.toml:3) is listed and did not show",
        ),
        CaseFinished {
            attempts: 2,
            ..because(
                Verdict::Flaky,
                "flaky",
                None,
                "pass at attempt 2 of 2, after: it failed",
            )
        },
        CaseFinished {
            attempts: 0,
            elapsed_ms: 0.0,
            ..because(
                Verdict::Unsupported,
                "unsupported",
                None,
                "ipv6 is not claimed",
            )
        },
        CaseFinished {
            attempts: 0,
            elapsed_ms: 0.0,
            ..because(
                Verdict::Skipped,
                "skipped",
                None,
                "lan user has no address that nobody answers",
            )
        },
        because(
            Verdict::Infra,
            "slow",
            Some("rig-slow"),
            "something planned was 50 ms late",
        ),
        because(
            Verdict::BoardLost,
            "lost",
            Some("silent"),
            "the agent is silent",
        ),
        CaseFinished {
            attempts: 0,
            elapsed_ms: 0.0,
            ..because(Verdict::BoardLost, "after", Some("given-up"), "given up")
        },
    ]
}

/// A run in which everything happens.
fn canned() -> Vec<Record> {
    let mut events = vec![
        Event::RunStarted(RunStarted {
            schema: SCHEMA,
            run: "20261122-171500-42".into(),
            dir: "target/hil/20261122-171500-42".into(),
            boards: vec!["bench".into(), "absent".into()],
            cases: 13,
            repeat: 1,
            seed: 7,
            impair: None,
            argv: vec!["run".into()],
            version: "0.1.0".into(),
            started: "2026-11-22T17:15:00Z".into(),
        }),
        Event::BoardPreparing(BoardPreparing {
            board: "bench".into(),
        }),
        Event::BoardFailed(BoardFailed {
            board: "absent".into(),
            reason: "no such port".into(),
            cases: 1,
        }),
        Event::BoardStarted(Box::new(BoardStarted {
            board: "bench".into(),
            identity: Identity {
                board: "bench".into(),
                port: "smoltcp".into(),
                build_id: "0123456789abcdef".into(),
                protocol: 1,
                classes: vec!["ip".into()],
                capabilities: vec!["ipv4".into(), "tcp".into()],
            },
            link: "serial".into(),
            image: Some("flashed in 0.6 s".into()),
            lan: "user".into(),
            lan_reason: Some("no wire can be made: HIL_NO_WIRE is set".into()),
            start_to_ready_ms: 123.4,
            log: vec![
                LogLine {
                    text: "plain text".into(),
                    ..LogLine::default()
                },
                said(12, "warn", "boots"),
            ],
        })),
    ];
    for finished in all_verdicts() {
        let started = CaseStarted {
            board: "bench".into(),
            case: finished.case.clone(),
            round: 0,
            attempt: 1,
        };
        events.extend([
            Event::CaseStarted(started),
            Event::CaseFinished(Box::new(finished)),
        ]);
    }
    let absent = CaseFinished {
        board: "absent".into(),
        attempts: 0,
        ..because(Verdict::Infra, "passes", Some("link"), "no such port")
    };
    events.extend([
        Event::BoardLost(BoardLost {
            board: "bench".into(),
            case: Some("tcp/recv/lost".into()),
            reason: "the agent is silent".into(),
        }),
        Event::BoardRecovery(BoardRecovery {
            board: "bench".into(),
            step: "resync".into(),
            ok: false,
            elapsed_ms: 1001.0,
            reason: Some("no answer within 1000 ms".into()),
        }),
        Event::BoardRecovery(BoardRecovery {
            board: "bench".into(),
            step: "reset".into(),
            ok: true,
            elapsed_ms: 98.0,
            reason: None,
        }),
        Event::BoardRestarted(BoardRestarted {
            board: "bench".into(),
            restarts: 1,
            start_to_ready_ms: 99.0,
            log: vec![said(12, "warn", "boots again")],
        }),
        Event::CaseFinished(Box::new(absent)),
        Event::DeviationProblem(DeviationProblem {
            board: "bench".into(),
            at: "suites/deviations/smoltcp.toml:3".into(),
            pattern: "tcp/old".into(),
            problem: "stale".into(),
            text: "no case matches \"tcp/old\" any more: correct the entry or remove it".into(),
        }),
    ]);
    let mut tally = Tally::default();
    events.iter().for_each(|event| tally.count(event));
    events.push(Event::RunFinished(RunFinished {
        verdicts: tally.by_word(),
        exit: tally.exit().code(),
        elapsed_ms: 4321,
    }));
    events
        .into_iter()
        .zip(0..)
        .map(|(event, at_ms)| Record { event, at_ms })
        .collect()
}

fn on_console(detail: Detail, colour: bool, records: Vec<Record>) -> String {
    let page = Page::default();
    let console = Console::new(
        Output::Plain(Box::new(page.clone())),
        Paint::new(colour),
        detail,
    );
    assert!(drive(records, vec![Box::new(console)]).is_empty());
    page.text()
}

#[test]
fn console() {
    insta::assert_snapshot!(on_console(Detail::Usual, false, canned()));
}

#[test]
fn console_with_all_details() {
    insta::assert_snapshot!(on_console(Detail::Verbose, false, canned()));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let coloured = on_console(Detail::Verbose, true, canned());
    assert!(coloured.contains("\x1b[32m"));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\x1b') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    assert_eq!(plain, on_console(Detail::Verbose, false, canned()));
}

#[test]
fn many_failures_are_cut_short_unless_asked_for() {
    let mut records = canned();
    let end = records.pop().expect("the last event");
    for n in 0..20 {
        let more = CaseFinished {
            case: format!("tcp/recv/more-{n}"),
            ..failed()
        };
        records.push(Record {
            event: Event::CaseFinished(Box::new(more)),
            at_ms: 9,
        });
    }
    records.push(end);
    let usual = on_console(Detail::Usual, false, records.clone());
    assert!(usual.contains("… and 15 more that need a look"), "{usual}");
    assert!(!on_console(Detail::Verbose, false, records).contains("… and"));
}

#[test]
fn json_lines() {
    let page = Page::default();
    assert!(
        drive(
            canned(),
            vec![Box::new(JsonLines::new("page", page.clone()))]
        )
        .is_empty()
    );
    let text = page.text();
    insta::assert_snapshot!(text);
    let last: serde_json::Value =
        serde_json::from_str(text.lines().last().expect("a line")).expect("an object");
    assert_eq!(
        (last["event"].as_str(), last["exit"].as_u64()),
        (Some("run-finished"), Some(100))
    );
}

#[test]
fn junit() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("junit.xml");
    assert!(drive(canned(), vec![Box::new(JUnit::new(path.clone()))]).is_empty());
    insta::assert_snapshot!(std::fs::read_to_string(path).expect("it was written"));
}

#[test]
fn a_journal_reads_back_as_it_was_written() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("run-1");
    let journal = journal::create(&dir, Some(root.path())).expect("a journal");
    assert!(drive(canned(), vec![Box::new(journal)]).is_empty());
    assert_eq!(
        journal::read("run-1", root.path()).expect("it reads"),
        canned()
    );
    assert_eq!(
        journal::read(journal::LATEST, root.path()).expect("it reads"),
        canned()
    );
    let by_path = dir.display().to_string();
    assert_eq!(
        journal::read(&by_path, root.path()).expect("it reads"),
        canned()
    );
}

#[test]
fn a_journal_that_was_cut_off_reads_up_to_there_and_a_damaged_one_says_where() {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("run-1");
    drop(journal::create(&dir, None).expect("a journal"));
    let good = canned()
        .iter()
        .take(2)
        .map(|r| serde_json::to_string(r).expect("text") + "\n")
        .collect::<String>();
    let read = |text: String| {
        std::fs::write(dir.join(journal::EVENTS), text).expect("written");
        journal::read("run-1", root.path())
            .map(|records| records.len())
            .map_err(|error| error.to_string())
    };
    assert_eq!(read(good.clone()), Ok(2));
    assert_eq!(read(good.clone() + "{\"event\":\"case-st"), Ok(2));
    let error = read(good.clone() + "nonsense\n" + &good).expect_err("damaged");
    assert!(error.contains("events.jsonl:3: not an event"), "{error}");
    let own = format!("\"schema\":{SCHEMA}");
    let error = read(good.replace(&own, "\"schema\":99")).expect_err("too new");
    assert!(
        error.ends_with(&format!(
            "written with schema 99; this hil reads up to {SCHEMA}"
        )),
        "{error}"
    );
    let error = journal::read("run-2", root.path())
        .expect_err("none")
        .to_string();
    assert!(
        error.starts_with("there is no run run-2") && error.ends_with("; the last runs: run-1"),
        "{error}"
    );
}

#[test]
fn a_reporter_that_fails_does_not_stop_the_others() {
    struct Broken;
    impl Reporter for Broken {
        fn name(&self) -> &str {
            "broken"
        }
        fn record(&mut self, _: &Record) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let page = Page::default();
    let failures = drive(
        canned(),
        vec![
            Box::new(Broken),
            Box::new(JsonLines::new("page", page.clone())),
        ],
    );
    assert_eq!(
        failures
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["broken"]
    );
    assert_eq!(page.text().lines().count(), canned().len());
}

#[test]
fn times_as_people_read_them() {
    let table = BTreeMap::from([
        (40, "0.0 ms"),
        (9_940, "9.9 ms"),
        (12_400, "12 ms"),
        (1_250_000, "1.2 s"),
        (250_000_000, "250 s"),
    ]);
    for (us, expected) in table {
        assert_eq!(duration(f64::from(us) / 1e3), expected);
    }
}
