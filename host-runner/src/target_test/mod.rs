//! Tests on the target: images of embedded-test and defmt-test, run on the emulator as it is or through a debug
//! probe, and reported like cases.
//!
//! ```text
//!  images ── Image::read ──> tests ── run ──┬─ emulator: one per test ──┬── End, log ── judge ──> events
//!                                           └─ probe: one child for all ┘
//! ```
//!
//! Must not: know an agent, a port or a lan; the images here have none.

mod image;
pub mod images;
pub mod judge;
pub mod probe;
pub mod run;
mod select;
pub mod steps;
mod way;

pub use image::{BadImage, Framework, Image, Test};
pub use run::{Picked, Plan, run};
pub use select::{NoSuchTest, select};
pub use way::{Via, Way};

/// The suite that all these tests are reported in.
pub const SUITE: &str = "target";
