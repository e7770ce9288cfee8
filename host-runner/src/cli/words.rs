//! The words in brackets behind a verdict, and the steps on the way back to a lost board, for `hil explain`.

use crate::report::Paint;

/// A word and what it means. A word that means two things stands here once.
type Word = (&'static str, &'static str);

/// Causes: `fail(crash)`, `board-lost(silent)`, `infra(probe)`.
const CAUSES: [Word; 31] = [
    (
        "crash",
        "the core faulted, panicked or locked up during this case, as the debug probe, the beacon that the image leaves in memory, the emulator or the system saw. Always fail. The report names the function, its file and line, and how it got there as far as that could be found out; then the board is reset and the run goes on. More: docs/src/crashes.md",
    ),
    (
        "hang",
        "a call was still open at its deadline while the agent answered on another lane; or the agent fell silent and probe or process state showed its core computing without a pause inside the implementation. Always fail, with where the core was if a probe could look. More: docs/src/crashes.md",
    ),
    (
        "silent",
        "the agent did not answer any more, not even a ping, and nothing showed why. Look at the target's log in the evidence",
    ),
    (
        "rebooted",
        "the board restarted in the middle without having left a beacon: a brown-out, a watchdog, somebody's finger",
    ),
    (
        "gone",
        "what runs or reaches the board has ended: its process, its emulator, its debug probe. The reason says how",
    ),
    (
        "given-up",
        "the board was brought back several times and lost again each time before a case could be judged; all its remaining cases are lost at once instead of each waiting for a deadline of its own",
    ),
    (
        "link",
        "the bytes to the agent do not get through: the port is not there, is in use, or was unplugged. `hil doctor --board NAME` looks for it",
    ),
    (
        "probe",
        "the debug probe or the chip behind it cannot be used: not plugged in, not permitted, in use, another chip, no power, no RTT. The reason says which and what to do; `hil doctor --board NAME` says it without a run",
    ),
    (
        "dead-rtt",
        "no RTT control block where the image has it: the core is not running that image, crashed before it got that far, or was built without RTT. The reason says what the core does. Its cause in reports is `probe`",
    ),
    (
        "power",
        "as a cause: the power command of boards.toml failed. As a step on the way back to a lost board: that command is run, and everything begins anew. The last step there is",
    ),
    (
        "crashed",
        "the board crashed before its agent could be greeted; the reason says where",
    ),
    (
        "late",
        "something was not done in its time: the reason says what",
    ),
    (
        "lan",
        "the lan could not do its part: no wire on this machine, frames lost by the rig, no address for the board. `hil doctor` says what would unlock the wire",
    ),
    (
        "image",
        "the firmware does not build, or the image is none for this board",
    ),
    (
        "locked",
        "another run uses the board or its probe; the reason says which process",
    ),
    (
        "missing",
        "a program that is needed is not installed: `hil doctor` says how to get it",
    ),
    ("qemu", "the emulator refused to do what was asked of it"),
    (
        "file",
        "a file or directory of the rig could not be read or written",
    ),
    ("fixture", "a peer on the host could not do its part"),
    (
        "rejected",
        "the agent refused a request that the case had every reason to make",
    ),
    (
        "case-bug",
        "the case is wrong, not the port: it panicked, or used the kit as it must not be used",
    ),
    (
        "overdue",
        "the case had used up its time although every call came back",
    ),
    (
        "rig-slow",
        "a time limit was broken while the machine was too busy to judge that; repeat the case on a quieter one",
    ),
    (
        "uncontrolled",
        "a case recorded traits without a positive control: a defect of the case",
    ),
    (
        "panic",
        "a test on the target panicked, and was not to; the reason is what it said, and where",
    ),
    (
        "log",
        "what the target said could not be read, and without it nothing can be said about its tests",
    ),
    (
        "no-class",
        "the port claims neither ip nor nidd, so there is nothing to judge",
    ),
    (
        "build",
        "the firmware does not build; the reason is the end of what the compiler said",
    ),
    (
        "lock",
        "another run uses the board; the reason says which process",
    ),
    (
        "start",
        "a program that is needed did not start, ended at once, or was not ready in its time",
    ),
    (
        "rig",
        "other trouble of the equipment; the reason says what",
    ),
];

/// Steps on the way back to a lost board.
const STEPS: [Word; 4] = [
    (
        "resync",
        "the agent is greeted again over the same bytes, which makes it forget all that was before. The first step on the way back to a lost board",
    ),
    (
        "reset",
        "the core is reset by its debug probe and the image started again. A step on the way back to a lost board",
    ),
    (
        "reflash",
        "the image is written again and started. A step on the way back to a lost board, for one whose memory was damaged",
    ),
    (
        "start-again",
        "what runs or reaches the board (process, emulator, debug probe) is ended and everything begins anew. A step on the way back to a lost board",
    ),
];

/// Explains a cause or a step.
pub(super) fn explain(word: &str, paint: Paint) -> Option<String> {
    // `fail(crash)`, as it stands in a report.
    let word = match word.split_once('(') {
        Some((_, inner)) => inner.strip_suffix(')')?,
        None => word,
    };
    let (name, meaning) = all().find(|(name, _)| *name == word)?;
    Some(format!("{}: {meaning}\n", paint.bold(name)))
}

/// The words.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}

fn all() -> impl Iterator<Item = &'static Word> {
    CAUSES.iter().chain(&STEPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Verdict;

    #[test]
    fn no_word_stands_twice_or_hides_a_verdict() {
        let mut names: Vec<_> = names().collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        for verdict in Verdict::ALL {
            assert!(!names.contains(&verdict.name()), "{verdict}");
        }
    }

    #[test]
    fn a_word_may_be_given_as_a_report_shows_it() {
        let plain = Paint::new(false);
        assert_eq!(explain("fail(crash)", plain), explain("crash", plain));
        assert!(explain("crash", plain).is_some());
        assert_eq!(explain("fail(crash", plain), None);
        assert_eq!(explain("nonsense", plain), None);
    }
}
