//! Waiting for a board that has just been greeted to have its address: some are started and greeted in less time
//! than a lease takes.
//!
//! Must not: judge; whether the interface should have come up is for the cases to say.

use core::time::Duration;
use std::time::Instant;

use hil_kit::dut::Returned;
use hil_kit::{Dut, Identity};
use nsapi::Capability;
use nsapi::interface::Status;
use nsapi_protocol::Op;

/// Longest wait, on the reference: a lease needs two round trips, and one repetition if a frame was lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// Beyond it, for the answer itself.
const ANSWER: Duration = Duration::from_secs(1);

/// Returns when the interface is no longer on its way up, or when that takes too long.
pub(super) async fn come_up(dut: &Dut, identity: &Identity, scale: f64) {
    // Who cannot be asked comes up in its own time.
    if !identity.claims.has(Capability::Interface) {
        return;
    }
    let answer = dut
        .call(Op::InterfaceStatus, Instant::now() + ANSWER.mul_f64(scale))
        .await;
    let on_its_way = [Status::Connecting, Status::LocalUp].map(|it| it as i32);
    match answer.map(|answer| answer.returned) {
        Ok(Returned::Code(code)) if on_its_way.contains(&code) => {}
        _ => return,
    }
    let patience = PATIENCE.mul_f64(scale);
    let wait = Op::AwaitStatus {
        // Nobody's: no case has begun.
        scope: 0,
        statuses: 1 << Status::GlobalUp as u8 | 1 << Status::Disconnected as u8,
        timeout_ms: u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
    };
    // Trouble shows again in the first case, where it can be told.
    let _ = dut
        .call(wait, Instant::now() + patience + ANSWER.mul_f64(scale))
        .await;
}
