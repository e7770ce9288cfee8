//! Local addresses and ports, using them again, and addresses as text.

mod bind;
mod own;
mod reuse;
mod text;
