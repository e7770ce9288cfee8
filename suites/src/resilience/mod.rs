//! What a stack must come through: awkward sizes, a bad cable, an attack.

mod flood;
mod impaired;
mod sizes;
