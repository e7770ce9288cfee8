//! What can be wrong with an agent.

/// One misdeed, named as the program is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing wrong with the protocol.
    Obedient,
    /// Runs, but never listens.
    Deaf,
    /// Takes every request and answers none.
    Silent,
    /// Answers with noise.
    Garbage,
    /// Answers somebody else's Hello.
    WrongNonce,
    /// Is another board.
    WrongBoard,
    /// Runs another image.
    WrongImage,
    /// Speaks another protocol.
    WrongProtocol,
    /// Was reset by a fault before anybody greeted it.
    Faulted,
    /// Reboots in the middle, once.
    Reboots,
    /// Reboots in the middle after a fault, once.
    Crashes,
    /// Ends in the middle, once.
    Dies,
    /// Answers nothing more from the middle on, until it is restarted.
    Freezes,
    /// Computes without a pause from the middle on, until it is restarted.
    Loops,
    /// Answers with noise from the middle on, until it is restarted.
    Babbles,
}

const MODES: [(&str, Mode); 15] = [
    ("obedient", Mode::Obedient),
    ("deaf", Mode::Deaf),
    ("silent", Mode::Silent),
    ("garbage", Mode::Garbage),
    ("wrong-nonce", Mode::WrongNonce),
    ("wrong-board", Mode::WrongBoard),
    ("wrong-image", Mode::WrongImage),
    ("wrong-protocol", Mode::WrongProtocol),
    ("faulted", Mode::Faulted),
    ("reboots", Mode::Reboots),
    ("crashes", Mode::Crashes),
    ("dies", Mode::Dies),
    ("freezes", Mode::Freezes),
    ("loops", Mode::Loops),
    ("babbles", Mode::Babbles),
];

impl Mode {
    /// The mode of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        MODES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, mode)| *mode)
    }

    /// All names, for a message.
    pub(crate) fn names() -> String {
        MODES.map(|(name, _)| name).join(", ")
    }

    /// Behaves up to the middle.
    pub(crate) fn strikes_in_the_middle(self) -> bool {
        matches!(
            self,
            Self::Reboots
                | Self::Crashes
                | Self::Dies
                | Self::Freezes
                | Self::Loops
                | Self::Babbles
        )
    }
}
