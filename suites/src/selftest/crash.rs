//! Each way in which an agent can break its board. What is right stands in each case's text, and is checked by a test of
//! the runner: a case cannot judge its own death.

use hil_kit::{CrashKind, Ctx, Outcome, case};

/// A read of an address where nothing is ends the case as a bus fault.
///
/// Right is `fail(crash)`, with the function that reads, its file and line, and the address.
#[case(level = Must, cite = ["selftest.crash.bus-fault"], needs = [CrashCommands], profile = Quick)]
async fn bus_fault(cx: &mut Ctx) -> Outcome {
    cx.crash(CrashKind::BusFault).await
}

/// An instruction that is none ends the case as a usage fault.
///
/// Right is `fail(crash)`, with the function that holds it, its file and line.
#[case(level = Must, cite = ["selftest.crash.undefined-instruction"], needs = [CrashCommands], profile = Quick)]
async fn undefined_instruction(cx: &mut Ctx) -> Outcome {
    cx.crash(CrashKind::UndefinedInstruction).await
}

/// A function that calls itself without end ends the case as a stack overflow.
///
/// Right is `fail(crash)` with that function. The core finds no room to save where it was, so it is found by what is
/// left on the stack.
#[case(level = Must, cite = ["selftest.crash.stack-overflow"], needs = [CrashCommands], profile = Quick)]
async fn stack_overflow(cx: &mut Ctx) -> Outcome {
    cx.crash(CrashKind::StackOverflow).await
}

/// A panic ends the case as one.
///
/// Right is `fail(crash)` with the function that panics, its file and line, and what it says.
#[case(level = Must, cite = ["selftest.crash.panic"], needs = [CrashCommands], profile = Quick)]
async fn panics(cx: &mut Ctx) -> Outcome {
    cx.crash(CrashKind::Panic).await
}

/// A loop without end is told from a board that has gone away.
///
/// Right is `fail(hang)`; with the function that loops, its file and line, where somebody can look into the core.
#[case(level = Must, cite = ["selftest.crash.loop"], needs = [CrashCommands], profile = Quick, deadline_ms = 1000)]
async fn loops(cx: &mut Ctx) -> Outcome {
    cx.crash(CrashKind::Loop).await
}

/// A fault in the handler of a fault stops the core, and the board still comes back.
///
/// Right is `fail(crash)`, with what the emulator says of it or the probe sees.
#[case(level = Must, cite = ["selftest.crash.lockup"], needs = [CrashCommands], profile = Quick)]
async fn locks_up(cx: &mut Ctx) -> Outcome {
    cx.crash(CrashKind::Lockup).await
}
