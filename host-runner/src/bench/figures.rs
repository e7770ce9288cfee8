//! The figures of one board (design §8), made of what the phases measured.

use std::io;

use hil_kit::Case;
use serde::Serialize;

use super::cases;
use super::phase::PhaseDone;
use super::sizes::Sizes;
use super::stats::{Percentiles, Samples};

/// What was measured on one board; `None` is what was not.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Name in boards.toml.
    pub board: String,
    /// Name of the port.
    pub port: Option<String>,
    /// The board is emulated: its figures say little about silicon.
    pub emulated: bool,
    /// Kind of link.
    pub link: Option<String>,
    /// Name of the lan.
    pub lan: Option<String>,
    /// From a ping to its answer, on the host's clock, in microseconds.
    pub link_rtt_us: Option<Percentiles>,
    /// Payload of requests and of answers, in KiB (1024 bytes) per second.
    pub link_throughput_kib_s: BothWays,
    /// From the beginning of a case to the beginning of the next, in milliseconds.
    pub case_overhead_ms: Option<Overhead>,
    /// From running the board to the beginning of its first case, in milliseconds; the image is built before.
    pub start_to_first_case_ms: Option<f64>,
    /// Payload of a TCP stream whose every byte is checked, in millions of bits per second.
    pub tcp_goodput_mbit: BothWays,
    /// What the runner's cable adds to a round trip between the host's kernel and the board's stack, in microseconds:
    /// percentiles with the cable less those without the runner in between.
    pub wire_added_rtt_us: Option<Percentiles>,
    /// [`Self::tcp_goodput_mbit`] of the same two stacks joined without the runner in between.
    pub tcp_goodput_joined_mbit: BothWays,
    /// Code, constants and initial values in the image.
    pub text_bytes: Option<u64>,
    /// Memory given to variables and stack.
    pub ram_bytes: Option<u64>,
}

/// A rate in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct BothWays {
    /// Towards the board.
    pub to_board: Option<f64>,
    /// From the board.
    pub from_board: Option<f64>,
}

/// What a case costs beside what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Overhead {
    /// Of both cases together.
    #[serde(flatten)]
    pub both: Percentiles,
    /// Of the case that opens and closes a socket.
    pub open_close: Percentiles,
    /// Of the case with an echo of 64 bytes over TCP.
    pub echo_64: Percentiles,
}

impl Figures {
    pub(super) fn take_overhead(
        &mut self,
        done: &PhaseDone,
        samples: &mut Samples,
    ) -> io::Result<()> {
        if let Some(started) = &done.started {
            self.port = Some(started.identity.port.clone());
            self.link = Some(started.link.clone());
            self.lan = Some(started.lan.clone());
        }
        self.start_to_first_case_ms = done.times.start_to_first_case_ms();
        if let Some(start) = self.start_to_first_case_ms {
            samples.write("start_to_first_case", "ms", &[start])?;
        }
        let open_close = done.times.cycles_ms(&cases::OPEN_CLOSE);
        let echo_64 = done.times.cycles_ms(&cases::ECHO_64);
        samples.write("open_close", "ms", &open_close)?;
        samples.write("echo_64", "ms", &echo_64)?;
        // A case that fails early is no measure of one that works.
        if done.problems.is_empty() {
            let both = [open_close.as_slice(), echo_64.as_slice()].concat();
            self.case_overhead_ms = overhead(&both, &open_close, &echo_64);
        }
        Ok(())
    }

    /// What the cable costs: the same cases over it and without it.
    pub(super) fn take_wire(
        &mut self,
        cable: &PhaseDone,
        joined: &PhaseDone,
        samples: &mut Samples,
    ) -> io::Result<()> {
        let mut round_trips = |done: &PhaseDone, name: &str| {
            let Some((us, _)) = done.rounds(&cases::WIRE_ROUND_TRIP) else {
                return Ok(None);
            };
            samples.write(name, "us", &us)?;
            Ok::<_, io::Error>(Percentiles::of(&us))
        };
        let with = round_trips(cable, "wire_round_trip")?;
        let without = round_trips(joined, "joined_round_trip")?;
        self.wire_added_rtt_us = with.zip(without).map(|(with, without)| Percentiles {
            p50: rounded(with.p50 - without.p50),
            p99: rounded(with.p99 - without.p99),
        });
        let mut rate = |case: &Case| {
            let name = format!("joined_{}", case.function);
            Ok::<_, io::Error>(rate_of(joined, case, &name, samples)?.map(as_mbit))
        };
        self.tcp_goodput_joined_mbit = BothWays {
            to_board: rate(&cases::GOODPUT_TO_BOARD)?,
            from_board: rate(&cases::GOODPUT_FROM_BOARD)?,
        };
        Ok(())
    }

    pub(super) fn take_rates(&mut self, done: &PhaseDone, samples: &mut Samples) -> io::Result<()> {
        if let Some((us, _)) = done.rounds(&cases::LINK_ROUND_TRIP) {
            samples.write("link_round_trip", "us", &us)?;
            self.link_rtt_us = Percentiles::of(&us);
        }
        let mut rate = |case: &Case| rate_of(done, case, case.function, samples);
        let kib = |rate: Option<f64>| rate.map(|rate| rounded(rate * 1e6 / 1024.0));
        let mbit = |rate: Option<f64>| rate.map(as_mbit);
        self.link_throughput_kib_s = BothWays {
            to_board: kib(rate(&cases::LINK_TO_BOARD)?),
            from_board: kib(rate(&cases::LINK_FROM_BOARD)?),
        };
        self.tcp_goodput_mbit = BothWays {
            to_board: mbit(rate(&cases::GOODPUT_TO_BOARD)?),
            from_board: mbit(rate(&cases::GOODPUT_FROM_BOARD)?),
        };
        Ok(())
    }

    pub(super) const fn take_sizes(&mut self, sizes: Sizes) {
        self.text_bytes = Some(sizes.text);
        self.ram_bytes = Some(sizes.ram);
    }
}

/// Bytes per microsecond, which are millions of bytes per second, of a case that noted rounds.
fn rate_of(
    done: &PhaseDone,
    case: &Case,
    name: &str,
    samples: &mut Samples,
) -> io::Result<Option<f64>> {
    let Some((us, bytes)) = done.rounds(case) else {
        return Ok(None);
    };
    samples.write(name, "us", &us)?;
    let took: f64 = us.iter().sum();
    Ok((took > 0.0).then(|| bytes * us.len() as f64 / took))
}

/// Millions of bits per second.
fn as_mbit(rate: f64) -> f64 {
    rounded(rate * 8.0)
}

/// To three decimals: what is beyond them is noise.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn overhead(both: &[f64], open_close: &[f64], echo_64: &[f64]) -> Option<Overhead> {
    Some(Overhead {
        both: Percentiles::of(both)?,
        open_close: Percentiles::of(open_close)?,
        echo_64: Percentiles::of(echo_64)?,
    })
}
