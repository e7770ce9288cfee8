//! What a run will do, decided before anything is started: which cases are selected ([`select()`]) and, once a
//! board has been greeted, which of them apply to it ([`applies()`]).
//!
//! Pure: no clock, no files, no board.

mod applies;
mod impair;
mod select;
#[cfg(test)]
mod tests;

pub use applies::{Applies, Claims, LanFacts, applies};
pub use impair::{Impair, ImpairError};
pub(crate) use select::similar;
pub use select::{CasePattern, NothingSelected, Selection, select};
