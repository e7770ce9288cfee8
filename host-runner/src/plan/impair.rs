//! What `--impair` asks for: `loss=5%,reorder=1%,dup=1%,corrupt=0.1%,delay=10ms,jitter=2ms,rate=10M,towards=board`.

use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use hil_kit::wire::{End, Impairment};
use thiserror::Error;

/// The longest delay: more is a cut cable.
const LONGEST: Duration = Duration::from_secs(10);
/// The lowest rate: with less, nothing passes in the time that a frame may wait.
const SLOWEST: u64 = 1000;

/// Impairment of every case of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impair(Impairment);

/// Why the words after `--impair` mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ImpairError {
    /// Nothing was asked for.
    #[error("nothing to impair: write, for example, loss=5%,delay=10ms")]
    Nothing,
    /// Not of the form `key=value`.
    #[error("\"{0}\" is no key=value, as loss=5% is")]
    NoPair(String),
    /// An unknown key.
    #[error(
        "unknown key \"{0}\"; known are loss, dup, reorder, corrupt, delay, jitter, reorder-by, rate and towards"
    )]
    Key(String),
    /// The same key again.
    #[error("\"{0}\" is there twice")]
    Twice(String),
    /// No share.
    #[error("{key}={value}: a share is wanted, as 5% or 0.05")]
    Share {
        /// The key.
        key: String,
        /// What stands behind it.
        value: String,
    },
    /// No time.
    #[error("{key}={value}: a time of at most 10 s is wanted, as 500us, 10ms or 1s")]
    Time {
        /// The key.
        key: String,
        /// What stands behind it.
        value: String,
    },
    /// No rate.
    #[error("rate={0}: bits per second are wanted, as 250k, 10M or 1G, and 1k at least")]
    Rate(String),
    /// No end of the cable.
    #[error("towards={0}: board or host is wanted")]
    Towards(String),
    /// Every frame suffers at most one of these.
    #[error("loss, dup, reorder and corrupt are more than 100% together")]
    TooMuch,
}

impl Impair {
    /// The impairment, decided by `seed`.
    #[must_use]
    pub const fn with_seed(self, seed: u64) -> Impairment {
        Impairment { seed, ..self.0 }
    }
}

impl FromStr for Impair {
    type Err = ImpairError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut it = Impairment::none(0);
        let mut seen: Vec<&str> = Vec::new();
        for pair in text.split(',').map(str::trim).filter(|it| !it.is_empty()) {
            let (key, value) = pair
                .split_once('=')
                .ok_or_else(|| ImpairError::NoPair(pair.into()))?;
            let (key, value) = (key.trim(), value.trim());
            match key {
                "loss" => it.loss = share(key, value)?,
                "dup" => it.duplicate = share(key, value)?,
                "reorder" => it.reorder = share(key, value)?,
                "corrupt" => it.corrupt = share(key, value)?,
                "delay" => it.delay = time(key, value)?,
                "jitter" => it.jitter = time(key, value)?,
                "reorder-by" => it.reorder_by = time(key, value)?,
                "rate" => it.rate = rate(value)?,
                "towards" => it.towards = Some(end(value)?),
                _ => return Err(ImpairError::Key(key.into())),
            }
            if seen.contains(&key) {
                return Err(ImpairError::Twice(key.into()));
            }
            seen.push(key);
        }
        let nothing = Impairment {
            towards: it.towards,
            reorder_by: it.reorder_by,
            ..Impairment::none(0)
        };
        if it == nothing {
            return Err(ImpairError::Nothing);
        }
        // Shares are read from decimals, so their sum may miss 1 by a little.
        if it.loss + it.duplicate + it.reorder + it.corrupt > 1.0 + 1e-9 {
            return Err(ImpairError::TooMuch);
        }
        Ok(Self(it))
    }
}

/// In the form that it is read in.
impl fmt::Display for Impair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(it) = self;
        let mut words = Vec::new();
        let shares = [
            ("loss", it.loss),
            ("dup", it.duplicate),
            ("reorder", it.reorder),
            ("corrupt", it.corrupt),
        ];
        for (key, share) in shares {
            if share > 0.0 {
                // To a millionth of a percent: what decimals become in binary is not shown.
                words.push(format!("{key}={}%", (share * 1e8).round() / 1e6));
            }
        }
        let usual = Impairment::none(0);
        let times = [
            ("delay", it.delay, usual.delay),
            ("jitter", it.jitter, usual.jitter),
            ("reorder-by", it.reorder_by, usual.reorder_by),
        ];
        for (key, time, usual) in times {
            if time != usual {
                words.push(format!("{key}={}us", time.as_micros()));
            }
        }
        if it.rate > 0 {
            words.push(format!("rate={}", it.rate));
        }
        match it.towards {
            Some(End::Board) => words.push("towards=board".into()),
            Some(End::Host) => words.push("towards=host".into()),
            None => {}
        }
        f.write_str(&words.join(","))
    }
}

fn share(key: &str, value: &str) -> Result<f64, ImpairError> {
    let (number, whole) = match value.strip_suffix('%') {
        Some(number) => (number.trim_end(), 100.0),
        None => (value, 1.0),
    };
    number
        .parse::<f64>()
        .ok()
        .map(|number| number / whole)
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| ImpairError::Share {
            key: key.into(),
            value: value.into(),
        })
}

fn time(key: &str, value: &str) -> Result<Duration, ImpairError> {
    let digits = value
        .find(|it: char| !it.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, unit) = value.split_at(digits);
    let time = match (number.parse::<u64>(), unit.trim_start()) {
        (Ok(number), "us") => Some(Duration::from_micros(number)),
        (Ok(number), "ms") => Some(Duration::from_millis(number)),
        (Ok(number), "s") => Some(Duration::from_secs(number)),
        _ => None,
    };
    time.filter(|time| *time <= LONGEST)
        .ok_or_else(|| ImpairError::Time {
            key: key.into(),
            value: value.into(),
        })
}

fn rate(value: &str) -> Result<u64, ImpairError> {
    let (number, factor) = match value.char_indices().next_back() {
        Some((at, 'k')) => (&value[..at], 1000),
        Some((at, 'M')) => (&value[..at], 1_000_000),
        Some((at, 'G')) => (&value[..at], 1_000_000_000),
        _ => (value, 1),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|rate| *rate >= SLOWEST)
        .ok_or_else(|| ImpairError::Rate(value.into()))
}

fn end(value: &str) -> Result<End, ImpairError> {
    match value {
        "board" => Ok(End::Board),
        "host" => Ok(End::Host),
        _ => Err(ImpairError::Towards(value.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Impairment, String> {
        text.parse::<Impair>()
            .map(|it| it.with_seed(7))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn reads_all_there_is() {
        let text = "loss=5%, dup=0.01,reorder=2.5%,corrupt=0.1%,delay=10ms,jitter=500us,reorder-by=1s,rate=10M,towards=host";
        let it = parsed(text).expect("it is right");
        assert_eq!(it.seed, 7);
        assert!((it.loss - 0.05).abs() < 1e-12);
        assert!((it.duplicate - 0.01).abs() < 1e-12);
        assert_eq!(it.delay, Duration::from_millis(10));
        assert_eq!(it.reorder_by, Duration::from_secs(1));
        assert_eq!(it.rate, 10_000_000);
        assert_eq!(it.towards, Some(End::Host));
        let shown = text.parse::<Impair>().expect("it is right").to_string();
        assert_eq!(
            shown,
            "loss=5%,dup=1%,reorder=2.5%,corrupt=0.1%,delay=10000us,jitter=500us,reorder-by=1000000us,rate=10000000,towards=host"
        );
        assert_eq!(parsed(&shown), parsed(text));
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("", "nothing to impair"),
            ("towards=board", "nothing to impair"),
            ("loss=0", "nothing to impair"),
            ("loss", "\"loss\" is no key=value"),
            ("lost=5%", "unknown key \"lost\""),
            ("loss=5", "loss=5: a share"),
            ("loss=-1%", "a share"),
            ("loss=nan", "a share"),
            ("loss=", "a share"),
            ("loss=5%,loss=6%", "twice"),
            ("loss=50%,dup=51%", "more than 100%"),
            ("delay=10", "a time"),
            ("delay=11s", "at most 10 s"),
            ("delay=99999999999999999999ms", "a time"),
            ("jitter=ms", "a time"),
            ("rate=0", "bits per second"),
            ("rate=10m", "bits per second"),
            ("rate=99999999999999999999G", "bits per second"),
            ("rate=é", "bits per second"),
            ("towards=me,loss=1%", "board or host"),
        ] {
            let error = parsed(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
