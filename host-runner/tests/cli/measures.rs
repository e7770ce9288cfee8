//! What `hil bench` measures, and that it claims nothing else.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bench::{Bench, Finished};

fn figures(finished: &Finished) -> Value {
    let [line] = finished.events().try_into().unwrap_or_else(|lines| {
        panic!("not one line: {lines:?}; {}", finished.stderr);
    });
    line
}

/// The number at a path of keys.
fn number(figures: &Value, keys: &[&str]) -> f64 {
    let value = keys.iter().fold(figures, |value, key| &value[key]);
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{keys:?} is no number in {figures}"))
}

#[test]
fn a_native_board_has_all_figures_but_sizes() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace");
    // A cold build may take longer than the benchmark is given.
    let built = Command::new(env!("CARGO"))
        .args(["xtask", "firmware", "--quiet", "native-posix"])
        .current_dir(workspace)
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );

    let bench = Bench::of(&[]);
    let boards = workspace.join("boards.toml");
    let finished = bench.hil(&[
        "bench",
        "--boards",
        boards.to_str().expect("a plain path"),
        "--board",
        "native-posix",
        "--samples",
        "7",
        "--out",
        "run",
        "--json",
        "-",
    ]);
    assert_eq!(finished.exit, Some(0), "{}", finished.stderr);
    let figures = figures(&finished);

    for (spread, most) in [
        (&["link_rtt_us"][..], 1e6),
        (&["case_overhead_ms"], 5e3),
        (&["case_overhead_ms", "open_close"], 5e3),
        (&["case_overhead_ms", "echo_64"], 5e3),
    ] {
        let at = |percentile| number(&figures, &[spread, &[percentile]].concat());
        let (p50, p99) = (at("p50"), at("p99"));
        assert!(
            0.0 < p50 && p50 <= p99 && p99 < most,
            "{spread:?}: {figures}"
        );
    }
    for rate in ["link_throughput_kib_s", "tcp_goodput_mbit"] {
        for way in ["to_board", "from_board"] {
            assert!(number(&figures, &[rate, way]) > 1.0, "{rate}: {figures}");
        }
    }
    let start = number(&figures, &["start_to_first_case_ms"]);
    assert!(0.0 < start && start < 10e3, "{figures}");
    for size in ["text_bytes", "ram_bytes"] {
        assert_eq!(figures.get(size), Some(&Value::Null), "{size}: {figures}");
    }
    assert_eq!(figures["board"], "native-posix");
    assert_eq!(figures["emulated"], false);

    let run = bench.path().join("run/native-posix");
    let samples = fs::read_to_string(run.join("samples.csv")).expect("raw samples");
    let of = |measure: &str| {
        let begin = format!("{measure},");
        samples
            .lines()
            .filter(|line| line.starts_with(&begin))
            .count()
    };
    assert_eq!((of("open_close"), of("echo_64")), (7, 7));
    assert!(of("link_round_trip") >= 500);
    assert!(of("goodput_to_board") >= 4 && of("goodput_from_board") >= 4);
    let journal = fs::read_to_string(run.join("overhead/events.jsonl")).expect("a journal");
    assert_eq!(journal.matches("\"case-finished\"").count(), 14);
}

#[test]
fn what_does_not_work_has_no_figure() {
    // It answers every request with success and does nothing.
    let bench = Bench::of(&["obedient"]);
    let finished = bench.hil(&[
        "bench",
        "--board",
        "obedient",
        "--samples",
        "2",
        "--json",
        "-",
    ]);
    assert_eq!(finished.exit, Some(100), "{}", finished.stderr);
    let figures = figures(&finished);
    assert_eq!(figures["case_overhead_ms"], Value::Null, "{figures}");
    for rate in ["link_throughput_kib_s", "tcp_goodput_mbit"] {
        for way in ["to_board", "from_board"] {
            assert_eq!(figures[rate][way], Value::Null, "{figures}");
        }
    }
    assert!(number(&figures, &["link_rtt_us", "p50"]) > 0.0, "{figures}");
    assert!(
        finished
            .stderr
            .contains("not measured: bench/echo-64 is fail"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_board_that_does_not_start_has_no_figures() {
    let bench = Bench::of(&["silent"]);
    let finished = bench.hil(&[
        "bench",
        "--board",
        "silent",
        "--samples",
        "1",
        "--json",
        "-",
    ]);
    assert_eq!(finished.exit, Some(97), "{}", finished.stderr);
    let figures = figures(&finished);
    assert_eq!(figures["link_rtt_us"], Value::Null, "{figures}");
    assert_eq!(figures["start_to_first_case_ms"], Value::Null, "{figures}");
}

#[test]
fn a_link_that_is_not_there_is_refused_before_anything_starts() {
    let bench = Bench::of(&["silent"]);
    let finished = bench.hil(&[
        "bench", "--board", "silent", "--link", "unix", "--link", "rtt", "--out", "measured",
    ]);
    assert_eq!(finished.exit, Some(96), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("has no link \"rtt\""),
        "{}",
        finished.stderr
    );
    assert!(
        !finished.stderr.contains("measuring"),
        "{}",
        finished.stderr
    );
    assert!(!bench.path().join("measured").exists());
}

#[test]
fn an_interrupted_benchmark_claims_nothing() {
    let bench = Bench::of(&["silent"]);
    let mut hil = Command::new(env!("CARGO_BIN_EXE_hil"))
        .args(["bench", "--board", "silent", "--json", "-"])
        .current_dir(bench.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("hil starts");
    // From this line on it listens for signals, and the agent lets it wait for seconds.
    let mut line = String::new();
    let mut stderr = BufReader::new(hil.stderr.take().expect("a pipe"));
    stderr.read_line(&mut line).expect("a line");
    assert_eq!(line, "measuring silent …\n");
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&hil),
        rustix::process::Signal::INT,
    )
    .expect("it lives");
    let output = hil.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let figures: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!(figures["case_overhead_ms"], Value::Null);
    assert_eq!(figures["start_to_first_case_ms"], Value::Null);
}
