//! Percentiles, and the file of raw samples.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::Serialize;

/// Median and 99th percentile.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the samples are at most this.
    pub p50: f64,
    /// 99 of 100 samples are at most this.
    pub p99: f64,
}

impl Percentiles {
    /// Of these samples, in any order; `None` if there are none.
    #[must_use]
    pub fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            p50: nearest_rank(&sorted, 50)?,
            p99: nearest_rank(&sorted, 99)?,
        })
    }
}

/// The smallest sample that at least `percent` of 100 of all do not exceed: always one that was measured.
fn nearest_rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// The raw samples of a board, as a table: `measure,sample,value,unit`.
#[derive(Debug)]
pub(super) struct Samples(BufWriter<File>);

impl Samples {
    /// A new file, and the directory it is in.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut file = BufWriter::new(File::create(path)?);
        writeln!(file, "measure,sample,value,unit")?;
        Ok(Self(file))
    }

    /// Writes the samples of one measure, in the order they were taken.
    pub(super) fn write(&mut self, measure: &str, unit: &str, values: &[f64]) -> io::Result<()> {
        for (index, value) in values.iter().enumerate() {
            writeln!(self.0, "{measure},{index},{value},{unit}")?;
        }
        Ok(())
    }

    /// Everything is in the file.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let of = |samples: &[f64]| Percentiles::of(samples).map(|it| (it.p50, it.p99));
        assert_eq!(of(&hundred), Some((50.0, 99.0)));
        assert_eq!(of(&hundred[1..]), Some((50.0, 99.0)), "99 samples");
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some((2.0, 3.0)));
        assert_eq!(of(&[2.0, 1.0]), Some((1.0, 2.0)));
        assert_eq!(of(&[7.5]), Some((7.5, 7.5)));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_table_has_a_line_per_sample() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("board/samples.csv");
        let mut samples = Samples::create(&path).expect("a file");
        samples.write("a", "us", &[1.0, 2.5]).expect("written");
        samples.finish().expect("written");
        assert_eq!(
            fs::read_to_string(path).expect("a file"),
            "measure,sample,value,unit\na,0,1,us\na,1,2.5,us\n"
        );
    }
}
