//! The arguments (design §8). Doc comments here are the help texts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hil_kit::Profile;

use crate::lan::Lan;
use crate::link::LinkKind;
use crate::plan;

const EXITS: &str = "\
Exit codes:
    0  conforms
    4  nothing selected
   96  bad configuration or command line
   97  rig trouble: infra or board-lost
  100  violated: fail, flaky or xpass
  101  stale or expired deviations
  130  interrupted
`hil explain exit` says more.";

const RUN_EXAMPLES: &str = "\
Examples:
  hil run                                   all cases on the default board
  hil run --board native-posix --suite tcp  one suite on the host's own sockets
  hil run tcp/recv                          cases whose id contains tcp/recv
  hil run 'udp/*/truncat*'                  cases whose id fits a pattern
  hil run --repeat 10 --json events.jsonl   ten times, with every event in a file";

const BOARDS_EXAMPLES: &str = "\
Examples:
  hil boards                     what boards.toml names
  hil boards --discover          what is plugged in, ready to paste
  hil boards --chips stm32f407   how probe-rs calls a chip";

const BENCH_NOTES: &str = "\
The figures are those of this machine in this moment: leave it alone meanwhile. The raw samples
are in <run>/<board>/samples.csv, of several links in <run>/<board>/<link>/samples.csv.

Examples:
  hil bench                                        the default board
  hil bench --board native-posix --json -          as an object of JSON
  hil bench --board native-posix --samples 1000    with a better 99th percentile
  hil bench --link serial --link rtt               both links of the default board, side by side";

const PROBE_SERVE_NOTES: &str = "\
The board starts with an empty flash: the client flashes it. One client at a time; a second one
waits half a second for the first to leave, then it is turned away. When a client leaves, the core
runs on. After a lockup of the core, which ends the emulator, there is a new board: its memory is
the same, its flash is empty.

Examples:
  hil probe serve                              the default board
  hil probe serve --board qemu-mps2-an385      prints what to tell probe-rs, and a board for boards.toml

Exit codes: 130 ended by Ctrl-C or a signal; 96 no board that can be served; 97 the emulator ended.";

const TARGET_TEST_NOTES: &str = "\
A test is run alone, after a reset, and has its own time; the tests of a defmt-test image run in one go.
A fault or an endless loop is a failure of the test it happens in, and the next one runs.

Examples:
  hil target-test                        all images that are meant to pass, on the default board
  hil target-test --list                 what there is
  hil target-test uart '*::lan9118::*'   tests whose id contains or fits this
  hil target-test --via probe            through the board's debug probe
  hil target-test --image harness        an image whose tests fail on purpose";

/// Judges socket implementations on real, emulated and native boards.
#[derive(Debug, Parser)]
#[command(name = "hil", version, after_help = EXITS, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    /// When to use colour (NO_COLOR is honoured)
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(super) color: Colour,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run cases on boards and judge what both ends saw
    #[command(after_help = format!("{RUN_EXAMPLES}\n\n{EXITS}"))]
    Run(Box<Run>),
    /// List the cases there are
    List(List),
    /// List the boards of boards.toml, or what is attached to this machine
    #[command(after_help = BOARDS_EXAMPLES)]
    Boards(Boards),
    /// Look for what is missing on this machine, and say how to get it
    Doctor(Doctor),
    /// Explain a case, an error code of the API, an exit code, a verdict or its cause
    #[command(after_help = "\
Examples:
  hil explain tcp/recv/after-orderly-close
  hil explain WOULD_BLOCK        or: hil explain -3001
  hil explain board-lost         or: hil explain crash
  hil explain exit               or: hil explain exit 97")]
    Explain(Explain),
    /// Show a finished run again, from its events
    Report(Report),
    /// Measure link, engine, port and image of boards, one after another
    #[command(after_help = BENCH_NOTES)]
    Bench(Bench),
    /// Debug probes
    Probe(Probe),
    /// Run the tests of the firmware's crates and drivers on the target itself
    #[command(name = "target-test", after_help = format!("{TARGET_TEST_NOTES}\n\n{EXITS}"))]
    TargetTest(TargetTest),
}

#[derive(Debug, Args)]
pub(super) struct Probe {
    #[command(subcommand)]
    pub(super) command: ProbeCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum ProbeCommand {
    /// Emulate a board behind a debug probe that probe-rs and its tools open like any other
    #[command(after_help = PROBE_SERVE_NOTES)]
    Serve(ProbeServe),
}

#[derive(Debug, Args)]
pub(super) struct ProbeServe {
    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// Board to serve, of kind qemu [default: `default` of boards.toml]
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    pub(super) board: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) selection: Selection,

    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// Board to run on (repeatable; boards run side by side) [default: `default` of boards.toml]
    #[arg(long = "board", value_name = "NAME", help_heading = "Where")]
    pub(super) boards: Vec<String>,

    /// Link to use instead of the board's default: unix, serial, rtt
    #[arg(long, value_name = "KIND", help_heading = "Where")]
    pub(super) link: Option<LinkKind>,

    /// Lan instead of the board's: auto, loopback, user, wire, none, nic=NAME or nic=NAME,exclusive
    #[arg(long, value_name = "KIND", help_heading = "Where")]
    pub(super) lan: Option<Lan>,

    /// Cases of at most this profile; a case named in full always runs
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "full",
        help_heading = "What"
    )]
    pub(super) profile: ProfileName,

    /// Seed of all randomness [default: a new one, printed]
    #[arg(long, value_name = "N", help_heading = "How")]
    pub(super) seed: Option<u64>,

    /// Impair every frame both ways, on a lan whose cable the runner owns: loss=5%,dup=1%,reorder=1%,
    /// corrupt=0.1%,delay=10ms,jitter=5ms,rate=10M,towards=board. The seed decides which frames; cases
    /// that stay valid have the tag impairable
    #[arg(long, value_name = "WHAT", help_heading = "How")]
    pub(super) impair: Option<plan::Impair>,

    /// Try a failed case again up to N times; if it passes then, it is flaky
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "How")]
    pub(super) retries: u32,

    /// Run everything N times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000), help_heading = "How")]
    pub(super) repeat: u32,

    /// Run the cases of a board one after another (this version always does)
    #[arg(long, help_heading = "How")]
    pub(super) serial_cases: bool,

    /// Directory of this run [default: target/hil/RUN, beside boards.toml]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) out: Option<PathBuf>,

    /// Write every event as a line of JSON; with - to standard output and nothing else there
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) json: Option<PathBuf>,

    /// Write a JUnit report
    #[arg(long, value_name = "FILE", help_heading = "Output", value_parser = a_file)]
    pub(super) junit: Option<PathBuf>,

    /// Show the steps of every case, and all of every failure
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
}

/// What to select.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// Cases: a part of their id, or a pattern with * and ? for all of it
    #[arg(value_name = "CASE", help_heading = "What")]
    pub(super) patterns: Vec<String>,

    /// Only this suite (repeatable)
    #[arg(long = "suite", value_name = "NAME", help_heading = "What")]
    pub(super) suites: Vec<String>,

    /// Only cases with this tag (repeatable: all of them)
    #[arg(long = "tag", value_name = "NAME", help_heading = "What")]
    pub(super) tags: Vec<String>,
}

impl Selection {
    pub(super) fn within(&self, profile: Profile) -> plan::Selection {
        plan::Selection {
            suites: self.suites.clone(),
            patterns: self.patterns.clone(),
            tags: self.tags.clone(),
            profile,
        }
    }
}

/// Which boards there are.
#[derive(Debug, Args)]
pub(super) struct Inventory {
    /// The file of boards [default: boards.toml here or in a parent directory]
    #[arg(long = "boards", value_name = "FILE", help_heading = "Where")]
    pub(super) file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    pub(super) selection: Selection,

    /// Cases of at most this profile [default: all]
    #[arg(
        long,
        value_name = "PROFILE",
        default_value = "soak",
        hide_default_value = true,
        help_heading = "What"
    )]
    pub(super) profile: ProfileName,

    /// An object of JSON per case and line
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Boards {
    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// List the debug probes and serial ports of this machine instead, each as a table for boards.toml
    #[arg(long, conflicts_with = "file")]
    pub(super) discover: bool,

    /// List the chips that can be named under link.rtt instead, those whose name contains PART
    #[arg(long, value_name = "PART", conflicts_with_all = ["discover", "file"])]
    pub(super) chips: Option<String>,

    /// An object of JSON per probe or port, and line
    #[arg(long, requires = "discover")]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// Only what this board needs (repeatable)
    #[arg(long = "board", value_name = "NAME", help_heading = "Where")]
    pub(super) boards: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A case, a code (WOULD_BLOCK or -3001), a verdict, a cause (crash, silent), a step on the way back to a lost board
    /// (resync, reset), or `exit` with or without a number
    #[arg(value_name = "WHAT", required = true, num_args = 1..=2, allow_negative_numbers = true)]
    pub(super) what: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Report {
    /// A run: its name or its directory
    #[arg(value_name = "RUN", default_value = "latest")]
    pub(super) run: String,

    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// Write every event as a line of JSON; with - to standard output and nothing else there
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    /// Write a JUnit report
    #[arg(long, value_name = "FILE", value_parser = a_file)]
    pub(super) junit: Option<PathBuf>,

    /// Show the steps of every case, and all of every failure
    #[arg(short, long)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// Board to measure (repeatable; never two at once) [default: `default` of boards.toml]
    #[arg(long = "board", value_name = "NAME", help_heading = "Where")]
    pub(super) boards: Vec<String>,

    /// Link to use instead of the board's default (repeatable; measured one after another, shown side by side): unix, serial, rtt
    #[arg(long = "link", value_name = "KIND", help_heading = "Where")]
    pub(super) links: Vec<LinkKind>,

    /// Lan instead of the board's: auto, loopback, user, wire, none, nic=NAME or nic=NAME,exclusive
    #[arg(long, value_name = "KIND", help_heading = "Where")]
    pub(super) lan: Option<Lan>,

    /// How often each of the two fixed cases runs
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) samples: u32,

    /// Directory of this run [default: target/hil/bench-RUN, beside boards.toml]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) out: Option<PathBuf>,

    /// Write the figures, an object of JSON per board and link and line; with - to standard output and nothing else there
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) json: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct TargetTest {
    /// Tests: a part of their id, or a pattern with * and ? for all of it
    #[arg(value_name = "TEST", help_heading = "What")]
    pub(super) patterns: Vec<String>,

    /// Image of tests (repeatable) [default: all but those that fail on purpose]
    #[arg(long = "image", value_name = "NAME", help_heading = "What")]
    pub(super) images: Vec<String>,

    /// A finished image instead: an ELF file with tests of embedded-test or defmt-test
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "images",
        help_heading = "What"
    )]
    pub(super) elf: Option<PathBuf>,

    /// Run the ignored tests, too
    #[arg(long, help_heading = "What")]
    pub(super) include_ignored: bool,

    /// List the tests instead of running them
    #[arg(long, help_heading = "What")]
    pub(super) list: bool,

    #[command(flatten)]
    pub(super) inventory: Inventory,

    /// Board to run on [default: `default` of boards.toml]
    #[arg(long, value_name = "NAME", help_heading = "Where")]
    pub(super) board: Option<String>,

    /// How the tests get there [default: emulator, where the board is one]
    #[arg(long, value_name = "WAY", help_heading = "Where")]
    pub(super) via: Option<Via>,

    /// How long a test may take that does not say so itself, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400), help_heading = "How")]
    pub(super) timeout: u32,

    /// Directory of this run [default: target/hil/RUN, beside boards.toml]
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(super) out: Option<PathBuf>,

    /// Write every event as a line of JSON; with - to standard output and nothing else there
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(super) json: Option<PathBuf>,

    /// Write a JUnit report
    #[arg(long, value_name = "FILE", help_heading = "Output", value_parser = a_file)]
    pub(super) junit: Option<PathBuf>,

    /// Show the log of every test, and all of every failure
    #[arg(short, long, help_heading = "Output")]
    pub(super) verbose: bool,
}

/// How tests get to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Via {
    /// The emulator starts each test itself.
    Emulator,
    /// A debug probe, real or emulated, flashes the image and starts each test.
    Probe,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Colour {
    pub(super) fn on(self, terminal: bool) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }
}

/// [`Profile`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ProfileName {
    /// At most 2 s per case.
    Quick,
    /// At most 5 s per case, and quick.
    Full,
    /// All, however long.
    Soak,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Quick => Self::Quick,
            ProfileName::Full => Self::Full,
            ProfileName::Soak => Self::Soak,
        }
    }
}

/// The name of a file: what would mean standard output elsewhere would make a file called `-` here.
fn a_file(word: &str) -> Result<PathBuf, &'static str> {
    match word {
        "-" => Err("a file is needed; standard output is for people, or for --json -"),
        word => Ok(word.into()),
    }
}
