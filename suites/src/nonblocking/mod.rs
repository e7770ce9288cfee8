//! Modes, timeouts, events, and calls ended by another lane.
