//! The status an image ends with. The runner knows the same numbers (host-runner/src/target_test/judge.rs).

/// A test panicked.
pub const PANICKED: i32 = 101;
/// The core faulted, or an interrupt came that nobody handles.
pub const FAULTED: i32 = 102;
