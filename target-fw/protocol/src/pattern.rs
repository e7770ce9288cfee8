//! Seeded patterns.
