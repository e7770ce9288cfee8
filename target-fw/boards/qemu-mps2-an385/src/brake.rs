//! What to do after one crash upon the other: without a brake a board that crashes while it starts would
//! start for ever, and nobody would be told why.
//!
//! Must not: know where the count is kept, or what is left off.

/// Crashes in a row, none of them with a runner there, after which the network is left off.
const QUIET: u32 = 3;
/// Crashes in a row after which the board stops: even what is left when the network is off crashes.
const STOP: u32 = 6;

/// How to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// As always.
    Normal,
    /// Without the network, so that a runner can be told of the last crash.
    Quiet,
    /// Not at all.
    Stop,
}

impl Course {
    /// The course after so many crashes since a runner was last there.
    pub(crate) const fn after(crashes: u32) -> Self {
        match crashes {
            0..QUIET => Self::Normal,
            QUIET..STOP => Self::Quiet,
            STOP.. => Self::Stop,
        }
    }
}

/// A number in memory that holds anything after power-on.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct Count {
    value: u32,
    /// The complement of `value`.
    check: u32,
}

impl Count {
    /// The number; 0 if the memory holds none.
    pub(crate) const fn get(self) -> u32 {
        if self.check == !self.value {
            self.value
        } else {
            0
        }
    }

    /// Puts a number there.
    pub(crate) const fn set(&mut self, value: u32) {
        (self.value, self.check) = (value, !value);
    }

    /// Counts one more and returns the number.
    pub(crate) const fn add(&mut self) -> u32 {
        self.set(self.get().wrapping_add(1));
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_that_only_crashes_comes_to_a_halt() {
        let mut crashes = Count {
            value: 0xdead_beef,
            check: 0,
        };
        let mut courses = Vec::new();
        loop {
            let course = Course::after(crashes.get());
            courses.push(course);
            if course == Course::Stop {
                break;
            }
            crashes.add();
        }
        assert_eq!(courses[..3], [Course::Normal; 3]);
        assert_eq!(
            courses[3..],
            [Course::Quiet, Course::Quiet, Course::Quiet, Course::Stop]
        );
    }

    #[test]
    fn a_runner_in_between_lets_it_begin_anew() {
        let mut crashes = Count {
            value: 5,
            check: !5,
        };
        assert_eq!(Course::after(crashes.get()), Course::Quiet);
        crashes.set(0);
        crashes.add();
        assert_eq!(Course::after(crashes.get()), Course::Normal);
    }

    #[test]
    fn a_number_without_its_check_word_is_none() {
        for (value, check) in [(7, 7), (0, 0), (u32::MAX, u32::MAX), (1, !2)] {
            let mut count = Count { value, check };
            assert_eq!(count.get(), 0);
            assert_eq!(count.add(), 1);
            assert_eq!(count.get(), 1);
        }
    }
}
